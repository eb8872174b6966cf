import assert from "node:assert/strict";
import type { Scope } from "./informer.ts";
import { Scopes } from "./scopes.ts";
import { TaskGroup } from "./tasks.ts";

/** Records when watches of a namespace begin and end; ending takes a moment. */
function recorder() {
  const events: string[] = [];
  return {
    events,
    async watch({ namespace }: Scope, signal: AbortSignal): Promise<void> {
      events.push(`+${namespace}`);
      await new Promise<void>((resolve) =>
        signal.addEventListener("abort", () => setTimeout(resolve, 5), { once: true })
      );
      events.push(`-${namespace}`);
    },
  };
}

const openTasks = (onFailure: (error: unknown) => void = assert.ifError) =>
  new TaskGroup(onFailure, new AbortController().signal);

Deno.test("Scopes watches every scope once, until it is dropped", async () => {
  const watched = recorder();
  await using tasks = openTasks();
  const scopes = new Scopes(watched, tasks);
  scopes.add("a", { namespace: "a" });
  scopes.add("a", { namespace: "a" });
  scopes.add("b", { namespace: "b" });
  await Promise.resolve();
  assert.deepEqual([...scopes.ids], ["a", "b"]);
  scopes.drop("a");
  assert.deepEqual([...scopes.ids], ["b"]);
  await scopes[Symbol.asyncDispose]();
  assert.deepEqual(watched.events.toSorted(), ["+a", "+b", "-a", "-b"]);
});

Deno.test("Scopes opens a scope again only after its last watch has ended", async () => {
  const watched = recorder();
  await using tasks = openTasks();
  const scopes = new Scopes(watched, tasks);
  scopes.add("a", { namespace: "a" });
  await Promise.resolve();
  scopes.drop("a");
  scopes.add("a", { namespace: "a" });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(watched.events, ["+a", "-a", "+a"]);
  await scopes[Symbol.asyncDispose]();
});

Deno.test("Scopes never begins a watch that was dropped while another one was ending", async () => {
  const watched = recorder();
  await using tasks = openTasks();
  const scopes = new Scopes(watched, tasks);
  scopes.add("a", { namespace: "a" });
  await Promise.resolve();
  scopes.drop("a");
  scopes.add("a", { namespace: "a" });
  scopes.drop("a");
  await scopes[Symbol.asyncDispose]();
  assert.deepEqual(watched.events, ["+a", "-a"]);
});

Deno.test("Scopes hands a watch that fails to whoever owns it, and ends the others", async () => {
  const failed = Promise.withResolvers<unknown>();
  await using tasks = openTasks(failed.resolve);
  const watched = recorder();
  const scopes = new Scopes({
    watch: (scope, signal) => scope.namespace ? watched.watch(scope, signal) : Promise.reject(new RangeError("broken")),
  }, tasks);
  scopes.add("a", { namespace: "a" });
  scopes.add("*", {});
  assert.match(String(await failed.promise), /broken/);
  await scopes[Symbol.asyncDispose]();
  assert.deepEqual(watched.events, ["+a", "-a"]);
});
