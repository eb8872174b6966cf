import { deepEqual, equal, match } from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually } from "../tests/clusters.ts";
import { inDirectory } from "../tests/directory.ts";
import { startGuarded } from "./guardian.ts";

const withLog = (test: (logPath: string) => Promise<void>): Promise<void> =>
  inDirectory((directory) => test(join(directory, "program.log")));

/** Ids of the running processes whose command line contains `marker`. */
async function processesWith(marker: string): Promise<string[]> {
  const { stdout } = await new Deno.Command("ps", { args: ["-eo", "pid=,args=", "-ww"] }).output();
  return new TextDecoder().decode(stdout).split("\n")
    .filter((line) => line.includes(marker) && !line.includes("ps -eo"))
    .map((line) => line.trim().split(" ")[0] ?? "");
}

/** A sleep of a length that no other process has. */
const uniqueSleep = () => `${1000 + Math.random()}`;

Deno.test("startGuarded() tells exit code and last words of a program that ends by itself", () =>
  withLog(async (logPath) => {
    const command = ["sh", "-c", "for i in $(seq 100); do echo line $i; done; echo broken >&2; exit 7"];
    await using process = startGuarded({ name: "it", command, logPath });
    deepEqual(await process.exited, { code: 7 });
    equal(await process.logTail(2), "line 100\nbroken");
    equal(process.stopped, false);
  }));

Deno.test("startGuarded() reports a program that does not exist", () =>
  withLog(async (logPath) => {
    await using process = startGuarded({ name: "it", command: ["/nowhere/etcd"], logPath });
    deepEqual(await process.exited, { code: 127 });
    match(await process.logTail(), /\/nowhere\/etcd: not found|No such file/);
  }));

Deno.test("startGuarded() passes arguments on unharmed", () =>
  withLog(async (logPath) => {
    const args = ["--a=b c", "$HOME", "'\"", "*"];
    await using process = startGuarded({ name: "it", command: ["printf", "%s\\n", ...args], logPath });
    await process.exited;
    equal(await process.logTail(), args.join("\n"));
  }));

Deno.test("stop() ends a program that ignores requests to end, and may be called again", () =>
  withLog(async (logPath) => {
    const marker = uniqueSleep();
    const command = ["sh", "-c", `trap '' TERM INT HUP; exec sleep ${marker}`]; // handed on by exec
    const process = startGuarded({ name: "it", command, logPath });
    await eventually("it runs", async () => (await processesWith(marker)).length > 0);
    await process.stop();
    await process.stop();
    equal(process.stopped, true);
    deepEqual(await processesWith(marker), []);
  }));

const ENDS: [name: string, signal: Deno.Signal, whole: boolean][] = [
  ["is killed", "SIGKILL", false],
  ["is asked to end", "SIGTERM", false],
  ["and its whole process group get a terminal's Ctrl-C", "SIGINT", true],
];
for (const [name, signal, whole] of ENDS) {
  Deno.test(`a guarded program does not outlive its owner when that ${name}`, () =>
    withLog(async (logPath) => {
      const marker = uniqueSleep();
      const guardian = JSON.stringify(fileURLToPath(import.meta.resolve("./guardian.ts")));
      const source = `
        const { startGuarded } = await import(${guardian});
        startGuarded({ name: "it", command: ["sleep", "${marker}"], logPath: ${JSON.stringify(logPath)} });
        setInterval(() => {}, 1000);`;
      const owner = new Deno.Command(Deno.execPath(), {
        args: ["run", "--allow-all", "--no-check", "--ext=ts", "-"],
        stdin: "piped",
        stdout: "null",
        stderr: "null",
        detached: true, // a process group of its own
      }).spawn();
      const writer = owner.stdin.getWriter();
      await writer.write(new TextEncoder().encode(source));
      await writer.close();
      await eventually("the program runs", async () => (await processesWith(`sleep ${marker}`)).length > 0);
      if (whole) {
        await new Deno.Command("kill", { args: ["-s", signal.slice(3), "--", `-${owner.pid}`] }).output();
      } else {
        owner.kill(signal);
      }
      await owner.status;
      await eventually("all are gone", async () => (await processesWith(marker)).length === 0);
    }));
}
