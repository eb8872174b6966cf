import assert from "node:assert/strict";
import fc from "fast-check";
import { unifiedHunks } from "./unified.ts";

const lines = (...all: (string | number)[]) => all.map((line) => `${line}\n`).join("");

const cases: [name: string, before: string, after: string, hunks: string][] = [
  ["equal texts do not differ", lines(1, 2), lines(1, 2), ""],
  ["a new text is all added", "", lines("a", "b"), "@@ -0,0 +1,2 @@\n+a\n+b\n"],
  ["a text that goes is all removed", lines("a"), "", "@@ -1,1 +0,0 @@\n-a\n"],
  [
    "a change has three lines of context",
    lines(1, 2, 3, 4, 5, 6, 7, 8, 9),
    lines(1, 2, 3, 4, "V", 6, 7, 8, 9),
    "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+V\n 6\n 7\n 8\n",
  ],
  [
    "changes far from each other are hunks of their own",
    lines(1, 2, 3, 4, 5, 6, 7, 8, 9),
    lines(0, 1, 2, 3, 4, 5, 6, 7, 8),
    "@@ -1,3 +1,4 @@\n+0\n 1\n 2\n 3\n@@ -6,4 +7,3 @@\n 6\n 7\n 8\n-9\n",
  ],
];
for (const [name, before, after, hunks] of cases) {
  Deno.test(`unifiedHunks(): ${name}`, () => assert.equal(unifiedHunks(before, after), hunks));
}

/** As `patch` does it. */
function patched(before: string, hunks: string): string {
  const source = before.split("\n").slice(0, -1);
  const result: string[] = [];
  let at = 0;
  for (const line of hunks.split("\n").slice(0, -1)) {
    const [, start, count] = /^@@ -(\d+)(?:,(\d+))? /.exec(line) ?? [];
    if (start !== undefined) {
      const begin = Number(start) - (count === "0" ? 0 : 1);
      while (at < begin) result.push(source[at++]!);
    } else if (line.startsWith("+")) result.push(line.slice(1));
    else {
      assert.equal(source[at++], line.slice(1));
      if (line.startsWith(" ")) result.push(line.slice(1));
    }
  }
  return lines(...result, ...source.slice(at));
}

Deno.test("unifiedHunks(): whatever differs, the hunks make the one text of the other", () => {
  const text = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 30 }).map((all) => lines(...all));
  fc.assert(fc.property(text, text, (before, after) => {
    assert.equal(patched(before, unifiedHunks(before, after)), after);
  }));
});

Deno.test("unifiedHunks(): texts of ten thousand lines with nothing in common take a moment", () => {
  const text = (mark: string) => lines(...Array.from({ length: 10_000 }, (_, at) => mark + at));
  assert.equal(patched(text("a"), unifiedHunks(text("a"), text("b"))), text("b"));
});
