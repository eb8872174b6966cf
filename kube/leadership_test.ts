import assert from "node:assert/strict";
import { FakeClock } from "../tests/fake_clock.ts";
import type { Clock } from "./clock.ts";
import { Leadership, LeaseLostError } from "./leadership.ts";

function held() {
  const clock = new FakeClock();
  const leadership = new Leadership({ leaseMs: 15_000, marginMs: 2_000, clock });
  leadership.renewed(leadership.moment());
  return { clock, leadership };
}

Deno.test("nobody leads before the lease is theirs", () => {
  const leadership = new Leadership();
  assert.equal(leadership.isHeld, false);
  assert.equal(leadership.check(), true, "and standing by is healthy");
  assert.throws(() => leadership.assertHeld(), LeaseLostError);
});

Deno.test("a leader that was stopped learns on waking that it must not write, before any timer has run", () => {
  const { clock, leadership } = held();
  clock.suspend(12_999);
  leadership.assertHeld();
  clock.suspend(1);
  assert.throws(() => leadership.assertHeld(), LeaseLostError);
});

Deno.test("a renewal counts from when it was sent", () => {
  const { clock, leadership } = held();
  const sent = leadership.moment();
  clock.suspend(14_000); // the answer lay there all the time
  leadership.renewed(sent);
  assert.equal(leadership.isHeld, false);
});

for (const [name, monotonicMs, wallMs] of [["asleep", 0, 60_000], ["set back", 60_000, -3_600_000]] as const) {
  Deno.test(`a machine whose clock was ${name} gains no time`, () => {
    let elapsed = { monotonicMs: 0, wallMs: 0 };
    const clock: Clock = Object.assign(new FakeClock(), {
      now: () => new Date(1_700_000_000_000 + elapsed.wallMs),
      monotonicMs: () => elapsed.monotonicMs,
    });
    const leadership = new Leadership({ clock });
    leadership.renewed(leadership.moment());
    assert.equal(leadership.isHeld, true);
    elapsed = { monotonicMs, wallMs };
    assert.equal(leadership.isHeld, false);
  });
}

Deno.test("what is lost is lost at once, and may be won again", () => {
  const { leadership } = held();
  leadership.lost();
  assert.equal(leadership.isHeld, false);
  leadership.ended();
  leadership.renewed(leadership.moment());
  assert.equal(leadership.isHeld, true);
});

Deno.test("check() fails for a leader that goes on working 3 s after its lease has run out", () => {
  const { clock, leadership } = held();
  clock.suspend(18_000);
  leadership.lost();
  assert.equal(leadership.check(), true);
  clock.suspend(2_000);
  assert.equal(leadership.check(), "still leading, but the lease was not renewed for 20 s");
  leadership.ended();
  assert.equal(leadership.check(), true);
});

Deno.test("a lease lasts whole seconds, as its field does", () => {
  for (const leaseMs of [0, 500, 1500, NaN]) assert.throws(() => new Leadership({ leaseMs }), RangeError);
});
