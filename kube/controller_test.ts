import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { FakeClock } from "../tests/fake_clock.ts";
import { type Outcome, runController } from "./controller.ts";
import { KubeError, TerminalError } from "./errors.ts";
import { createLog } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { WorkQueue } from "./queue.ts";
import { formatKey, type ObjectKey } from "./types.ts";

const soon = () => new Promise((resolve) => setTimeout(resolve, 0));

interface Run extends AsyncDisposable {
  queue: WorkQueue;
  clock: FakeClock;
  /** Keys in the order in which passes began. */
  passes: string[];
  lines: Record<string, unknown>[];
  outcomes: string[];
  stop: AbortController;
  finished: Promise<void>;
}

/** A controller that runs until the test ends. */
function start(
  reconcile: (key: ObjectKey, signal: AbortSignal, pass: number) => Promise<Outcome>,
  { workers, graceMs }: { workers?: number; graceMs?: number } = {},
): Run {
  const clock = new FakeClock();
  const queue = new WorkQueue(clock);
  const stop = new AbortController();
  const passes: string[] = [];
  const outcomes: string[] = [];
  const lines: Record<string, unknown>[] = [];
  const metrics = {
    reconciled: (_: string, outcome: string) => outcomes.push(outcome),
    queueWaited: () => {},
    queueOpened: () => ({ [Symbol.dispose]: () => {} }),
  } as unknown as Metrics;
  const finished = runController({
    name: "databases",
    queue,
    workers,
    graceMs,
    metrics,
    random: () => 0,
    log: createLog({ format: "json", level: "info", write: (line) => lines.push(JSON.parse(line)) }),
    reconcile(key, signal) {
      passes.push(formatKey(key));
      return reconcile(key, signal, passes.length);
    },
  }, stop.signal);
  return {
    queue,
    clock,
    passes,
    lines,
    outcomes,
    stop,
    finished,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await finished;
    },
  };
}

Deno.test("keys are handed to reconcile as they were added", async () => {
  const keys: ObjectKey[] = [];
  await using run = start((key) => {
    keys.push(key);
    return Promise.resolve();
  });
  run.queue.add("default/db");
  run.queue.add("cluster-wide");
  await soon();
  assert.deepEqual(keys, [{ namespace: "default", name: "db" }, { name: "cluster-wide" }]);
  assert.deepEqual(run.outcomes, ["done", "done"]);
});

Deno.test("a pass that fails is tried again, later each time; one that succeeds begins anew", async () => {
  await using run = start((_key, _signal, pass) =>
    pass <= 3 || pass === 5 ? Promise.reject(new KubeError("broken", { status: 500 })) : Promise.resolve()
  );
  run.queue.add("a");
  await soon();
  for (const ms of [5, 10, 20]) {
    const before = run.passes.length;
    await run.clock.advance(ms - 1);
    assert.equal(run.passes.length, before, "too early");
    await run.clock.advance(1);
    assert.equal(run.passes.length, before + 1);
  }
  assert.deepEqual(run.lines.map(({ level, msg, key, failures, afterMs }) => [level, msg, key, failures, afterMs]), [
    ["warn", "reconcile failed, trying again", "a", 1, 5],
    ["warn", "reconcile failed, trying again", "a", 2, 10],
    ["warn", "reconcile failed, trying again", "a", 3, 20],
  ]);
  run.queue.add("a");
  await soon();
  assert.equal(run.lines.at(-1)!.afterMs, 5);
  assert.deepEqual(run.outcomes, ["failed", "failed", "failed", "done", "failed"]);
});

Deno.test("a key that fails does not hold up the others, and an event does not wait for its backoff", async () => {
  await using run = start((key) => key.name === "bad" ? Promise.reject(new Error("bad")) : Promise.resolve());
  run.queue.add("bad");
  run.queue.add("good");
  await soon();
  assert.deepEqual(run.passes, ["bad", "good"]);
  run.queue.add("bad");
  await soon();
  assert.deepEqual(run.passes, ["bad", "good", "bad"]);
});

Deno.test("when the API server says how long to wait, it is that long", async () => {
  await using run = start((_key, _signal, pass) =>
    pass === 1 ? Promise.reject(new KubeError("slow down", { status: 429, retryAfterMs: 7000 })) : Promise.resolve()
  );
  run.queue.add("a");
  await soon();
  await run.clock.advance(6999);
  assert.equal(run.passes.length, 1);
  await run.clock.advance(1);
  assert.equal(run.passes.length, 2);
});

for (const status of [0, 502, 503, 504]) {
  Deno.test(`a cluster that is back after hours is noticed within half a minute, also behind a proxy that says ${status}`, async () => {
    await using run = start(() => Promise.reject(new KubeError("away", { status })));
    run.queue.add("a");
    await soon();
    await run.clock.advance(3600_000);
    const { length } = run.passes;
    await run.clock.advance(3600_000);
    assert.equal(run.passes.length - length, 120);
  });
}

Deno.test("one that is back but refuses at first is asked again soon", async () => {
  await using run = start((_key, _signal, pass) =>
    Promise.reject(pass <= 20 ? new KubeError("refused", { status: 0 }) : new KubeError("not yet", { status: 403 }))
  );
  run.queue.add("a");
  await soon();
  while (run.passes.length <= 20) await run.clock.advance(30_000);
  assert.deepEqual(run.lines.slice(19, 21).map(({ afterMs }) => afterMs), [30_000, 5]);
});

Deno.test("what an object's author has to mend is tried at most every five minutes", async () => {
  await using run = start(() => Promise.reject(new KubeError("invalid", { status: 422 })));
  run.queue.add("a");
  await soon();
  await run.clock.advance(3600_000);
  const { length } = run.passes;
  await run.clock.advance(3600_000);
  assert.equal(run.passes.length - length, 12);
});

Deno.test("a TerminalError waits for the next event, without backoff from before", async () => {
  await using run = start((_key, _signal, pass) =>
    Promise.reject(pass === 1 ? new TerminalError("no") : new Error("x"))
  );
  run.queue.add("a");
  await soon();
  await run.clock.advance(3600_000);
  assert.equal(run.passes.length, 1);
  assert.equal(run.lines[0]!.level, "error");
  run.queue.add("a");
  await soon();
  assert.equal(run.lines.at(-1)!.failures, 1);
  assert.deepEqual(run.outcomes, ["terminal", "failed"]);
});

Deno.test("a pass may ask to be repeated; events before then count as well", async () => {
  await using run = start(() => Promise.resolve({ requeueAfterMs: 1000 }));
  run.queue.add("a");
  await soon();
  await run.clock.advance(1000);
  assert.equal(run.passes.length, 2);
  run.queue.add("a");
  await soon();
  assert.equal(run.passes.length, 3);
  await run.clock.advance(999);
  assert.equal(run.passes.length, 3);
  assert.equal(run.outcomes.at(-1), "requeued");
});

Deno.test("several workers run at once, but one key never twice", async () => {
  const busy = new Set<string>();
  let most = 0;
  await using run = start(async ({ name }) => {
    assert.ok(!busy.has(name));
    busy.add(name);
    most = Math.max(most, busy.size);
    await soon();
    busy.delete(name);
  }, { workers: 3 });
  for (let round = 0; round < 20; round++) {
    for (const key of ["a", "b", "c", "d", "e"]) run.queue.add(key);
    await soon();
  }
  while (run.queue.depth > 0 || busy.size > 0) await soon();
  assert.equal(most, 3);
  assert.ok(run.outcomes.every((outcome) => outcome === "done"));
});

Deno.test("when the signal fires, the work in hand is finished, what waits is not begun, and nothing stays behind", async () => {
  const { promise: go, resolve } = Promise.withResolvers<void>();
  const run = start(async (_key, signal) => {
    await go;
    signal.throwIfAborted();
  });
  run.queue.add("a");
  run.queue.add("b");
  run.queue.add("c", { afterMs: 1000 });
  await soon();
  run.stop.abort(new Error("stopped"));
  let settled = false;
  void run.finished.then(() => settled = true);
  await soon();
  assert.equal(settled, false);
  resolve();
  await run.finished;
  assert.deepEqual(run.passes, ["a"]);
  assert.deepEqual(run.outcomes, ["done"]);
  assert.deepEqual([run.queue.depth, run.queue.delayed, run.clock.pending], [0, 0, 0]);
  assert.deepEqual(getEventListeners(run.stop.signal, "abort"), []);
});

Deno.test("work that does not end in time is told to stop, and is not reported as a failure", async () => {
  const run = start(
    (_key, signal) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
    {
      graceMs: 50,
    },
  );
  run.queue.add("a");
  await soon();
  run.stop.abort(new Error("stopped"));
  await run.finished;
  assert.deepEqual([run.outcomes, run.lines], [[], []]);
});

Deno.test("a pass that fails after the signal is not planned again", async () => {
  const { promise: go, resolve } = Promise.withResolvers<void>();
  const run = start(async () => {
    await go;
    throw new Error("x");
  });
  run.queue.add("a");
  await soon();
  run.stop.abort();
  resolve();
  await run.finished;
  assert.equal(run.clock.pending, 0);
});

Deno.test("a signal that fired before means that nothing begins", async () => {
  const queue = new WorkQueue(new FakeClock());
  queue.add("a");
  const log = createLog({ format: "json", level: "info", write: () => {} });
  const reconcile = () => Promise.reject(new Error("begun"));
  await runController({ name: "n", queue, reconcile, log }, AbortSignal.abort());
  assert.equal(queue.depth, 0);
});
