import { equal } from "node:assert/strict";
import type { ProgramContext } from "../../program.ts";
import { printReport } from "./print_report.ts";
import { toReport } from "./report.ts";

Deno.test("printReport() lets nobody else write on the terminal: not tenants, names of objects, nor schemas", async () => {
  const tenant = "klutch-\x1b[2Ka";
  const impact = [{ tenant, objects: 1, refused: 1, samples: [{ object: "o\x9bk", paths: ["spec.\rsize"] }] }];
  const example = { size: "\u202e1" };
  const report = toReport([{
    api: "dbs.exam\x07ple.com",
    changes: [{
      verdict: "breaking",
      rule: "enum-narrowed",
      version: "v1",
      path: "spec.\x08x",
      message: "\x1bc",
      example,
    }],
    impact,
  }]);
  let text = "";
  const context = { env: {}, isTerminal: {}, writeOut: (more: string) => void (text += more) } as ProgramContext;
  await printReport(report, "table", "new.yaml", context);
  equal(/[^\n\x20-\x7e]/.exec(text), null);
});
