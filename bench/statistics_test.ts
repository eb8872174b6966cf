import assert from "node:assert/strict";
import { percentile, rateBetween, rateSince } from "./statistics.ts";

const cases: [name: string, values: number[], percent: number, want: number][] = [
  ["takes the only value there is", [7], 99, 7],
  ["takes the middle of an odd number", [3, 1, 2], 50, 2],
  ["takes the lower middle of an even number", [4, 1, 3, 2], 50, 2],
  ["compares as numbers", [10, 9, 100], 50, 10],
  ["leaves one of two hundred beyond p99.5", Array.from({ length: 200 }, (_, index) => index + 1), 99.5, 199],
  ["leaves two of two hundred beyond p99", Array.from({ length: 200 }, (_, index) => index + 1), 99, 198],
  ["takes the greatest at 100", [1, 5, 2], 100, 5],
];
for (const [name, values, percent, want] of cases) {
  Deno.test(`percentile() ${name}`, () => assert.equal(percentile(values, percent), want));
}

Deno.test("percentile() leaves its values in their order, and refuses what has no answer", () => {
  const values = [3, 1, 2];
  percentile(values, 50);
  assert.deepEqual(values, [3, 1, 2]);
  assert.throws(() => percentile([], 50), RangeError);
  assert.throws(() => percentile([1], 0), RangeError);
  assert.throws(() => percentile([1], 101), RangeError);
});

Deno.test("rateBetween() counts the steps from the first moment to the last, in whatever order they are given", () => {
  assert.equal(rateBetween([3000, 1000, 2000]), 1);
  assert.equal(rateBetween([1000]), undefined);
  assert.equal(rateBetween([]), undefined);
});

Deno.test("rateSince() counts all moments since the start", () => {
  assert.equal(rateSince(1000, [1500, 3000, 2000]), 1.5);
  assert.equal(rateSince(1000, []), undefined);
});
