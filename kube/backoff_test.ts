import assert from "node:assert/strict";
import fc from "fast-check";
import { backoffMs } from "./backoff.ts";

const longest = () => 0;

const cases: [failures: number, wantMs: number][] = [[1, 5], [2, 10], [5, 80], [16, 163_840], [17, 300_000], [
  5000,
  300_000,
]];
for (const [failures, want] of cases) {
  Deno.test(`backoffMs() gives at most ${want} ms after ${failures} failures`, () => {
    assert.equal(backoffMs(failures, longest), want);
  });
}

Deno.test("backoffMs() takes other limits", () => {
  const limits = { firstMs: 100, maxMs: 30_000 };
  assert.equal(backoffMs(1, longest, limits), 100);
  assert.equal(backoffMs(20, longest, limits), 30_000);
});

Deno.test("backoffMs() stays within the last fifth below its longest time", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 3000 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, random) => {
    const ms = backoffMs(n, () => random);
    const top = backoffMs(n, longest);
    assert.ok(ms <= top && ms >= 0.8 * top - 1e-9);
  }));
});

Deno.test("backoffMs() refuses counts that are none", () => {
  for (const failures of [0, -1, 1.5, NaN]) assert.throws(() => backoffMs(failures), RangeError);
});
