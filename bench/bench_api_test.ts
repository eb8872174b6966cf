import assert from "node:assert/strict";
import { database, numbered } from "./bench_api.ts";

Deno.test("database() has 1.6 KB of JSON", () => {
  const { length } = JSON.stringify(database({ namespace: "team", name: "pair-00001" }));
  assert.ok(length > 1550 && length < 1650, `${length} bytes`);
});

Deno.test("numbered() gives names that sort as they are counted", () => {
  const names = numbered("pair", 10_000);
  assert.deepEqual([names[0], names.at(-1)], ["pair-00000", "pair-09999"]);
  assert.deepEqual(names.toSorted(), names);
});
