import assert from "node:assert/strict";
import { FakeClock } from "../tests/fake_clock.ts";
import { TokenBucket } from "./token_bucket.ts";

Deno.test("a burst passes at once, what follows at the rate", async () => {
  const clock = new FakeClock();
  const bucket = new TokenBucket({ burst: 3, perSecond: 5 }, clock);
  assert.deepEqual(Array.from({ length: 6 }, () => bucket.reserve()), [0, 0, 0, 200, 400, 600]);
  await clock.advance(600);
  assert.equal(bucket.reserve(), 200, "those that wait have had their turns");
  await clock.advance(60_000);
  assert.deepEqual(Array.from({ length: 4 }, () => bucket.reserve()), [0, 0, 0, 200], "no more than a burst is saved");
});

Deno.test("a turn too far away is not taken, and keeps nobody waiting", () => {
  const bucket = new TokenBucket({ burst: 1, perSecond: 1 }, new FakeClock());
  assert.deepEqual([bucket.reserve(0), bucket.reserve(0), bucket.reserve(1000)], [0, undefined, 1000]);
  assert.equal(bucket.reserve(1999), undefined);
  assert.equal(bucket.reserve(2000), 2000);
});

Deno.test("a rate that lets nothing happen is refused", () => {
  for (const rate of [{ burst: 0, perSecond: 1 }, { burst: 1, perSecond: 0 }, { burst: NaN, perSecond: NaN }]) {
    assert.throws(() => new TokenBucket(rate), RangeError);
  }
});
