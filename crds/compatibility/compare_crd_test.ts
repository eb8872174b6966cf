import assert from "node:assert/strict";
import type { CrdVersion } from "../../kube/resources.ts";
import { verdictOf } from "./change.ts";
import { type ApiDefinition, compareApis } from "./compare_crd.ts";

const version = (name: string, rest: Partial<CrdVersion> = {}, spec: Record<string, object> = {}): CrdVersion => ({
  name,
  served: true,
  storage: false,
  schema: {
    openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties: spec } } },
  } as CrdVersion["schema"],
  subresources: { status: {} },
  ...rest,
});
const stored = { storage: true };
const api = (rest: Partial<ApiDefinition> = {}): ApiDefinition => ({
  group: "example.com",
  names: { plural: "dbs", kind: "Db" },
  scope: "Namespaced",
  versions: [version("v1", stored)],
  ...rest,
});
const of = (...versions: CrdVersion[]) => api({ versions });
const named = (rest: Partial<ApiDefinition["names"]>) => api({ names: { plural: "dbs", kind: "Db", ...rest } });
const webhook = (service: string, caBundle = "a"): ApiDefinition =>
  api({
    conversion: {
      strategy: "Webhook",
      webhook: { clientConfig: { service: { name: service }, caBundle }, conversionReviewVersions: ["v1"] },
    },
  });
const size = { size: { type: "integer" } };
const column = { name: "Size", type: "string", jsonPath: ".spec.size" };
const scale = { specReplicasPath: ".spec.size", statusReplicasPath: ".status.size" };

const CASES: [title: string, before: ApiDefinition, after: ApiDefinition, want: string][] = [
  ["nothing", api(), api(), "safe"],
  ["another group", api(), api({ group: "example.org" }), "breaking api-renamed"],
  ["another plural", api(), named({ plural: "databases" }), "breaking api-renamed"],
  ["another kind", api(), named({ kind: "Database" }), "breaking api-renamed names-changed"],
  ["another scope", api(), api({ scope: "Cluster" }), "breaking scope-changed"],
  ["names that were defaults", api(), named({ singular: "db", listKind: "DbList" }), "safe"],
  ["a short name more", api(), named({ shortNames: ["d"] }), "safe names-changed"],
  ["a short name less", named({ shortNames: ["d"] }), api(), "risky names-changed"],
  ["a category less", named({ categories: ["all"] }), api(), "risky names-changed"],
  ["another singular", api(), named({ singular: "database" }), "risky names-changed"],
  ["a version more", api(), of(version("v1", stored), version("v2")), "safe version-added"],
  ["a version less", of(version("v1", stored), version("v2")), api(), "breaking version-removed"],
  [
    "a version not served",
    of(version("v1", stored), version("v2")),
    of(version("v1", stored), version("v2", { served: false })),
    "breaking version-removed",
  ],
  [
    "a version gone that nobody could use",
    of(version("v1", stored), version("v2", { served: false })),
    api(),
    "safe",
  ],
  ["a deprecated version", api(), of(version("v1", { ...stored, deprecated: true })), "safe version-deprecated"],
  [
    "another version stored",
    of(version("v1", stored), version("v2")),
    of(version("v1"), version("v2", stored)),
    "risky storage-version-changed",
  ],
  [
    "another version stored that knows fewer fields",
    of(version("v1", stored, size), version("v2")),
    of(version("v1", {}, size), version("v2", stored)),
    "breaking field-removed storage-version-changed",
  ],
  [
    "another version stored, with a webhook that converts",
    { ...webhook("a"), ...of(version("v1", stored, size), version("v2")), conversion: webhook("a").conversion },
    { ...webhook("a"), ...of(version("v1", {}, size), version("v2", stored)), conversion: webhook("a").conversion },
    "risky storage-version-changed",
  ],
  ["a field more", api(), of(version("v1", stored, size)), "safe field-added"],
  ["a field less", of(version("v1", stored, size)), api(), "breaking field-removed"],
  ["conversion by a webhook", api(), webhook("a"), "risky conversion-changed"],
  ["another webhook", webhook("a"), webhook("b"), "risky conversion-changed"],
  ["a renewed certificate of the webhook", webhook("a"), webhook("a", "b"), "safe"],
  ["no status", api(), of(version("v1", { ...stored, subresources: {} })), "breaking subresource-changed"],
  ["a status", of(version("v1", { ...stored, subresources: {} })), api(), "risky subresource-changed"],
  ["a scale", api(), of(version("v1", { ...stored, subresources: { status: {}, scale } })), "safe subresource-changed"],
  [
    "no scale",
    of(version("v1", { ...stored, subresources: { status: {}, scale } })),
    api(),
    "breaking subresource-changed",
  ],
  [
    "another path of scale",
    of(version("v1", { ...stored, subresources: { status: {}, scale } })),
    of(version("v1", { ...stored, subresources: { status: {}, scale: { ...scale, labelSelectorPath: ".status.s" } } })),
    "risky subresource-changed",
  ],
  ["a column", api(), of(version("v1", { ...stored, additionalPrinterColumns: [column] })), "safe columns-changed"],
  ["no column", of(version("v1", { ...stored, additionalPrinterColumns: [column] })), api(), "safe columns-changed"],
  [
    "a field selector",
    api(),
    of(version("v1", { ...stored, selectableFields: [{ jsonPath: ".spec.size" }] })),
    "safe selectable-fields-changed",
  ],
  [
    "no field selector",
    of(version("v1", { ...stored, selectableFields: [{ jsonPath: ".spec.size" }] })),
    api(),
    "breaking selectable-fields-changed",
  ],
];

for (const [title, before, after, want] of CASES) {
  Deno.test(`compareApis() sees ${title}`, () => {
    const changes = compareApis(before, after);
    const [verdict, ...rules] = want.split(" ");
    assert.deepEqual(
      [verdictOf(changes), ...new Set(changes.map(({ rule }) => rule))].sort(),
      [verdict, ...rules].sort(),
      JSON.stringify(changes, null, 1),
    );
  });
}

Deno.test("compareApis() does not mind whether a schema names what every object has", () => {
  const meta = (properties: object): ApiDefinition =>
    of(version("v1", { ...stored, schema: { openAPIV3Schema: { type: "object", properties } as never } }));
  const all = { apiVersion: { type: "string" }, kind: { type: "string" }, metadata: { type: "object" } };
  assert.deepEqual(compareApis(meta(all), meta({})), []);
  assert.deepEqual(compareApis(meta({}), meta(all)), []);
  const short = { metadata: { type: "object", properties: { name: { type: "string", maxLength: 9 } } } };
  const [change, ...rest] = compareApis(meta(all), meta(short));
  assert.deepEqual(rest, []);
  assert.deepEqual([change?.verdict, change?.path, change?.version], ["breaking", "metadata.name", "v1"]);
});
