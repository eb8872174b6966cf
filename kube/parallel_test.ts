import assert from "node:assert/strict";
import { parallel } from "./parallel.ts";

const never = new AbortController().signal;
const tick = () => new Promise((resolve) => setTimeout(resolve, 1));

Deno.test("parallel() handles every item once, as many at a time as it may", async () => {
  const done: number[] = [];
  let [now, most] = [0, 0];
  await parallel([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    most = Math.max(most, ++now);
    await tick();
    now--;
    done.push(item);
  }, never);
  assert.deepEqual(done.toSorted(), [1, 2, 3, 4, 5, 6, 7]);
  assert.equal(most, 3);
});

Deno.test("parallel() begins nothing new after a failure, and tells it", async () => {
  const begun: number[] = [];
  const run = parallel([1, 2, 3, 4, 5, 6], 2, async (item) => {
    begun.push(item);
    await tick();
    if (item === 2) throw new RangeError("two");
  }, never);
  await assert.rejects(run, /two/);
  assert.ok(begun.length < 6, `${begun}`);
});
