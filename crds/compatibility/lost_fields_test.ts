import { deepEqual } from "node:assert/strict";
import type { DynamicObject, Json } from "../../kube/types.ts";
import { lostFields } from "./lost_fields.ts";
import type { SchemaNode } from "./node.ts";

const text: SchemaNode = { type: "string" };
const before: SchemaNode = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      properties: {
        size: text,
        backup: { type: "object", properties: { plan: text } },
        labels: { type: "object", additionalProperties: text },
        users: { type: "array", items: { type: "object", properties: { name: text, role: text } } },
      },
    },
  },
};

const object = (spec: Json, fields: object, apiVersion = "x.io/v1"): DynamicObject => ({
  apiVersion: "x.io/v1",
  kind: "Db",
  metadata: {
    name: "db",
    managedFields: [{ apiVersion, fieldsV1: { "f:metadata": { "f:labels": {} }, "f:spec": fields as never } }],
  },
  spec,
});
const user = { 'k:{"name":"jane"}': { ".": {}, "f:name": {}, "f:role": {} } };

const CASES: [title: string, object: DynamicObject, want: string[]][] = [
  ["nothing of what is there", object({ size: "1" }, { "f:size": {} }), []],
  ["a field", object({}, { "f:size": {} }), ["spec.size"]],
  ["one further inside", object({ backup: {} }, { "f:backup": { "f:plan": {} } }), ["spec.backup.plan"]],
  ["an object as a whole", object({}, { "f:backup": { "f:plan": {} } }), ["spec.backup"]],
  ["a key of a map", object({ labels: {} }, { "f:labels": { "f:a": {} } }), ["spec.labels.a"]],
  ["a field of an item", object({ users: [{ name: "jane" }] }, { "f:users": user }), ["spec.users[].role"]],
  ["nothing of an item that is gone", object({ users: [] }, { "f:users": user }), []],
  ["nothing that was unknown before", object({}, { "f:ancient": {} }), []],
  ["nothing of another version", object({}, { "f:size": {} }, "x.io/v2"), []],
];
for (const [title, object, want] of CASES) {
  Deno.test(`lostFields() names ${title}`, () => deepEqual(lostFields(object, before), want));
}
