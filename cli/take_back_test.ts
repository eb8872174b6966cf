import { deepEqual, equal, rejects } from "node:assert/strict";
import { TakeBack } from "./take_back.ts";

function recorded() {
  const said: string[] = [];
  const takeBack = new TakeBack({ say: (line) => said.push(line) });
  const undone: string[] = [];
  const made = (what: string, fails = false) => () => ({
    what,
    undo: () => fails ? Promise.reject(new Error("no right to")) : Promise.resolve(undone.push(what)),
  });
  return { said, takeBack, undone, made };
}

const never = new AbortController().signal;

Deno.test("TakeBack takes back what was made, the newest first, and then lets go what it needed for that", async () => {
  const { said, takeBack, undone, made } = recorded();
  const needed = { isOpen: true, [Symbol.dispose]: () => void (needed.isOpen = false) };
  takeBack.use(needed);
  await takeBack.make(() => Promise.resolve(1), made("namespace"), never);
  equal(await takeBack.make(() => Promise.resolve(undefined), made("what was there"), never), undefined);
  takeBack.add({ what: "secret", undo: () => Promise.resolve(undone.push(`secret, open: ${needed.isOpen}`)) });
  await takeBack[Symbol.asyncDispose]();
  deepEqual(undone, ["secret, open: true", "namespace"]);
  deepEqual(said, ["↩️ Took back secret", "↩️ Took back namespace"]);
  equal(needed.isOpen, false);
});

Deno.test("TakeBack takes nothing back after the end was reached", async () => {
  const { said, takeBack, made } = recorded();
  await takeBack.make(() => Promise.resolve(1), made("namespace"), never);
  takeBack.keep();
  await takeBack[Symbol.asyncDispose]();
  deepEqual(said, []);
});

Deno.test("TakeBack knows what was made in the moment of the interruption, and begins nothing after it", async () => {
  const { takeBack, undone, made } = recorded();
  const stop = new AbortController();
  const make = (signal: AbortSignal) => {
    stop.abort();
    equal(signal.aborted, false);
    return Promise.resolve(1);
  };
  await rejects(takeBack.make(make, made("secret"), stop.signal), { name: "AbortError" });
  await rejects(takeBack.make(() => Promise.resolve(1), made("binding"), stop.signal), { name: "AbortError" });
  await takeBack[Symbol.asyncDispose]();
  deepEqual(undone, ["secret"]);
});

Deno.test("TakeBack stops where something stays, and names all that does", async () => {
  const { said, takeBack, undone, made } = recorded();
  await takeBack.make(() => Promise.resolve(1), made("namespace"), never);
  await takeBack.make(() => Promise.resolve(1), made("secret", true), never);
  await takeBack.make(() => Promise.resolve(1), made("binding"), never);
  await takeBack[Symbol.asyncDispose]();
  deepEqual(undone, ["binding"]);
  deepEqual(said, ["↩️ Took back binding", "⚠️ Cannot take back secret, namespace: no right to"]);
});
