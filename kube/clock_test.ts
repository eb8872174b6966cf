import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { FakeClock } from "../tests/fake_clock.ts";
import { systemClock } from "./clock.ts";

Deno.test("systemClock.sleep() waits at least that long", async () => {
  const start = systemClock.monotonicMs();
  await systemClock.sleep(20, new AbortController().signal);
  assert.ok(systemClock.monotonicMs() - start >= 19);
});

Deno.test("systemClock.sleep() rejects with the reason of its signal, before and while it waits", async () => {
  const reason = new Error("enough");
  await assert.rejects(systemClock.sleep(60_000, AbortSignal.abort(reason)), reason);
  const own = new AbortController();
  const sleeping = systemClock.sleep(60_000, own.signal); // a timer left behind would fail this test's sanitizer
  own.abort(reason);
  await assert.rejects(sleeping, reason);
});

Deno.test("sleep() leaves no listener on a signal that lives on", async () => {
  const { signal } = new AbortController();
  const clock = new FakeClock();
  const sleeping = clock.sleep(1000, signal);
  assert.equal(getEventListeners(signal, "abort").length, 1);
  await clock.advance(1000);
  await sleeping;
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

Deno.test("systemClock.after() does not take a month for no time at all", async () => {
  let fired = false;
  const cancel = systemClock.after(30 * 86_400_000, () => fired = true);
  await systemClock.sleep(10, new AbortController().signal);
  cancel();
  assert.equal(fired, false);
});

Deno.test("systemClock.after() can be cancelled", async () => {
  let fired = 0;
  systemClock.after(1, () => fired++);
  systemClock.after(1, () => fired++)();
  await systemClock.sleep(10, new AbortController().signal);
  assert.equal(fired, 1);
});

Deno.test("FakeClock runs timers in the order of their times, those set on the way too", async () => {
  const clock = new FakeClock("2026-01-01T00:00:00Z");
  const seen: string[] = [];
  const note = (name: string) => () => seen.push(`${name} at ${clock.now().toISOString().slice(17, 19)}`);
  clock.after(3000, note("late"));
  clock.after(1000, () => {
    note("early")();
    clock.after(1000, note("between"));
  });
  clock.after(60_000, note("never"));
  await clock.advance(5000);
  assert.deepEqual(seen, ["early at 01", "between at 02", "late at 03"]);
  assert.equal(clock.now().toISOString(), "2026-01-01T00:00:05.000Z");
  assert.equal(clock.pending, 1);
});

Deno.test("FakeClock carries code from one sleep to the next", async () => {
  const clock = new FakeClock();
  const { signal } = new AbortController();
  let rounds = 0;
  const loop = (async () => {
    for (; rounds < 5; rounds++) await clock.sleep(100, signal);
  })();
  await clock.advance(499);
  assert.equal(rounds, 4);
  await clock.advance(1);
  await loop;
  assert.equal(rounds, 5);
});

Deno.test("FakeClock.suspend() runs nothing; what is overdue comes with the next advance", async () => {
  const clock = new FakeClock();
  let fired = false;
  clock.after(1000, () => fired = true);
  clock.suspend(10_000);
  assert.equal(fired, false);
  await clock.advance(0);
  assert.equal(fired, true);
  assert.equal(clock.monotonicMs(), 10_000);
});
