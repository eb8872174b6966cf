import assert from "node:assert/strict";
import { runTasks, TaskGroup } from "./tasks.ts";

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));

Deno.test("TaskGroup ends its tasks when disposed of, and waits for them", async () => {
  const ended: string[] = [];
  const group = new TaskGroup(() => ended.push("failure"), new AbortController().signal);
  group.run(async (signal) => {
    await untilAborted(signal).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 5));
    ended.push("slow");
  });
  group.run(untilAborted);
  await group[Symbol.asyncDispose]();
  assert.deepEqual(ended, ["slow"]);
});

Deno.test("TaskGroup ends its tasks when the parent's signal fires", async () => {
  const parent = new AbortController();
  const group = new TaskGroup(() => assert.fail("an abort is no failure"), parent.signal);
  group.run(untilAborted);
  parent.abort();
  assert.equal(group.signal.aborted, true);
  await group[Symbol.asyncDispose]();
});

Deno.test("TaskGroup reports the first failure, and ends the other tasks", async () => {
  const failures: unknown[] = [];
  await using group = new TaskGroup((error) => failures.push(error), new AbortController().signal);
  const other = Promise.withResolvers<void>();
  group.run((signal) => untilAborted(signal).finally(other.resolve));
  group.run(() => Promise.reject(new Error("broken")));
  await other.promise;
  assert.deepEqual(failures.map(String), ["Error: broken"]);
});

Deno.test("TaskGroup under a parent that has fired runs nothing for long", async () => {
  const group = new TaskGroup(() => assert.fail("an abort is no failure"), AbortSignal.abort());
  group.run((signal) => {
    signal.throwIfAborted();
    return Promise.reject(new Error("went on"));
  });
  await group[Symbol.asyncDispose]();
});

Deno.test("runTasks() ends with its signal, and throws what a task or its start threw", async () => {
  const stop = new AbortController();
  const running = runTasks((tasks) => tasks.run(() => Promise.resolve(stop.abort())), stop.signal);
  await running;
  await runTasks(() => {}, stop.signal);
  const { signal } = new AbortController();
  const broken = () => Promise.reject(new Error("broken"));
  await assert.rejects(runTasks((tasks) => tasks.run(broken), signal), /broken/);
  await assert.rejects(runTasks(broken, signal), /broken/);
});
