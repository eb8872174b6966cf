import { type Command, InvalidArgumentError, Option } from "commander";

/** How the servers log. */
export interface LogFlags {
  format: "json" | "text";
  level: "debug" | "info" | "warn" | "error";
}

const LEVELS = ["debug", "info", "warn", "error"] as const;

/** Flags of the original's logging library that name buffers and patterns we do not have. */
const IGNORED = [
  "--vmodule <pattern>",
  "--log-flush-frequency <duration>",
  "--log-text-info-buffer-size <quantity>",
  "--log-text-split-stream",
  "--log-json-info-buffer-size <quantity>",
  "--log-json-split-stream",
];

/**
 * Adds the log flags that all servers share, under a heading of their own; those of the original keep working: `-v 4`
 * means debug, `--logging-format` is `--log-format`, and what has no counterpart here is accepted without effect.
 */
export function addLogFlags(command: Command): Command {
  command
    .addOption(
      new Option("--log-format <format>", "json: one object per line; text: for people").choices(["json", "text"])
        .default("json").helpGroup("Log flags:"),
    )
    .addOption(
      new Option("--log-level <level>", "least severe level that is written").choices(LEVELS)
        .default("info").helpGroup("Log flags:"),
    )
    .addOption(
      new Option("-v, --v <number>", "verbosity as in klog: 4 and above is debug").argParser(parseVerbosity)
        .helpGroup("Log flags:"),
    )
    .addOption(new Option("--logging-format <format>").choices(["json", "text"]).hideHelp());
  for (const flags of IGNORED) command.addOption(new Option(flags).hideHelp());
  return command;
}

/** For commands that do not log: takes the original's log flags without effect, so that scripts keep working. */
export function ignoreLogFlags(command: Command): Command {
  for (const flags of ["-v, --v <number>", "--logging-format <format>", ...IGNORED]) {
    command.addOption(new Option(flags).hideHelp());
  }
  return command;
}

/** Reads what `addLogFlags` added. */
export function readLogFlags(command: Command): LogFlags {
  const { logFormat, loggingFormat, logLevel, v } = command.opts();
  return { format: loggingFormat ?? logFormat, level: v >= 4 && logLevel === "info" ? "debug" : logLevel };
}

function parseVerbosity(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It has to be a number, e.g. 2.");
  return Number(text);
}
