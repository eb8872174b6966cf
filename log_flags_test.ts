import { deepEqual, throws } from "node:assert/strict";
import { Command } from "commander";
import { normalizeFlags } from "./command_line.ts";
import { addLogFlags, ignoreLogFlags, readLogFlags } from "./log_flags.ts";

function read(line: string) {
  const command = addLogFlags(new Command("server")).exitOverride().configureOutput({ writeErr: () => {} });
  command.parse(normalizeFlags(command, line.split(" ").filter(Boolean)).normalized, { from: "user" });
  return readLogFlags(command);
}

const cases: [line: string, format: string, level: string][] = [
  ["", "json", "info"],
  ["--log-format text --log-level=warn", "text", "warn"],
  ["-v 4", "json", "debug"],
  ["-v=6", "json", "debug"],
  ["--v=2", "json", "info"],
  ["-v4 --log-level error", "json", "error"],
  ["--logging-format=text --vmodule=a=9 --log-flush-frequency=5s --log-text-split-stream=true", "text", "info"],
];
for (const [line, format, level] of cases) {
  Deno.test(`log flags "${line}" mean ${format} from ${level} on`, () => deepEqual(read(line), { format, level }));
}

for (const line of ["-v much", "--log-level loud", "--log-format xml"]) {
  Deno.test(`log flags "${line}" are refused`, () => throws(() => read(line), { code: "commander.invalidArgument" }));
}

Deno.test("commands that do not log take the original's log flags without effect", () => {
  const command = ignoreLogFlags(new Command("tool").argument("<url>")).exitOverride();
  command.parse(normalizeFlags(command, ["-v=4", "--vmodule=x=1", "rest"]).normalized, { from: "user" });
  deepEqual(command.args, ["rest"]);
});
