import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import fc from "fast-check";
import { FakeClock } from "../tests/fake_clock.ts";
import { type Priority, WorkQueue } from "./queue.ts";

const never = new AbortController().signal;
const soon = () => new Promise((resolve) => setTimeout(resolve, 0));

/** What is taken within the next turn of the event loop; undefined when nothing is ready. */
async function takeNow(queue: WorkQueue): Promise<string | undefined> {
  const stop = new AbortController();
  const taken = queue.take(stop.signal).then(({ key }) => key, () => undefined);
  await Promise.resolve();
  stop.abort();
  return await taken;
}

Deno.test("a key stands in the queue once, however often it is added", async () => {
  const queue = new WorkQueue(new FakeClock());
  for (const key of ["a", "b", "a", "a", "b"]) queue.add(key);
  assert.equal(queue.depth, 2);
  assert.equal(await takeNow(queue), "a");
  assert.equal(await takeNow(queue), "b");
  assert.equal(await takeNow(queue), undefined);
});

Deno.test("fresh keys come before backlog, each kind in the order of its arrival", async () => {
  const queue = new WorkQueue(new FakeClock());
  for (const key of ["b1", "b2", "b3"]) queue.add(key, { priority: "backlog" });
  for (const key of ["f1", "f2"]) queue.add(key);
  queue.add("b3", { priority: "fresh" }); // somebody waits for it now
  queue.add("f1", { priority: "backlog" }); // stays fresh
  const order = [];
  for (let key; (key = await takeNow(queue));) order.push(key);
  assert.deepEqual(order, ["f1", "f2", "b3", "b1", "b2"]);
});

Deno.test("a key that is added while it is worked on is handed out again afterwards, once, and as fresh as it was", async () => {
  const queue = new WorkQueue(new FakeClock());
  queue.add("a");
  assert.equal(await takeNow(queue), "a");
  queue.add("a");
  queue.add("a", { priority: "backlog" });
  queue.add("b", { priority: "backlog" });
  assert.equal(await takeNow(queue), "b");
  queue.done("a");
  assert.equal(await takeNow(queue), "a");
  queue.done("a");
  queue.done("b");
  assert.equal(await takeNow(queue), undefined);
});

Deno.test("a key that is due later comes when its time has come, and not before", async () => {
  const clock = new FakeClock();
  const queue = new WorkQueue(clock);
  queue.add("a", { afterMs: 1000 });
  assert.deepEqual([queue.depth, queue.delayed], [0, 1]);
  await clock.advance(999);
  assert.equal(await takeNow(queue), undefined);
  await clock.advance(1);
  assert.deepEqual([queue.depth, queue.delayed], [1, 0]);
  assert.equal(await takeNow(queue), "a");
});

Deno.test("the earliest of several due times counts, and an event counts at once", async () => {
  const clock = new FakeClock();
  const queue = new WorkQueue(clock);
  queue.add("a", { afterMs: 1000 });
  queue.add("a", { afterMs: 5000 });
  queue.add("a", { afterMs: 500 });
  assert.equal(clock.pending, 1);
  await clock.advance(500);
  assert.equal(await takeNow(queue), "a");
  queue.done("a");
  queue.add("a", { afterMs: 1000 });
  queue.add("a");
  assert.deepEqual([await takeNow(queue), clock.pending], ["a", 0]);
});

Deno.test("a due time that comes while the key is worked on waits for the work to end", async () => {
  const clock = new FakeClock();
  const queue = new WorkQueue(clock);
  queue.add("a");
  assert.equal(await takeNow(queue), "a");
  queue.add("a", { afterMs: 100 });
  await clock.advance(100);
  assert.equal(await takeNow(queue), undefined);
  queue.done("a");
  assert.equal(await takeNow(queue), "a");
});

Deno.test("how long a key waited counts from when it was ready", async () => {
  const clock = new FakeClock();
  const queue = new WorkQueue(clock);
  queue.add("a", { priority: "backlog" });
  await clock.advance(300);
  queue.add("a"); // no new beginning
  await clock.advance(200);
  assert.deepEqual(await queue.take(never), { key: "a", waitedMs: 500 });
});

Deno.test("a taker that waits gets the next key; one that leaves does not take it along", async () => {
  const queue = new WorkQueue(new FakeClock());
  const [first, second] = [new AbortController(), new AbortController()];
  const left = queue.take(first.signal);
  const stays = queue.take(second.signal);
  await soon();
  queue.add("a"); // wakes the first
  first.abort(new Error("left"));
  await assert.rejects(left, /left/);
  assert.equal((await stays).key, "a");
});

Deno.test("takers leave no listeners behind, whether they got something or left", async () => {
  const queue = new WorkQueue(new FakeClock());
  const stop = new AbortController();
  for (let count = 0; count < 100; count++) {
    const taken = queue.take(stop.signal);
    await soon();
    queue.add("a");
    await taken;
    queue.done("a");
  }
  assert.deepEqual(getEventListeners(stop.signal, "abort"), []);
  const waiting = queue.take(stop.signal);
  await soon();
  assert.equal(getEventListeners(stop.signal, "abort").length, 1);
  stop.abort(new Error("stopped"));
  await assert.rejects(waiting, /stopped/);
  await assert.rejects(queue.take(stop.signal), /stopped/);
});

Deno.test("clearing leaves neither keys nor timers", async () => {
  const clock = new FakeClock();
  const queue = new WorkQueue(clock);
  queue.add("a");
  queue.add("b", { priority: "backlog" });
  queue.add("c", { afterMs: 100 });
  queue.clear();
  assert.deepEqual([queue.depth, queue.delayed, clock.pending], [0, 0, 0]);
  assert.equal(await takeNow(queue), undefined);
});

type Action =
  | { type: "add"; key: string; priority: Priority; afterMs: number }
  | { type: "take" }
  | { type: "done"; which: number }
  | { type: "advance"; ms: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    type: fc.constant("add" as const),
    key: fc.constantFrom("a", "b", "c", "d"),
    priority: fc.constantFrom("fresh", "backlog"),
    afterMs: fc.constantFrom(0, 0, 0, 10, 100),
  }),
  fc.constant({ type: "take" as const }),
  fc.record({ type: fc.constant("done" as const), which: fc.nat(3) }),
  fc.record({ type: fc.constant("advance" as const), ms: fc.constantFrom(1, 10, 100) }),
);

Deno.test("in any history a key is worked on once at a time, and nothing that was added is forgotten", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
      const clock = new FakeClock();
      const queue = new WorkQueue(clock);
      const taken: string[] = [];
      const owed = new Set<string>(); // added and not handed out since
      const take = async () => {
        const { depth } = queue;
        const key = await takeNow(queue);
        assert.equal(key !== undefined, depth > 0);
        if (key === undefined) return false;
        assert.ok(!taken.includes(key), `${key} is worked on twice at once`);
        assert.ok(owed.delete(key), `${key} was handed out though nobody added it`);
        taken.push(key);
        return true;
      };
      const done = (which: number) => {
        const [key] = taken.splice(which, 1);
        if (key !== undefined) queue.done(key);
      };
      for (const one of actions) {
        if (one.type === "add") {
          queue.add(one.key, one);
          owed.add(one.key);
        } else if (one.type === "take") await take();
        else if (one.type === "done") done(one.which % Math.max(taken.length, 1));
        else await clock.advance(one.ms);
      }
      while (taken.length > 0) done(0);
      await clock.advance(100);
      while (await take()) done(0);
      assert.deepEqual([...owed], []);
      assert.equal(clock.pending, 0);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("many workers on many keys: never two on the same, and every last change is seen", async () => {
  const queue = new WorkQueue();
  const stop = new AbortController();
  const wanted = new Map<string, number>();
  const seen = new Map<string, number>();
  const busy = new Set<string>();
  const worker = async () => {
    while (true) {
      const { key } = await queue.take(stop.signal);
      assert.ok(!busy.has(key));
      busy.add(key);
      const version = wanted.get(key)!;
      if (Math.random() < 0.5) await soon();
      seen.set(key, version);
      busy.delete(key);
      queue.done(key);
    }
  };
  const workers = Array.from({ length: 8 }, () => worker().catch((error) => error));
  for (let version = 0; version < 3000; version++) {
    const key = `k${Math.floor(Math.random() * 20)}`;
    wanted.set(key, version);
    queue.add(key, { priority: Math.random() < 0.5 ? "fresh" : "backlog" });
    if (version % 50 === 0) await soon();
  }
  while (queue.depth > 0 || busy.size > 0) await soon();
  stop.abort("over");
  assert.deepEqual(await Promise.all(workers), Array(8).fill("over"));
  assert.deepEqual(seen, wanted);
});
