import { deepEqual, equal } from "node:assert/strict";
import { parse } from "yaml";
import type { OpenApiSchema } from "../kube/resources.ts";
import { toServedApi } from "./catalogue.ts";
import { describeSchema } from "./schema_doc.ts";
import { crd } from "./test_objects.ts";

const API = toServedApi(crd("dbs", "x.io"));
const describe = (spec: OpenApiSchema) => describeSchema(API, "v1", { type: "object", properties: { spec } });

Deno.test("describeSchema() says of each field what it is, required ones first", () => {
  const { spec, status } = describe({
    type: "object",
    required: ["plan"],
    properties: {
      size: { type: "integer", minimum: 1, maximum: 9, default: 2 },
      ports: {
        type: "array",
        items: { type: "object", properties: { number: { "x-kubernetes-int-or-string": true } } },
      },
      labels: { type: "object", additionalProperties: { type: "string" } },
      plan: { type: "string", description: "How large.", enum: ["s", "m"] },
    },
  });
  deepEqual(spec.map(({ name, type, isRequired, facts }) => [name, type, isRequired, facts.join(" ")]), [
    ["plan", "text", true, "One of s, m."],
    ["size", "whole number", false, "2 unless you say otherwise. At least 1. At most 9."],
    ["ports", "list of object", false, ""],
    ["labels", "map", false, ""],
  ]);
  equal(spec[0]!.description, "How large.");
  deepEqual(spec[2]!.fields.map(({ name, type }) => [name, type]), [["number", "whole number or text"]]);
  deepEqual(status, []);
});

Deno.test("describeSchema() gives an example with what is required and what is there by default", () => {
  const { example } = describe({
    type: "object",
    required: ["plan", "users"],
    properties: {
      plan: { type: "string" },
      region: { type: "string", default: "eu" },
      note: { type: "string" },
      users: {
        type: "array",
        minItems: 1,
        items: { type: "object", required: ["n"], properties: { n: { type: "integer" } } },
      },
    },
  });
  deepEqual(parse(example), {
    apiVersion: "x.io/v1",
    kind: "Db",
    metadata: { name: "my-db", namespace: "default" },
    spec: { plan: "…", region: "eu", users: [{ n: 1 }] },
  });
});

Deno.test("describeSchema() ends where a schema goes on and on, and bears one that says nothing", () => {
  let deep: OpenApiSchema = { type: "string" };
  for (let depth = 0; depth < 50; depth++) deep = { type: "object", required: ["a"], properties: { a: deep } };
  let depth = 0;
  for (let fields = describe(deep).spec; fields.length > 0; fields = fields[0]!.fields) depth++;
  equal(depth, 6);
  deepEqual(describeSchema(API, "v1", {}).spec, []);
});
