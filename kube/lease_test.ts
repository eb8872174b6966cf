import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { FakeClock } from "../tests/fake_clock.ts";
import { type Delivery, FakeLeases } from "../tests/fake_leases.ts";
import { type Clock, sleepWith } from "./clock.ts";
import { messageOf } from "./errors.ts";
import { type LeaseOptions, runAsLeader } from "./lease.ts";
import { Leadership } from "./leadership.ts";
import { silentLog } from "./log.ts";

const FAST: Delivery = { thereMs: 5, backMs: 5 };

/** One candidate in a process of its own: it can be stopped and woken, and its network can fail. */
class Candidate {
  network: () => Delivery = () => FAST;
  /** What happened to its work, e.g. `["leads", "told to stop", "settled"]`. */
  readonly story: string[] = [];
  readonly leadership: Leadership;
  readonly own = new AbortController();
  readonly ended: Promise<void>;
  #stopped = false;
  #overdue: (() => void)[] = [];

  constructor(world: FakeClock, leases: FakeLeases, identity: string, options: {
    work?: (signal: AbortSignal) => Promise<void>;
    jumpMs?: number;
  } = {}) {
    const clock: Clock = {
      now: () => new Date(world.now().getTime() + (options.jumpMs ?? 0)),
      monotonicMs: () => world.monotonicMs(),
      after: (ms, action) => world.after(ms, () => this.#stopped ? this.#overdue.push(action) : action()),
      sleep: (ms, signal) => sleepWith(clock, ms, signal),
    };
    this.leadership = new Leadership({ clock });
    const deliver = (ms: number, action: () => void) => void world.after(ms, action);
    const lease: LeaseOptions = {
      client: leases.clientFor({ clock, deliver, network: () => this.network() }),
      namespace: "default",
      name: "test",
      identity,
      log: silentLog,
      leadership: this.leadership,
      clock,
      random: () => 0.5,
    };
    this.ended = runAsLeader(lease, async (signal) => {
      this.story.push("leads");
      signal.addEventListener("abort", () => this.story.push(`told to stop: ${messageOf(signal.reason)}`));
      await (options.work ?? untilAborted)(signal);
      this.story.push("settled");
    }, this.own.signal);
    this.ended.catch(() => {}); // looked at by the tests that expect it
  }

  /** As by SIGSTOP: nothing of it runs, and what arrives has to wait. */
  stop(): void {
    this.#stopped = true;
  }

  wake(): void {
    this.#stopped = false;
    for (const action of this.#overdue.splice(0)) action();
  }

  get mayWrite(): boolean {
    return !this.#stopped && this.leadership.isHeld;
  }

  async end(world: FakeClock): Promise<void> {
    this.own.abort(new Error("test over"));
    await world.advance(20_000);
    await this.ended;
  }
}

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });

function setUp() {
  const world = new FakeClock();
  const leases = new FakeLeases();
  const join = (identity: string, options?: ConstructorParameters<typeof Candidate>[3]) =>
    new Candidate(world, leases, identity, options);
  return { world, leases, join };
}

Deno.test("the first candidate leads at once, and renews every two seconds", async () => {
  const { world, leases, join } = setUp();
  const a = join("a");
  await world.advance(100);
  assert.deepEqual(a.story, ["leads"]);
  assert.equal(leases.lease?.spec?.holderIdentity, "a");
  const { writes } = leases;
  await world.advance(60_000);
  assert.ok(Math.abs(leases.writes - writes - 30) <= 1, `${leases.writes - writes} renewals in a minute`);
  assert.equal(leases.lease?.spec?.leaseTransitions, 0);
  assert.deepEqual(a.story, ["leads"]);
  await a.end(world);
});

Deno.test("a second candidate waits without writing, and follows within seconds when the first one leaves", async () => {
  const { world, leases, join } = setUp();
  const a = join("a");
  await world.advance(100);
  const b = join("b");
  await world.advance(60_000);
  assert.deepEqual(b.story, []);
  a.own.abort(new Error("rollout"));
  await world.advance(100);
  assert.deepEqual(a.story, ["leads", "told to stop: rollout", "settled"]);
  assert.equal(leases.lease?.spec?.holderIdentity, undefined);
  await world.advance(2_500);
  assert.deepEqual(b.story, ["leads"]);
  assert.equal(leases.lease?.spec?.leaseTransitions, 1);
  await a.ended;
  await b.end(world);
});

Deno.test("a candidate takes over 15 seconds after the last sign of life of a leader that crashed", async () => {
  const { world, join } = setUp();
  const a = join("a");
  await world.advance(100);
  const b = join("b");
  a.stop();
  await world.advance(14_500);
  assert.deepEqual(b.story, []);
  await world.advance(5_000);
  assert.deepEqual(b.story, ["leads"]);
  a.wake();
  await a.end(world);
  await b.end(world);
});

Deno.test("a leader that wakes up after another took over does not write, and stands by", async () => {
  const { world, leases, join } = setUp();
  const a = join("a");
  await world.advance(100);
  const b = join("b");
  a.stop();
  await world.advance(60_000);
  assert.deepEqual(b.story, ["leads"]);
  assert.equal(a.leadership.isHeld, false, "known before anything of it has run");
  a.wake();
  await world.advance(100);
  assert.equal(
    a.story[1],
    'told to stop: Lost the lease "default/test": the process was stopped, or the machine asleep',
  );
  assert.equal(a.story[2], "settled");
  assert.equal(leases.lease?.spec?.holderIdentity, "b");
  await b.end(world);
  await world.advance(3_000);
  assert.equal(a.story.at(-1), "leads", "and leads again when its turn comes");
  await a.end(world);
});

Deno.test("a leader that was stopped, and missed by nobody, stops its work and starts anew", async () => {
  const { world, leases, join } = setUp();
  const a = join("a");
  await world.advance(100);
  a.stop();
  await world.advance(60_000);
  a.wake();
  await world.advance(3_000);
  assert.deepEqual(a.story.map((event) => event.split(":")[0]), ["leads", "told to stop", "settled", "leads"]);
  assert.equal(leases.lease?.spec?.leaseTransitions, 0);
  await a.end(world);
});

Deno.test("an answer that lay there while the process was stopped renews nothing", async () => {
  const { world, join } = setUp();
  const a = join("a");
  await world.advance(100);
  const b = join("b");
  a.network = () => ({ thereMs: 100, backMs: 3_000 });
  await world.advance(4_000);
  a.stop(); // with a renewal under way
  await world.advance(60_000);
  assert.equal(b.mayWrite, true);
  a.wake();
  await world.advance(0);
  assert.equal(a.mayWrite, false);
  a.network = () => FAST;
  await a.end(world);
  await b.end(world);
});

Deno.test("an API server that is away for less than the renew deadline disturbs nobody", async () => {
  const { world, join } = setUp();
  const a = join("a");
  await world.advance(100);
  a.network = () => ({ ...FAST, lost: "there" });
  await world.advance(7_000);
  a.network = () => FAST;
  await world.advance(60_000);
  assert.deepEqual(a.story, ["leads"]);
  await a.end(world);
});

Deno.test("a leader cut off from the API server stops before anybody can take over", async () => {
  const { world, join } = setUp();
  const [a, b] = [join("a"), join("b")];
  await world.advance(5_000);
  const [leader, other] = a.story.length > 0 ? [a, b] : [b, a];
  leader.network = () => ({ ...FAST, lost: "back" });
  await world.advance(10_100);
  assert.match(leader.story[1]!, /^told to stop: .*no answer in time/);
  assert.deepEqual(other.story, []);
  await world.advance(20_000);
  assert.deepEqual(other.story, ["leads"]);
  await leader.end(world);
  await other.end(world);
});

Deno.test("work that is slow to stop keeps the lease alive while it winds down after the signal", async () => {
  const { world, leases, join } = setUp();
  const { promise: done, resolve: finish } = Promise.withResolvers<void>();
  const a = join("a", { work: (signal) => untilAborted(signal).then(() => done) });
  await world.advance(100);
  const b = join("b");
  a.own.abort(new Error("rollout"));
  await world.advance(30_000);
  assert.equal(a.mayWrite, true);
  assert.deepEqual(b.story, []);
  finish();
  await world.advance(100);
  await a.ended;
  assert.equal(a.mayWrite, false);
  assert.equal(leases.lease?.spec?.holderIdentity, undefined);
  await world.advance(3_000);
  assert.deepEqual(b.story, ["leads"]);
  await b.end(world);
});

Deno.test("no second attempt begins before the work of the first has settled", async () => {
  const { world, join } = setUp();
  const { promise: done, resolve: finish } = Promise.withResolvers<void>();
  const a = join("a", { work: (signal) => untilAborted(signal).then(() => done) });
  await world.advance(100);
  a.stop();
  await world.advance(20_000);
  a.wake();
  await world.advance(20_000);
  assert.equal(a.story.filter((event) => event === "leads").length, 1);
  assert.match(String(a.leadership.check()), /^still leading/);
  finish();
  await world.advance(3_000);
  assert.equal(a.story.filter((event) => event === "leads").length, 2);
  assert.equal(a.leadership.check(), true);
  await a.end(world);
});

Deno.test("work that fails ends the election, gives the lease back and is heard", async () => {
  const { world, leases, join } = setUp();
  const a = join("a", { work: () => Promise.reject(new Error("defect")) });
  await world.advance(1_000);
  await assert.rejects(a.ended, /defect/);
  assert.equal(leases.lease?.spec?.holderIdentity, undefined);
  assert.equal(world.pending, 0);
});

Deno.test("work that ends by itself ends the election", async () => {
  const { world, leases, join } = setUp();
  const a = join("a", { work: () => Promise.resolve() });
  await world.advance(1_000);
  await a.ended;
  assert.equal(leases.lease?.spec?.holderIdentity, undefined);
});

Deno.test("a lease taken by force is given up at once, also by work that is slow to stop", async () => {
  const { world, leases, join } = setUp();
  const { promise: done, resolve: finish } = Promise.withResolvers<void>();
  const a = join("a", { work: (signal) => untilAborted(signal).then(() => done) });
  await world.advance(100);
  leases.replace({ ...leases.lease!, spec: { ...leases.lease!.spec, holderIdentity: "admin" } });
  await world.advance(2_100);
  assert.match(a.story[1]!, /admin took it/);
  assert.equal(a.mayWrite, false);
  finish();
  await a.end(world);
});

Deno.test("a deleted lease is made again by its leader, not by who stands by", async () => {
  const { world, leases, join } = setUp();
  const a = join("a");
  await world.advance(100);
  const b = join("b");
  await world.advance(3_000);
  a.network = () => ({ ...FAST, lost: "there" }); // it cannot be first
  leases.lease = undefined;
  await world.advance(3_000);
  assert.equal(leases.lease, undefined);
  a.network = () => FAST;
  await world.advance(5_000);
  assert.equal((leases as FakeLeases).lease?.spec?.holderIdentity, "a");
  assert.deepEqual(b.story, []);
  await a.end(world);
  await b.end(world);
});

Deno.test("a wall clock that runs far ahead takes no lease from the living", async () => {
  const { world, join } = setUp();
  const a = join("a");
  await world.advance(100);
  const jump = { jumpMs: 0 };
  const b = join("b", jump);
  await world.advance(3_000);
  jump.jumpMs = 3_600_000;
  await world.advance(30_000);
  assert.deepEqual(b.story, []);
  await a.end(world);
  await b.end(world);
});

Deno.test("an election that ends while it stands by leaves nothing behind", async () => {
  const { world, leases, join } = setUp();
  const a = join("a");
  await world.advance(100);
  const b = join("b");
  await world.advance(5_000);
  b.own.abort(new Error("enough"));
  await b.ended;
  await a.end(world);
  assert.equal(world.pending, 0);
  const { writes } = leases;
  await world.advance(60_000);
  assert.equal(leases.writes, writes);
});

Deno.test("runAsLeader() refuses settings with which two could lead", async () => {
  const client = new FakeLeases().clientFor({ clock: new FakeClock(), network: () => FAST, deliver: () => {} });
  const options = { client, namespace: "default", name: "test", identity: "a", log: silentLog };
  const run = (more: Partial<LeaseOptions>) =>
    runAsLeader({ ...options, ...more }, untilAborted, AbortSignal.timeout(1_000));
  await assert.rejects(run({ renewDeadlineMs: 15_000 }), RangeError);
  await assert.rejects(run({ retryMs: 10_000 }), RangeError);
  await assert.rejects(run({ identity: "" }), RangeError);
});

const step = fc.oneof(
  fc.record({
    kind: fc.constantFrom("stop", "stop", "stop", "wake", "wake", "cut", "mend", "slow", "leave"),
    who: fc.nat(2),
  }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(500, 2_000, 9_000, 14_000, 25_000) }),
);

Deno.test("never may two candidates write, whatever stops, sleeps, lags or breaks; in the end one leads", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30, size: "max" }), async (steps) => {
      const { world, join } = setUp();
      const candidates = ["a", "b", "c"].map((identity) => join(identity));
      const check = () => {
        const writers = candidates.filter(({ mayWrite }) => mayWrite).length;
        assert.ok(writers <= 1, `${writers} may write`);
      };
      const wait = async (ms: number) => {
        for (let passedMs = 0; passedMs < ms; passedMs += 250) {
          await world.advance(250);
          check();
        }
      };
      for (const taken of steps) {
        if (taken.kind === "wait") {
          await wait(taken.ms);
          continue;
        }
        const candidate = candidates[taken.who]!;
        if (taken.kind === "stop") candidate.stop();
        if (taken.kind === "wake") {
          candidate.wake();
          check(); // before anything it has waiting could tell it
        }
        if (taken.kind === "cut") candidate.network = () => ({ ...FAST, lost: "back" });
        if (taken.kind === "slow") candidate.network = () => ({ thereMs: 100, backMs: 3_000 });
        if (taken.kind === "mend") candidate.network = () => FAST;
        if (taken.kind === "leave" && taken.who !== 0) candidate.own.abort(new Error("left"));
        await setImmediate();
        check();
      }
      for (const candidate of candidates) {
        candidate.network = () => FAST;
        candidate.wake();
      }
      await wait(40_000);
      assert.equal(candidates.filter(({ mayWrite }) => mayWrite).length, 1, "one leads in the end");
      for (const candidate of candidates) await candidate.end(world);
      assert.equal(world.pending, 0);
    }),
    { numRuns: 200 },
  );
});
