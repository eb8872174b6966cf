import { equal } from "node:assert/strict";
import { formatTable, mergeTables } from "./table.ts";

Deno.test("formatTable() aligns columns and leaves no blanks at line ends", () => {
  equal(
    formatTable(["name", "ready"], [["a", "True"], ["a-long-name", ""]]),
    "NAME          READY\na             True\na-long-name\n",
  );
});

Deno.test("formatTable() counts what is seen, not code units", () => {
  equal(formatTable(["n", "x"], [["👩‍👩‍👧é", "1"], ["ab", "2"]]), "N    X\n👩‍👩‍👧é   1\nab   2\n");
});

Deno.test("formatTable() prints the headings of an empty table", () => equal(formatTable(["a", "b"], []), "A   B\n"));

Deno.test("mergeTables() puts several answers under one heading, without wide columns", () => {
  const columnDefinitions = [{ name: "Name", priority: 0 }, { name: "Wide", priority: 1 }, { name: "Age" }];
  const merged = mergeTables([
    { columnDefinitions, rows: [{ cells: ["one", "hidden", "5s"] }] },
    { columnDefinitions, rows: [{ cells: ["two", "hidden", null] }] },
    { columnDefinitions },
  ], "thing/");
  equal(merged, "NAME        AGE\nthing/one   5s\nthing/two\n");
});

Deno.test("mergeTables() lets no cell write on the terminal: a provider chooses its name", () => {
  const columnDefinitions = [{ name: "Name" }, { name: "Provider" }];
  const merged = mergeTables([{ columnDefinitions, rows: [{ cells: ["one", "\x1b]0;pwned\x07\r\u202eacme"] }] }], "");
  equal(merged, "NAME   PROVIDER\none     ]0;pwned acme\n");
});
