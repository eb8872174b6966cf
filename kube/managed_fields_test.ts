import assert from "node:assert/strict";
import { provider, within } from "../tests/clusters.ts";
import { serveWidgets, type Widget } from "../tests/widgets.ts";
import { applyOver } from "./apply.ts";
import type { Api } from "./api.ts";
import { appliedFields, appliedPart, inheritFields, ownsMoreThan } from "./managed_fields.ts";
import type { ManagedFields } from "./types.ts";
import type { OpenApiSchema } from "./resources.ts";

const MANAGER = { name: "klutch-test" };
const text = { type: "string" };
const INNER: OpenApiSchema = { type: "object", properties: { c: text } };
const SCHEMA: OpenApiSchema = {
  type: "object",
  properties: {
    size: { type: "integer" },
    plan: { type: "string", default: "small" },
    nested: { type: "object", properties: { a: text, b: text, deep: INNER } },
    free: { type: "object", additionalProperties: text },
    list: { type: "array", items: text },
    set: { type: "array", "x-kubernetes-list-type": "set", items: text },
    numbers: { type: "array", "x-kubernetes-list-type": "set", items: { type: "integer" } },
    ports: {
      type: "array",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["port", "protocol"],
      items: {
        type: "object",
        required: ["port"],
        properties: {
          port: { type: "integer" },
          protocol: { type: "string", default: "TCP" },
          name: text,
          extra: INNER,
        },
      },
    },
    atomic: { type: "object", "x-kubernetes-map-type": "atomic", properties: { a: text, b: text } },
    maybe: { ...text, nullable: true },
    untyped: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  },
};

// deno-lint-ignore no-explicit-any
type Spec = any;

/** What was applied, what is desired now, and whether only another apply makes them agree. */
const cases: [name: string, applied: Spec, desired: Spec, ownsMore: boolean][] = [
  ["the same", { size: 1, nested: { a: "x" } }, { size: 1, nested: { a: "x" } }, false],
  ["another value", { size: 1 }, { size: 2 }, false],
  ["more than was applied", { size: 1 }, { size: 1, plan: "big", nested: { a: "x" } }, false],
  ["a field less", { size: 1, plan: "big" }, { size: 1 }, true],
  ["a nested field less", { nested: { a: "x", b: "y" } }, { nested: { a: "x" } }, true],
  ["a deep field less", { nested: { deep: { c: "x" } } }, { nested: { deep: {} } }, true],
  ["an object with all its fields less", { size: 1, nested: { a: "x", deep: { c: "x" } } }, { size: 1 }, true],
  ["an object that became empty", { nested: { a: "x", b: "y" } }, { nested: {} }, true],
  ["a spec that became empty", { size: 1, nested: { a: "x" } }, {}, true],
  ["no spec any more", { size: 1 }, undefined, true],
  ["a map that became empty", { free: { a: "1", "b/c~d": "2" } }, { free: {} }, true],
  ["an object that became empty inside an item", { ports: [{ port: 1, extra: { c: "x" } }] }, {
    ports: [{ port: 1, extra: {} }],
  }, true],
  ["a field with a default that was never applied", { size: 1 }, { size: 1 }, false],
  ["an empty object", { nested: {} }, { nested: {} }, false],
  ["an empty object less", { size: 1, nested: {} }, { size: 1 }, true],
  ["a map's entry less", { free: { a: "1", "b.c/d": "2" } }, { free: { a: "1" } }, true],
  ["a map with odd names", { free: { "b.c/d": "2", "f:x": "3", "": "4" } }, {
    free: { "b.c/d": "2", "f:x": "3", "": "4" },
  }, false],
  ["a list that is shorter: lists are replaced whole", { list: ["a", "b"] }, { list: ["a"] }, false],
  ["a list less", { size: 1, list: ["a"] }, { size: 1 }, true],
  ["a set's element less", { set: ["a", "b"] }, { set: ["b"] }, true],
  ["a set in another order", { set: ["a", "b"] }, { set: ["b", "a"] }, false],
  ["a set of numbers", { numbers: [1, 2] }, { numbers: [2, 1] }, false],
  ["a number less in a set", { numbers: [1, 2] }, { numbers: [2] }, true],
  ["an item less, by its keys", { ports: [{ port: 1 }, { port: 2 }] }, { ports: [{ port: 2 }] }, true],
  ["items in another order", { ports: [{ port: 1 }, { port: 2 }] }, { ports: [{ port: 2 }, { port: 1 }] }, false],
  [
    "a key with a default that is left out",
    { ports: [{ port: 1, name: "x" }] },
    { ports: [{ port: 1, name: "x" }] },
    false,
  ],
  [
    "items that differ in a key with a default",
    { ports: [{ port: 1, protocol: "UDP" }, { port: 1, protocol: "TCP" }] },
    { ports: [{ port: 1, protocol: "UDP" }] },
    true,
  ],
  ["a field less in an item", { ports: [{ port: 1, name: "x" }] }, { ports: [{ port: 1 }] }, true],
  ["a field less in an atomic map: replaced whole", { atomic: { a: "x", b: "y" } }, { atomic: { a: "x" } }, false],
  ["null", { maybe: null }, { maybe: null }, false],
  ["a null less", { size: 1, maybe: null }, { size: 1 }, true],
  ["untyped content", { untyped: { a: [{ b: 1 }] } }, { untyped: { a: [{ b: 1 }] } }, false],
  ["untyped content less", { untyped: { a: 1, b: { c: 2 } } }, { untyped: { a: 1, b: {} } }, true],
];

/** Without defaults, in a fixed order, and without empty lists of kinds that the API server does not keep. */
function settled(value: Spec): Spec {
  if (Array.isArray(value)) return value.map(settled).sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  if (typeof value !== "object" || value === null) return value;
  const { protocol: _, ...fields } = value;
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, settled(field)]));
}

/** One served API for all of them: a CRD takes seconds. */
Deno.test("fields that a manager owns and no longer wants are noticed, on objects really applied", async (t) => {
  using cluster = await provider();
  await using namespace = await cluster.namespace("managed-fields");
  await using widgets = await serveWidgets(cluster.client, SCHEMA);
  const api: Api<Widget> = cluster.client.api(widgets.resource);
  const widget = (name: string, spec: Spec): Widget => ({
    apiVersion: `${widgets.resource.group}/v1`,
    kind: "Widget",
    metadata: { namespace: namespace.name, name, labels: { mark: "1" } },
    ...(spec && { spec }),
  });
  const apply = (desired: Widget, current?: Widget) =>
    applyOver(api, { current, desired }, { fieldManager: MANAGER.name, force: true }, within(10_000));
  const key = (name: string) => ({ namespace: namespace.name, name });

  for (const [index, [name, applied, desired, ownsMore]] of cases.entries()) {
    await t.step(name, async () => {
      const object = await apply(widget(`case-${index}`, applied));
      assert.equal(ownsMoreThan(object, widget(`case-${index}`, applied), MANAGER), false, "what was applied is owned");
      assert.equal(ownsMoreThan(object, widget(`case-${index}`, desired), MANAGER), ownsMore);
      assert.deepEqual((appliedPart(object, MANAGER) as Widget).spec, applied);
      const after = await apply(widget(`case-${index}`, desired), object);
      assert.equal(ownsMoreThan(after, widget(`case-${index}`, desired), MANAGER), false, "another apply mends it");
      if (desired) assert.deepEqual(settled(after.spec), settled({ plan: "small", ...desired }));
    });
  }

  await t.step("what others own does not count", async () => {
    const object = await apply(widget("others", { size: 1 }));
    await api.mergePatch(key("others"), { spec: { plan: "big" }, status: { phase: "x" } }, {}, within(10_000));
    await api.mergePatch(key("others"), { status: { phase: "x" } }, { subresource: "status" }, within(10_000));
    const now = await api.get(key("others"), within(10_000));
    assert.notEqual(now.metadata.resourceVersion, object.metadata.resourceVersion);
    assert.equal(ownsMoreThan(now, widget("others", { size: 1 }), MANAGER), false);
  });

  await t.step("an object that was never applied, only created, counts as owning more", async () => {
    const created = await api.create(widget("created", { size: 1 }), within(10_000));
    assert.equal(ownsMoreThan(created, widget("created", { size: 1 }), MANAGER), true);
    const applied = await apply(widget("created", { size: 1 }));
    assert.equal(ownsMoreThan(applied, widget("created", { size: 1 }), MANAGER), false);
  });

  await t.step(
    "labels and annotations that were applied are told from those of others, with present values",
    async () => {
      const own: Widget = widget("metadata", { size: 1 });
      const labels = { "example.com/a": "1", b: "2" };
      await apply({ ...own, metadata: { ...own.metadata, labels, annotations: { note: "x" } } });
      await api.mergePatch(key("metadata"), { metadata: { labels: { c: "3", b: "changed" } } }, {}, within(10_000));
      const now = await api.get(key("metadata"), within(10_000));
      assert.deepEqual(appliedPart(now, MANAGER).metadata?.labels, { "example.com/a": "1" });
      assert.deepEqual(appliedPart(now, MANAGER).metadata?.annotations, { note: "x" });
      assert.deepEqual(appliedPart(now, { name: "nobody" }), {});
      assert.equal(ownsMoreThan(now, own, MANAGER), true);
    },
  );
});

const HEIR = { name: "heir", predecessor: "founder" };

const owned = (...managedFields: ManagedFields[]): Widget => ({
  apiVersion: "example.com/v1",
  kind: "Widget",
  metadata: { name: "a", managedFields: managedFields.map((entry) => ({ apiVersion: "example.com/v1", ...entry })) },
});
const created = (fieldsV1: ManagedFields["fieldsV1"]): ManagedFields => ({
  manager: "founder",
  operation: "Update",
  fieldsV1,
});
const applied = (fieldsV1: ManagedFields["fieldsV1"]): ManagedFields => ({
  manager: "heir",
  operation: "Apply",
  fieldsV1,
});

/** The sets of both, and what the heir owns afterwards. */
const inheritances: [name: string, founder: object, heir: object, want: object][] = [
  ["fields side by side", { "f:a": {} }, { "f:b": {} }, { "f:a": {}, "f:b": {} }],
  ["fields of the same object", { "f:o": { "f:a": {} } }, { "f:o": { "f:b": {} } }, {
    "f:o": { "f:a": {}, "f:b": {} },
  }],
  ["an object, and a field in it", { "f:o": {} }, { "f:o": { "f:b": {} } }, { "f:o": { ".": {}, "f:b": {} } }],
  ["a field, and the object it is in", { "f:o": { "f:a": {} } }, { "f:o": {} }, { "f:o": { ".": {}, "f:a": {} } }],
  ["items of a list", { "f:l": { 'k:{"n":1}': { ".": {}, "f:n": {} } } }, { "f:l": { 'k:{"n":2}': { ".": {} } } }, {
    "f:l": { 'k:{"n":1}': { ".": {}, "f:n": {} }, 'k:{"n":2}': { ".": {} } },
  }],
];
for (const [name, founder, heir, want] of inheritances) {
  Deno.test(`inheritFields() unites ${name}`, () => {
    const object = owned(applied({ ...heir }), created({ ...founder }));
    assert.deepEqual(inheritFields(object, HEIR), owned(applied({ ...want })).metadata.managedFields);
    assert.deepEqual(appliedFields(object, HEIR), want);
  });
}

Deno.test("inheritFields() makes the predecessor's entry the heir's own when it has none", () => {
  const others: ManagedFields[] = [
    { manager: "operator", operation: "Update", fieldsV1: { "f:b": {} } },
    { manager: "founder", operation: "Update", subresource: "status", fieldsV1: { "f:status": {} } },
    { manager: "founder", operation: "Apply", fieldsV1: { "f:c": {} } },
  ];
  const object = owned(created({ "f:a": {} }), ...others);
  const want = owned(...others, applied({ "f:a": {} })).metadata.managedFields;
  assert.deepEqual(inheritFields(object, HEIR), want);
});

Deno.test("inheritFields() leaves finalizers to those who set them", () => {
  const finalizers = { "f:finalizers": { ".": {}, 'v:"example.com/work"': {} } };
  const labels = { "f:labels": { "f:a": {} } };
  const object = owned(applied({ "f:metadata": finalizers }), created({ "f:metadata": labels }));
  assert.deepEqual(inheritFields(object, HEIR), owned(applied({ "f:metadata": labels })).metadata.managedFields);
  const alone = owned(applied({ "f:metadata": finalizers }), created({ "f:a": {} }));
  assert.deepEqual(inheritFields(alone, HEIR), owned(applied({ "f:a": {} })).metadata.managedFields);
});

Deno.test("inheritFields() leaves entries alone that it cannot unite, and has nothing to do without a predecessor", () => {
  const otherVersion = { ...created({ "f:a": {} }), apiVersion: "example.com/v1beta1" };
  assert.equal(inheritFields(owned(otherVersion, applied({ "f:b": {} })), HEIR), undefined);
  assert.equal(inheritFields(owned(applied({ "f:b": {} })), HEIR), undefined);
  assert.equal(inheritFields(owned(created({ "f:a": {} })), { name: "heir" }), undefined);
});
