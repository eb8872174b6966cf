import assert from "node:assert/strict";
import { BOUND_ANNOTATION } from "../crds/names.ts";
import { createLog } from "../kube/log.ts";
import type { CustomResourceDefinition } from "../kube/resources.ts";
import type { DynamicObject } from "../kube/types.ts";
import { eventually, within } from "../tests/clusters.ts";
import { mangoDb, mangoDbCrd } from "../tests/mangodb.ts";
import { openPair } from "./instance_fixture.ts";

/** As the usual one, with lists of each type and free objects. */
function crdWithLists(group: string): CustomResourceDefinition {
  const crd = mangoDbCrd(group);
  const { schema } = crd.spec.versions[0] as unknown as {
    schema: { openAPIV3Schema: { properties: { spec: { properties: Record<string, unknown> } } } };
  };
  const item = {
    type: "object",
    required: ["name"],
    properties: { name: { type: "string" }, role: { type: "string" } },
  };
  Object.assign(schema.openAPIV3Schema.properties.spec.properties, {
    set: { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } },
    map: { type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], items: item },
    atomic: { type: "array", items: { type: "string" } },
    free: { type: "object", additionalProperties: { type: "string" } },
  });
  return crd;
}

/** A log that counts steps by their names. */
function counting() {
  const steps: string[] = [];
  const write = (line: string) => {
    const { step } = JSON.parse(line);
    if (step) steps.push(step);
  };
  return { steps, log: createLog({ format: "json", level: "info", write }) };
}

const specOf = (object: DynamicObject) => object.spec as Record<string, unknown>;
/** Waits until nothing was done for a moment. */
const settle = (steps: readonly string[]) =>
  eventually("nothing more is done", async () => {
    const before = steps.length;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return steps.length === before;
  });

const EMPTY = { set: [], map: [], atomic: [], free: {} };
const FULL = { set: ["a", "b"], map: [{ name: "a", role: "x" }, { name: "b" }], atomic: ["x"], free: { a: "1" } };

Deno.test("lists and objects that are empty, filled and emptied again arrive so, with a write for each change", async () => {
  await using pair = await openPair({ crd: crdWithLists });
  const { steps, log } = counting();
  await using _sync = pair.open({ log });
  await pair.consumer.create(mangoDb(pair.group, pair.key, EMPTY), within(5_000));
  await pair.mapNamespace();
  const parts = (object: DynamicObject) => {
    const { set, map, atomic, free } = specOf(object);
    return JSON.stringify({ set, map, atomic, free });
  };
  for (const [index, want] of [EMPTY, FULL, EMPTY, FULL, { ...EMPTY, set: ["b"] }].entries()) {
    if (index > 0) await pair.consumer.mergePatch(pair.key, { spec: { free: null } }, {}, within(5_000));
    await pair.consumer.mergePatch(pair.key, { spec: want }, {}, within(5_000));
    await pair.onProvider(`state ${index} arrives`, (object) => parts(object) === JSON.stringify(want));
  }
  await settle(steps);
  const applied = steps.filter((step) => step === "applySpec").length;
  assert.ok(applied <= 12, `${applied} writes`);
  await settle(steps);
  assert.equal(steps.filter((step) => step === "applySpec").length, applied);
});

Deno.test("what the provider's side adds to lists that are sets or maps stays there, and causes no writes", async () => {
  await using pair = await openPair({ crd: crdWithLists });
  const { steps, log } = counting();
  await using _sync = pair.open({ log });
  await pair.consumer.create(mangoDb(pair.group, pair.key, FULL), within(5_000));
  await pair.mapNamespace();
  await pair.onProvider("the instance appears", () => true);
  await eventually("it is held", () => steps.includes("hold"));
  await settle(steps);
  const before = steps.length;
  const added = [
    { op: "add" as const, path: "/spec/set/0", value: "theirs" },
    { op: "add" as const, path: "/spec/map/-", value: { name: "theirs" } },
  ];
  await pair.provider.jsonPatch(pair.providerKey, added, {}, within(5_000));
  await settle(steps);
  assert.deepEqual(steps.slice(before), []);
  await pair.consumer.mergePatch(pair.key, { spec: { set: ["b"], map: [{ name: "b" }] } }, {}, within(5_000));
  const after = await pair.onProvider(
    "what the user removes goes",
    (object) => (specOf(object).set as string[]).length === 2,
  );
  assert.deepEqual(new Set(specOf(after).set as string[]), new Set(["b", "theirs"]));
  assert.deepEqual((specOf(after).map as { name: string }[]).map(({ name }) => name).sort(), ["b", "theirs"]);
});

Deno.test("the status of an API without the status subresource comes down, and nothing goes up for it", async () => {
  await using pair = await openPair({ hasStatusSubresource: false });
  const { steps, log } = counting();
  await using _sync = pair.open({ log });
  await pair.consumer.create(mangoDb(pair.group, pair.key), within(5_000));
  await pair.mapNamespace();
  await pair.onProvider("the instance appears", (object) => object.metadata.annotations?.[BOUND_ANNOTATION] === "true");
  await eventually("it is held", () => steps.includes("hold"));
  await settle(steps);
  const before = steps.length;
  for (const phase of ["Pending", "Running"]) {
    await pair.provider.mergePatch(pair.providerKey, { status: { phase } }, {}, within(5_000));
    await pair.onConsumer(
      `${phase} arrives`,
      ({ status }) => (status as { phase?: string } | undefined)?.phase === phase,
    );
  }
  await pair.provider.mergePatch(pair.providerKey, { status: null }, {}, within(5_000));
  await pair.onConsumer("the status vanishes", ({ status }) => status === undefined);
  await eventually("three copies", () => steps.length === before + 3);
  await settle(steps);
  assert.deepEqual(steps.slice(before), ["copyStatus", "copyStatus", "copyStatus"]);
});
