import { deepEqual, equal } from "node:assert/strict";
import type { APIServiceExport } from "../crds/api_service_export.ts";
import { sourceSpecHash, toExportSpec } from "../crds/export_schema.ts";
import { SOURCE_SPEC_HASH_ANNOTATION } from "../crds/names.ts";
import { newExport } from "./export_request_plan.ts";
import { planServiceExport } from "./service_export_plan.ts";
import { claim, crd, template } from "./test_objects.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
const before = toExportSpec(crd("dbs", "x.io", { properties: { plan: { type: "string" } } }));
const changed = toExportSpec(
  crd("dbs", "x.io", { properties: { plan: { type: "string" }, size: { type: "integer" } } }),
);
const claims = [claim("secrets")];
const current: APIServiceExport = {
  ...newExport("a", before, template("dbs", ["dbs", "x.io"], { claims }).spec, {
    consumerScope: "Namespaced",
    clusterScopedIsolation: "Prefixed",
  }),
  status: {
    conditions: [{ type: "Connected", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }],
  },
};
const inSync = (one: APIServiceExport): APIServiceExport => ({
  ...one,
  status: planServiceExport({ export: one, source: { spec: before }, claims }, NOW).status,
});

Deno.test("planServiceExport() marks an export that equals its CRD, and keeps the konnector's conditions", () => {
  const plan = planServiceExport({ export: current, source: { spec: before }, claims }, NOW);
  equal(plan.replacement, undefined);
  deepEqual(plan.status?.conditions?.map(({ type, status }) => [type, status]), [
    ["Connected", "True"],
    ["ProviderInSync", "True"],
  ]);
});

Deno.test("planServiceExport() has nothing to write afterwards", () => {
  deepEqual(planServiceExport({ export: inSync(current), source: { spec: before }, claims }, NOW), {});
});

Deno.test("planServiceExport() takes a changed CRD over, with its hash", () => {
  const { replacement, status } = planServiceExport(
    { export: inSync(current), source: { spec: changed }, claims },
    NOW,
  );
  equal(status, undefined);
  deepEqual(replacement?.spec.versions, changed.versions);
  equal(replacement?.metadata.annotations?.[SOURCE_SPEC_HASH_ANNOTATION], sourceSpecHash(changed));
  equal(replacement?.spec.informerScope, "Namespaced");
});

Deno.test("planServiceExport() does not rewrite an export that another backend hashed differently", () => {
  const foreign = structuredClone(inSync(current));
  foreign.metadata.annotations![SOURCE_SPEC_HASH_ANNOTATION] = "theirs";
  deepEqual(planServiceExport({ export: foreign, source: { spec: before }, claims }, NOW), {});
});

Deno.test("planServiceExport() follows the template's claims, and keeps them when the template is gone", () => {
  const more = [...claims, claim("configmaps")];
  const plan = planServiceExport({ export: inSync(current), source: { spec: before }, claims: more }, NOW);
  deepEqual(plan.replacement?.spec.permissionClaims, more);
  const none = planServiceExport({ export: inSync(current), source: { spec: before }, claims: [] }, NOW);
  equal(none.replacement && "permissionClaims" in none.replacement.spec, false);
  deepEqual(planServiceExport({ export: inSync(current), source: { spec: before } }, NOW), {});
});

Deno.test("planServiceExport() says why a CRD cannot be exported any more, and leaves the export as it is", () => {
  const { replacement, status } = planServiceExport({ export: current, source: { problem: "It is broken" } }, NOW);
  equal(replacement, undefined);
  const condition = status?.conditions?.find(({ type }) => type === "ProviderInSync");
  equal(condition?.reason, "CustomResourceDefinitionUpdateFailed");
  equal(condition?.severity, "Error");
  equal(condition?.message?.startsWith("It is broken."), true);
});
