import assert from "node:assert/strict";
import { database, databaseStatus } from "./bench_api.ts";
import { Arrivals } from "./stopwatch.ts";

const never = new AbortController().signal;
const see = (arrivals: Arrivals, name: string, status?: object) =>
  arrivals.see(name, { ...database({ namespace: "team", name }), status });

Deno.test("Arrivals notes when an object is first as expected, and nothing else", async () => {
  let completed = 0;
  const arrivals = new Arrivals(["a", "b"], ({ status }) => status !== undefined, () => completed++);
  see(arrivals, "a");
  see(arrivals, "stranger", databaseStatus("stranger", "Running"));
  assert.equal(arrivals.count, 0);

  see(arrivals, "a", databaseStatus("a", "Running"));
  const first = arrivals.seenAtMs.get("a");
  await new Promise((resolve) => setTimeout(resolve, 2));
  see(arrivals, "a", databaseStatus("a", "Running"));
  assert.equal(arrivals.seenAtMs.get("a"), first);
  assert.equal(arrivals.isComplete, false);
  assert.equal(completed, 0);

  see(arrivals, "b", databaseStatus("b", "Running"));
  assert.deepEqual([...arrivals.seenAtMs.keys()], ["a", "b"]);
  assert.equal(arrivals.isComplete, true);
  assert.equal(completed, 1);
});

Deno.test("Arrivals can be waited for, all or some, and not for ever", async () => {
  const arrivals = new Arrivals(["a", "b", "c"], () => true, () => {});
  const some = arrivals.wait(60_000, never, 2);
  see(arrivals, "a");
  see(arrivals, "b");
  assert.equal(await some, true);
  assert.equal(await arrivals.wait(1, never), false);
  const all = arrivals.wait(60_000, never);
  see(arrivals, "c");
  assert.equal(await all, true);
  assert.equal(await arrivals.wait(0, never), true);
});

Deno.test("Arrivals stop being waited for when the watch breaks or the run ends", async () => {
  const arrivals = new Arrivals(["a"], () => true, () => {});
  const broken = arrivals.wait(60_000, never);
  arrivals.fail(new Error("the watch broke"));
  await assert.rejects(broken, /the watch broke/);
  await assert.rejects(arrivals.wait(60_000, never), /the watch broke/);
  const stop = new AbortController();
  const stopped = new Arrivals(["a"], () => true, () => {}).wait(60_000, stop.signal);
  stop.abort(new Error("enough"));
  await assert.rejects(stopped, /enough/);
});
