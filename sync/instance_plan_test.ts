import assert from "node:assert/strict";
import { BOUND_ANNOTATION, FIELD_MANAGER, SYNC_FINALIZER } from "../crds/names.ts";
import type { DynamicObject } from "../kube/types.ts";
import { planInstance, sameSpec, type Sides, type Step, toProviderObject } from "./instance_plan.ts";

type Change = (object: DynamicObject) => DynamicObject;

function db(...changes: Change[]): DynamicObject {
  const object: DynamicObject = {
    apiVersion: "mangodb.com/v1alpha1",
    kind: "MangoDB",
    metadata: { namespace: "default", name: "db", uid: "u1", resourceVersion: "1" },
    spec: { tier: "Shared" },
  };
  return changes.reduce((object, change) => change(object), object);
}

const meta = (metadata: Partial<DynamicObject["metadata"]>): Change => (object) => ({
  ...object,
  metadata: { ...object.metadata, ...metadata },
});
const held = meta({ finalizers: [SYNC_FINALIZER] });
const deleting = meta({ deletionTimestamp: "2026-01-01T00:00:00Z" });
const spec = (spec: unknown): Change => (object) => ({ ...object, spec });
const status = (status: unknown): Change => (object) => ({ ...object, status });
const annotated = (annotations: Record<string, string>): Change => (object) =>
  meta({ annotations: { ...object.metadata.annotations, ...annotations } })(object);

/** As our own server-side apply leaves it. */
const applied: Change = (object) => {
  const fields: Record<string, unknown> = {
    "f:metadata": { "f:annotations": { [`f:${BOUND_ANNOTATION}`]: {} } },
    "f:spec": Object.fromEntries(Object.keys(object.spec as object).map((name) => [`f:${name}`, {}])),
  };
  return meta({
    annotations: { [BOUND_ANNOTATION]: "true" },
    managedFields: [{ manager: FIELD_MANAGER, operation: "Apply", fieldsV1: fields }],
  })(object);
};

const cases: [name: string, sides: Sides, want: Step[]][] = [
  ["holds and applies a new object", { consumer: db() }, ["hold", "applySpec"]],
  ["applies again what the provider has lost", { consumer: db(held) }, ["applySpec"]],
  ["does nothing when both agree", { consumer: db(held), provider: db(applied) }, []],
  ["applies a changed spec", { consumer: db(held, spec({ tier: "Dedicated" })), provider: db(applied) }, ["applySpec"]],
  ["applies when the provider's value was changed", {
    consumer: db(held),
    provider: db(applied, spec({ tier: "Dedicated" })),
  }, ["applySpec"]],
  ["leaves alone what the provider's side added", {
    consumer: db(held),
    provider: db(applied, spec({ tier: "Shared", resourceRef: { name: "x" } })),
  }, []],
  ["applies when the consumer removed a field, however long ago", {
    consumer: db(held, spec({})),
    provider: db(applied),
  }, ["applySpec"]],
  ["takes an object over that was never applied", { consumer: db(held), provider: db() }, ["applySpec"]],
  ["copies the status down", { consumer: db(held), provider: db(applied, status({ phase: "Running" })) }, [
    "copyStatus",
  ]],
  ["removes a status that is gone", {
    consumer: db(held, status({ phase: "Running" })),
    provider: db(applied),
  }, ["copyStatus"]],
  ["does not write to an object the provider is deleting", {
    consumer: db(held, spec({ tier: "Dedicated" })),
    provider: db(applied, deleting),
  }, []],
  ["deletes on the provider first", { consumer: db(held, deleting), provider: db(applied) }, ["deleteProvider"]],
  ["waits while the provider deletes", { consumer: db(held, deleting), provider: db(applied, deleting) }, []],
  ["shows the provider's status while it deletes", {
    consumer: db(held, deleting),
    provider: db(applied, deleting, status({ phase: "Deleting" })),
  }, ["copyStatus"]],
  ["releases once the provider's object is gone", { consumer: db(held, deleting) }, ["release"]],
  ["leaves an object alone that others hold", { consumer: db(deleting), provider: db(applied) }, []],
  ["deletes what lost its consumer object", { provider: db(applied), isDeletionKnown: true }, ["deleteProvider"]],
  ["keeps what lost its consumer object unseen", { provider: db(applied) }, []],
  ["adopts what was made on the provider", { provider: db() }, ["adopt"]],
  ["does not adopt what the provider is deleting", { provider: db(deleting) }, []],
  ["needs nothing when both are gone", {}, []],
];
for (const [name, sides, want] of cases) {
  Deno.test(`planInstance() ${name}`, () => assert.deepEqual(planInstance(sides), want));
}

Deno.test("toProviderObject() takes every field but status, and no metadata of the consumer's cluster", () => {
  const consumer: DynamicObject = {
    ...db(held, status({ phase: "Running" }), meta({ labels: { team: "a" } })),
    data: { key: "value" },
  };
  assert.deepEqual(toProviderObject(consumer, { namespace: "cluster-x-default", name: "db" }), {
    apiVersion: "mangodb.com/v1alpha1",
    kind: "MangoDB",
    metadata: {
      namespace: "cluster-x-default",
      name: "db",
      labels: { team: "a" },
      annotations: { [BOUND_ANNOTATION]: "true" },
    },
    spec: { tier: "Shared" },
    data: { key: "value" },
  });
});

Deno.test("toProviderObject() leaves kubectl's own annotation on the consumer", () => {
  const consumer = db(annotated({ "kubectl.kubernetes.io/last-applied-configuration": "{}", note: "x" }));
  const { metadata } = toProviderObject(consumer, { namespace: "n", name: "db" });
  assert.deepEqual(metadata.annotations, { note: "x", [BOUND_ANNOTATION]: "true" });
});

Deno.test("toProviderObject() keeps the provider's values of labels that went up when the object was made", () => {
  const provider = db(applied, meta({ labels: { team: "changed", operator: "yes" } }));
  provider.metadata.managedFields![0]!.fieldsV1!["f:metadata"] = { "f:labels": { "f:team": {} } };
  const consumer = db(held, meta({ labels: { team: "a", late: "b" } }));
  assert.deepEqual(toProviderObject(consumer, provider.metadata, { provider }).metadata.labels, { team: "changed" });
});

Deno.test("sameSpec() tells numbers apart that a double cannot", () => {
  const exact = (text: string) => (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);
  const provider = db(spec({ size: exact("9007199254740993") }), applied);
  assert.equal(sameSpec(db(spec({ size: exact("9007199254740993") })), provider), true);
  assert.equal(sameSpec(db(spec({ size: exact("9007199254740992") })), provider), false);
});
