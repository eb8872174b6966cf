import assert from "node:assert/strict";
import type { CustomResourceDefinition } from "../kube/resources.ts";
import type { DynamicObject } from "../kube/types.ts";
import { within } from "../tests/clusters.ts";
import { mangoDbCrd } from "../tests/mangodb.ts";
import { openPair } from "./instance_fixture.ts";

/** An API whose objects have fields of all sorts beside each other, and no `spec`. */
function crdWithoutSpec(group: string): CustomResourceDefinition {
  const crd = mangoDbCrd(group);
  const version = crd.spec.versions[0] as unknown as { schema: { openAPIV3Schema: unknown } };
  version.schema.openAPIV3Schema = {
    type: "object",
    properties: {
      data: { type: "object", additionalProperties: { type: "string" } },
      weights: { type: "array", items: { type: "number" } },
      size: { type: "integer", format: "int64" },
      isFrozen: { type: "boolean" },
      status: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
    },
  };
  return crd;
}

const fieldsOf = ({ apiVersion: _a, kind: _k, metadata: _m, ...fields }: DynamicObject) => fields;

Deno.test("all that an object holds goes up, under whatever fields, and what is removed vanishes", async () => {
  await using pair = await openPair({ crd: crdWithoutSpec });
  const { consumer, group, key } = pair;
  const is = (wanted: Record<string, unknown>) => (object: DynamicObject) =>
    JSON.stringify(fieldsOf(object)) === JSON.stringify(wanted);
  {
    await using _sync = pair.open();
    await consumer.create({
      apiVersion: `${group}/v1alpha1`,
      kind: "MangoDB",
      metadata: key,
      data: { a: "1", b: "2" },
      isFrozen: true,
      size: 7,
      weights: [0.5, 2],
    }, within(5_000));
    await pair.mapNamespace();
    await pair.onProvider("it appears", is({ data: { a: "1", b: "2" }, isFrozen: true, size: 7, weights: [0.5, 2] }));
    await consumer.mergePatch(key, { data: { b: null }, weights: null }, {}, within(5_000));
    await pair.onProvider("what is removed vanishes", is({ data: { a: "1" }, isFrozen: true, size: 7 }));
  }
  await consumer.mergePatch(key, { data: { a: null, c: "3" }, isFrozen: null }, {}, within(5_000));
  await using _again = pair.open();
  const object = await pair.onProvider("also while nobody looked", is({ data: { c: "3" }, size: 7 }));
  assert.equal(object.spec, undefined);
});
