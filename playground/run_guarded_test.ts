import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually, within } from "../tests/clusters.ts";
import { inDirectory } from "../tests/directory.ts";
import { runGuarded } from "./run_guarded.ts";

Deno.test("runGuarded() tells all lines as they come, also one without an end", () =>
  inDirectory(async (directory) => {
    const lines: string[] = [];
    const script = `echo first; sleep 0.2; echo "$WORD in $(basename "$PWD")" >&2; printf last`;
    await runGuarded({
      name: "it",
      command: ["sh", "-c", script],
      logPath: join(directory, "log"),
      cwd: "/",
      env: { WORD: "word" },
      onLine: (line) => lines.push(line),
    }, within(10_000));
    assert.deepEqual(lines, ["first", "word in /", "last"]);
  }));

Deno.test("runGuarded() tells the last lines of a program that fails", () =>
  inDirectory(async (directory) => {
    const run = { name: "go build", command: ["sh", "-c", "echo no such module; exit 3"] };
    await assert.rejects(runGuarded({ ...run, logPath: join(directory, "log") }, within(10_000)), {
      message: "go build ended with exit code 3:\nno such module",
    });
  }));

Deno.test("runGuarded() ends with the signal, and the program's children with it", () =>
  inDirectory(async (directory) => {
    const stop = new AbortController();
    const pids: number[] = [];
    const running = runGuarded({
      name: "it",
      // The child of a child, as compilers start them.
      command: ["sh", "-c", `sleep 1000 & echo $!; wait`],
      logPath: join(directory, "log"),
      onLine: (line) => {
        pids.push(Number(line));
        stop.abort(new DOMException("Interrupted", "AbortError"));
      },
    }, stop.signal);
    await assert.rejects(running, { name: "AbortError" });
    await eventually("the child is gone", () => pids.length === 1 && !isRunning(pids[0]!));
  }));

/** Whether there is such a process that has not ended; one that nobody has waited for yet counts as ended. */
function isRunning(pid: number): boolean {
  const { stdout } = new Deno.Command("ps", { args: ["-o", "stat=", "-p", String(pid)] }).outputSync();
  const state = new TextDecoder().decode(stdout).trim();
  return state !== "" && !state.startsWith("Z");
}
