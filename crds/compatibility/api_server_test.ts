import assert from "node:assert/strict";
import fc from "fast-check";
import { KubeError } from "../../kube/errors.ts";
import type { OpenApiSchema } from "../../kube/resources.ts";
import { apiVersionOf, type Json } from "../../kube/types.ts";
import { provider, type TestCluster, within } from "../../tests/clusters.ts";
import { serveWidgets, type WidgetApi } from "../../tests/widgets.ts";
import { verdictOf } from "./change.ts";
import { WHOLE } from "./compare_node.ts";
import { compareSchemas } from "./compare_schema.ts";
import type { SchemaNode } from "./node.ts";
import { PAIRS } from "./testing/corpus.ts";
import { hasRules, schemaChanges, valuesOf } from "./testing/generate.ts";

type Fields = Record<string, SchemaNode>;

const serve = (cluster: TestCluster, fields: Fields) =>
  serveWidgets(cluster.client, { type: "object", properties: fields } as unknown as OpenApiSchema);

/** What a real API server says about a `spec`: undefined when it takes all of it. */
async function refusal({ client }: TestCluster, { resource }: WidgetApi, spec: Json): Promise<string | undefined> {
  const path = `/apis/${apiVersionOf(resource)}/namespaces/default/${resource.plural}`;
  const query = { dryRun: "All", fieldValidation: "Strict" };
  const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata: { generateName: "x-" }, spec };
  try {
    await client.request("POST", path, { query, body }, within(20_000));
  } catch (error) {
    if (error instanceof KubeError && [400, 422].includes(error.status)) return error.message;
    throw error;
  }
}

Deno.test("an API server takes every example of the corpus with the schema before, and not with the one after", async () => {
  using cluster = await provider();
  const pairs = Object.values(PAIRS).flat();
  const fieldsOf = (side: 0 | 1): Fields => Object.fromEntries(pairs.map((pair, index) => [`f${index}`, pair[side]]));
  await using before = await serve(cluster, fieldsOf(0));
  await using after = await serve(cluster, fieldsOf(1));
  let examples = 0;
  for (const [index, [was, is]] of pairs.entries()) {
    const [wrapped, rewrapped] = [was, is].map((field): SchemaNode => ({ type: "object", properties: { f: field } }));
    for (const { example, message } of compareSchemas(wrapped!, rewrapped!, WHOLE)) {
      if (example === undefined) continue;
      examples++;
      const spec = { [`f${index}`]: (example as { f: Json }).f };
      const context = `${message}: ${JSON.stringify([was, is, example])}`;
      assert.equal(await refusal(cluster, before, spec), undefined, context);
      assert.ok(await refusal(cluster, after, spec), context);
    }
  }
  assert.ok(examples > 90, `${examples} examples`);
});

/** Another one finds what this one does not. */
const SEED = Number(Deno.env.get("KLUTCH_SEED") ?? 1);
const ROUNDS = 4;
const FIELDS = 60;
const OBJECTS = 12;

Deno.test("whatever fits a schema fits the one after a change that is called safe", async (t) => {
  using cluster = await provider();
  for (let seed = SEED; seed < SEED + ROUNDS; seed++) {
    await t.step(`seed ${seed}`, async () => {
      const safe = schemaChanges.filter(([before, after]) =>
        verdictOf(compareSchemas(inObject(before), inObject(after), WHOLE)) === "safe" &&
        JSON.stringify(before) !== JSON.stringify(after)
      );
      const pairs = fc.sample(safe, { seed, numRuns: FIELDS });
      const fieldsOf = (side: 0 | 1): Fields => Object.fromEntries(pairs.map((pair, n) => [`f${n}`, pair[side]]));
      await using before = await serve(cluster, fieldsOf(0));
      await using after = await serve(cluster, fieldsOf(1));
      const values = Object.entries(fieldsOf(0)).map(([name, node]) => [name, valuesOf(node)]);
      const specs: fc.Arbitrary<Record<string, Json>> = fc.record(Object.fromEntries(values));
      for (const spec of fc.sample(specs, { seed, numRuns: OBJECTS })) {
        // Which values obey a rule, only the API server knows.
        for (const name of namesIn(await refusal(cluster, before, spec))) {
          if (hasRules(fieldsOf(0)[name]!)) delete spec[name];
        }
        assert.equal(await refusal(cluster, before, spec), undefined, JSON.stringify(fieldsOf(0)));
        const answer = await refusal(cluster, after, spec);
        const blame = namesIn(answer).map((name) => [fieldsOf(0)[name], fieldsOf(1)[name], spec[name]]);
        assert.equal(answer, undefined, JSON.stringify(blame));
      }
    });
  }
});

const namesIn = (refusal = ""): string[] => [...refusal.matchAll(/spec\.(f\d+)/g)].map(([, name]) => name!);

const inObject = (field: SchemaNode): SchemaNode => ({ type: "object", properties: { field } });
