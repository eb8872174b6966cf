import { deepEqual, equal } from "node:assert/strict";
import { Checklist } from "./checklist.ts";
import { recordedTerminal } from "./terminal_fixture.ts";

function recorded(isLive: boolean): { said: string[]; checklist: Checklist } {
  const { said, terminal } = recordedTerminal(isLive);
  return { said, checklist: new Checklist(terminal) };
}

/** What is on the screen of a terminal that understands the sequences in use. */
function screenOf(said: readonly string[]): string[] {
  const rows: string[] = [];
  let row = 0;
  for (const part of said.map((line) => `${line}\n`).join("").split("\x1b[").flatMap(splitSequence)) {
    if (/^\d+A$/.test(part)) row -= parseInt(part);
    else if (part === "2K") rows[row] = "";
    else if (part === "\n") row++;
    else if (!part.startsWith("?7")) rows[row] = (rows[row] ?? "") + part;
  }
  return rows.filter((text) => text !== "");
}

/** The sequence at the beginning, then lines and their ends. */
function splitSequence(text: string): string[] {
  const [, sequence = "", rest = ""] = /^(\?7[lh]|\d+[AK])?([^]*)$/.exec(text) ?? [];
  return [sequence, ...rest.split(/(\n)/)].filter((part) => part !== "");
}

Deno.test("Checklist changes its lines in place on a terminal, below what was there", () => {
  const { said, checklist } = recorded(true);
  said.push("before");
  checklist.set("a", "waits");
  checklist.set("b", "waits, too");
  checklist.set("a", "done");
  checklist.set("a", "done");
  equal(said.length, 4);
  said.push("after");
  deepEqual(screenOf(said), ["before", "done", "waits, too", "after"]);
});

Deno.test("Checklist says each change once where nothing can be changed any more", () => {
  const { said, checklist } = recorded(false);
  for (const line of ["waits", "waits", "done"]) checklist.set("a", line);
  checklist.set("b", "done");
  deepEqual(said, ["waits", "done", "done"]);
});
