import assert from "node:assert/strict";
import { verdictOf } from "./change.ts";
import { WHOLE } from "./compare_node.ts";
import { compareSchemas } from "./compare_schema.ts";
import type { SchemaNode } from "./node.ts";
import { PAIRS } from "./testing/corpus.ts";

const inSpec = (field: SchemaNode): SchemaNode => ({
  type: "object",
  properties: { spec: { type: "object", properties: { field } } },
});
const compare = (before: SchemaNode, after: SchemaNode) => compareSchemas(inSpec(before), inSpec(after), WHOLE);

for (const [title, pairs] of Object.entries(PAIRS)) {
  Deno.test(`compareSchemas() when ${title}`, () => {
    for (const [before, after, want] of pairs) {
      const changes = compare(before, after);
      const rules = [...new Set(changes.map(({ rule }) => rule))].sort();
      const [verdict, ...wanted] = want.split(" ");
      assert.deepEqual([verdictOf(changes), ...rules], [verdict, ...wanted.sort()], text([before, after, changes]));
    }
  });
}

Deno.test("every breaking pair of the corpus comes with an example", () => {
  for (const [before, after, want] of Object.values(PAIRS).flat()) {
    if (!want.startsWith("breaking")) continue;
    assert.ok(compare(before, after).some(({ example }) => example !== undefined), text([before, after]));
  }
});

Deno.test("more values in a status are a risk for those who read it", () => {
  const status = (values: string[]): SchemaNode => ({
    type: "object",
    properties: { status: { type: "object", properties: { phase: { type: "string", enum: values } } } },
  });
  const [change] = compareSchemas(status(["a"]), status(["a", "b"]), WHOLE);
  assert.deepEqual([change?.verdict, change?.rule, change?.path], ["risky", "enum-widened", "status.phase"]);
});

Deno.test("paths and messages tell what changed where", () => {
  const before: SchemaNode = {
    type: "array",
    items: { type: "object", additionalProperties: { type: "string", maxLength: 9 } },
  };
  const after = structuredClone(before);
  after.items = { type: "object", additionalProperties: { type: "string", maxLength: 3 } };
  assert.deepEqual(compare(before, after), [{
    verdict: "breaking",
    rule: "bounds-narrowed",
    path: "spec.field[]{}",
    message: "maxLength 9 became maxLength 3",
    example: { spec: { field: [{ key: "example" }] } },
  }]);
});

const text = (values: unknown[]): string => values.map((value) => JSON.stringify(value, null, 1)).join("\n");
