import { equal } from "node:assert/strict";
import { printable, printableLines } from "./printable.ts";

Deno.test("printable() disarms escape sequences, line breaks and reordering", () => {
  equal(printable("a\x1b[2Jb\r\nc\u202Ed\x9be"), "a [2Jb c d e");
  equal(printable("ü 漢字 👍"), "ü 漢字 👍");
  equal(printable("x".repeat(20), 5), "xxxxx…");
});

Deno.test("printableLines() keeps lines, and all of each", () => {
  const long = "x".repeat(5000);
  equal(printableLines(`a\x1b[2J\r\n  b\x07\n${long}`), `a [2J \n  b \n${long}`);
});
