import { deepEqual, equal } from "node:assert/strict";
import { basename, join } from "node:path";
import { makeOwnedDirectory } from "./owned_directory.ts";

async function deadPid(): Promise<number> {
  const child = new Deno.Command("true").spawn();
  await child.status;
  return child.pid;
}

Deno.test("makeOwnedDirectory() removes what processes left that are gone, and nothing else", async () => {
  const root = await Deno.makeTempDir();
  try {
    const [gone, alive] = [`klutch-${await deadPid()}-abc`, `klutch-${Deno.ppid}-abc`];
    await Deno.mkdir(join(root, gone, "etcd", "wal"), { recursive: true });
    await Deno.writeTextFile(join(root, gone, "etcd", "wal", "0"), "x");
    for (const name of [alive, "klutch-notes", "other-1-abc"]) await Deno.mkdir(join(root, name));
    {
      await using own = await makeOwnedDirectory(root);
      await Deno.writeTextFile(join(own.path, "file"), "x");
      const names = await Array.fromAsync(Deno.readDir(root), ({ name }) => name);
      deepEqual(new Set(names), new Set([basename(own.path), alive, "klutch-notes", "other-1-abc"]));
      equal((await Deno.stat(own.path)).mode! & 0o077, 0); // keys lie in there
    }
    const names = await Array.fromAsync(Deno.readDir(root), ({ name }) => name);
    deepEqual(new Set(names), new Set([alive, "klutch-notes", "other-1-abc"]));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
