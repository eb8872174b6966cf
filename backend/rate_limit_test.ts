import { deepEqual, equal } from "node:assert/strict";
import { RateLimit } from "./rate_limit.ts";

const at = (seconds: number) => new Date(1_700_000_000_000 + seconds * 1000);

Deno.test("RateLimit lets a burst pass, then one at a time, and each caller for itself", () => {
  const limit = new RateLimit({ burst: 3, everyMs: 10_000 });
  deepEqual([0, 0, 0, 0].map(() => limit.take("jane", at(0))), [0, 0, 0, 10_000]);
  equal(limit.take("joe", at(0)), 0);
  equal(limit.take("jane", at(4)), 6_000);
  equal(limit.take("jane", at(10)), 0);
  equal(limit.take("jane", at(10)), 10_000);
  deepEqual([0, 0, 0, 0].map(() => limit.take("jane", at(100))), [0, 0, 0, 10_000]);
});

Deno.test("RateLimit forgets who has been quiet the longest, whatever number of callers comes", () => {
  const limit = new RateLimit({ burst: 1, everyMs: 10_000 });
  equal(limit.take("jane", at(0)), 0);
  for (let index = 0; index < 20_000; index++) equal(limit.take(`caller-${index}`, at(1)), 0);
  equal(limit.take("caller-19999", at(1)), 10_000);
  equal(limit.take("jane", at(1)), 0);
});
