import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { Deadline } from "./deadline.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("a deadline fires after its time, and later when it is extended", async () => {
  using deadline = new Deadline(100, new AbortController().signal);
  await pause(60);
  deadline.extend();
  await pause(60);
  assert.equal(deadline.signal.aborted, false);
  await pause(80);
  assert.equal(deadline.signal.reason.name, "TimeoutError");
  assert.equal(deadline.signal.reason.message, "no answer within 0.1 s");
  deadline.extend(); // too late, and no timer is left behind
});

Deno.test("a deadline fires with its parent, also one that fired before", () => {
  const parent = new AbortController();
  using deadline = new Deadline(1000, parent.signal);
  parent.abort("stopped");
  assert.equal(deadline.signal.reason, "stopped");
  using late = new Deadline(1000, parent.signal);
  assert.equal(late.signal.reason, "stopped");
});

Deno.test("a thousand deadlines leave nothing on a parent that lives on", () => {
  const parent = new AbortController();
  using _deadline = new Deadline(1000, parent.signal);
  assert.equal(getEventListeners(parent.signal, "abort").length, 1);
  for (let count = 0; count < 1000; count++) new Deadline(1000, parent.signal)[Symbol.dispose]();
  assert.equal(getEventListeners(parent.signal, "abort").length, 1);
});
