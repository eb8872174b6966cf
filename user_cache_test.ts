import { deepEqual, equal, rejects } from "node:assert/strict";
import { join } from "node:path";
import { inDirectory } from "./tests/directory.ts";
import { makeOnce, sha256, userCacheDirectory } from "./user_cache.ts";

const soon = () => AbortSignal.timeout(10_000);
const namesIn = async (directory: string) =>
  (await Array.fromAsync(Deno.readDir(directory), ({ name }) => name)).toSorted();

Deno.test("makeOnce() lets one of many make it, and all others wait for that", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "thing");
    let made = 0;
    const make = async (draft: string) => {
      made++;
      await Deno.writeTextFile(join(draft, "a"), "half");
      await new Promise((resolve) => setTimeout(resolve, 30));
      await Deno.writeTextFile(join(draft, "a"), "whole");
    };
    await Promise.all(Array.from({ length: 8 }, async () => {
      await makeOnce(path, make, { what: "it" }, soon());
      equal(await Deno.readTextFile(join(path, "a")), "whole");
    }));
    equal(made, 1);
    deepEqual(await namesIn(directory), ["thing", "thing.lock"]);
  }));

Deno.test("makeOnce() leaves nothing behind when making fails, and the next one tries again", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "thing");
    const fail = async (draft: string) => {
      await Deno.writeTextFile(join(draft, "a"), "half");
      throw new Error("no space left");
    };
    await rejects(makeOnce(path, fail, { what: "it" }, soon()), /no space left/);
    deepEqual(await namesIn(directory), ["thing.lock"]);
    await makeOnce(path, () => Promise.resolve(), { what: "it" }, soon());
    deepEqual(await namesIn(directory), ["thing", "thing.lock"]);
  }));

Deno.test("makeOnce() removes what a killed process left half made", () =>
  inDirectory(async (directory) => {
    await Deno.mkdir(join(directory, "thing.draft-1"));
    await makeOnce(join(directory, "thing"), () => Promise.resolve(), { what: "it" }, soon());
    deepEqual(await namesIn(directory), ["thing", "thing.lock"]);
  }));

Deno.test("makeOnce() says that it waits, and stops waiting when aborted", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "thing");
    const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const make = () => {
      begun.resolve();
      return end.promise;
    };
    const first = makeOnce(path, make, { what: "it" }, soon());
    await begun.promise;
    const stop = new AbortController();
    const lines: string[] = [];
    const progress = (line: string) => {
      lines.push(line);
      stop.abort(new Error("enough"));
    };
    await rejects(makeOnce(path, () => Promise.resolve(), { what: "the thing", progress }, stop.signal), /enough/);
    deepEqual(lines, ["waiting for another process that makes the thing"]);
    end.resolve();
    await first;
  }));

const homes: [name: string, env: Record<string, string>, want: string][] = [
  ["goes by XDG_CACHE_HOME", { XDG_CACHE_HOME: "/caches", HOME: "/home/a" }, "/caches/klutch"],
  ["takes ~/.cache otherwise", { HOME: "/home/a" }, "/home/a/.cache/klutch"],
];
for (const [name, env, want] of homes) {
  Deno.test(`userCacheDirectory() ${name}`, () => equal(userCacheDirectory(env), want));
}

Deno.test("sha256() is that of the bytes", async () => {
  equal(await sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});
