import assert from "node:assert/strict";
import { FakeClock } from "../tests/fake_clock.ts";
import { Repairs } from "./repairs.ts";

/** How often a fight is written into during so many milliseconds. */
async function fight(isKept: boolean, ms: number): Promise<number> {
  const clock = new FakeClock();
  const repairs = new Repairs(clock);
  let writes = 0;
  while (clock.monotonicMs() < ms) {
    const pauseMs = repairs.pauseMs("a/b", "spec");
    if (pauseMs === 0) {
      repairs.wrote("a/b", "spec", isKept);
      writes++;
    }
    await clock.advance(Math.max(1, pauseMs));
  }
  return writes;
}

Deno.test("a controller that sets a field back each time is contradicted less and less often", async () => {
  assert.ok(await fight(true, 10_000) <= 8);
  assert.ok(await fight(true, 3_600_000) <= 28);
});

Deno.test("a webhook that changes what is written is contradicted from the first answer on", async () => {
  assert.ok(await fight(false, 10_000) <= 5);
});

Deno.test("a drift is repaired at once, and what the user changes is written at once", () => {
  const repairs = new Repairs(new FakeClock());
  for (let i = 0; i < 20; i++) repairs.wrote("a/b", "spec", true);
  assert.ok(repairs.pauseMs("a/b", "spec") > 0);
  assert.equal(repairs.pauseMs("a/b", "changed"), 0);
  assert.equal(repairs.pauseMs("a/c", "spec"), 0);
  repairs.wrote("a/b", "changed", true);
  assert.equal(repairs.pauseMs("a/b", "changed"), 0);
});

Deno.test("quiet disputes are forgotten", async () => {
  const clock = new FakeClock();
  const repairs = new Repairs(clock);
  for (let i = 0; i < 4; i++) repairs.wrote("a/b", "spec", true);
  await clock.advance(10 * 60_000);
  repairs.wrote("a/c", "spec", true);
  repairs.wrote("a/b", "spec", true);
  assert.equal(repairs.pauseMs("a/b", "spec"), 0);
});
