import { Command, CommanderError, type Option } from "commander";
import { formatHelp } from "./help.ts";
import { UsageError } from "./program.ts";

/** First argument of a shell that asks what could be typed next. */
export const COMPLETE = "__complete";

/** What the name of the executable says about the command line: the words a user types to get here, and its arguments. */
export interface Invocation {
  invokedAs: "klutch" | "kubectl klutch" | "kubectl bind";
  args: string[];
}

/**
 * Reads the executable's name: a copy or link called `kubectl-klutch` is a kubectl plugin, which kubectl completes by
 * `kubectl_complete-klutch`; `kubectl-bind` stands in for the original plugin, whose whole command line is that of `bind`.
 */
export function readInvocation(argv0: string, args: readonly string[]): Invocation {
  const name = argv0.split(/[\\/]/).at(-1)?.replace(/\.exe$/i, "");
  if (name === "kubectl_complete-klutch") return { invokedAs: "kubectl klutch", args: [COMPLETE, ...args] };
  const invokedAs = name === "kubectl-bind" ? "kubectl bind" : name === "kubectl-klutch" ? "kubectl klutch" : "klutch";
  return { invokedAs, args: [...args] };
}

/** Where results and messages of the command line itself (help, usage errors) go. */
export interface Streams {
  writeOut(text: string): void;
  writeError(text: string): void;
}

/**
 * Parses `args` and runs the chosen action.
 *
 * @throws {UsageError} with the path of the command in its message when the command line is wrong
 */
export async function runCommandLine(root: Command, args: readonly string[], streams: Streams): Promise<void> {
  let complaint: string | undefined;
  for (const command of treeOf(root)) {
    command.exitOverride()
      .configureHelp({ formatHelp, subcommandTerm: (sub) => sub.name() })
      .configureOutput({
        writeOut: streams.writeOut,
        writeErr: streams.writeOut, // nothing but the help of a command that only groups others
        outputError: (text) => complaint = text,
      })
      .helpOption("-h, --help", "show this help");
    if (command !== root) command.helpCommand(false);
  }
  const { normalized, chosen, operands, problem } = normalizeFlags(
    root,
    args[0] === "help" ? [...args.slice(1), "--help"] : args,
  );
  const usageError = (message: string, cause?: unknown) =>
    new UsageError(`${message}\nSee '${pathOf(chosen)} --help'.`, { cause });
  if (problem) throw usageError(problem);
  const stranger = operands[0];
  if (stranger !== undefined && chosen.commands.length > 0) {
    // Commander would show the help, or complain about the stranger's flags first.
    if (chosen.registeredArguments.length === 0) normalized.splice(0, Infinity, ...wordsTo(chosen), stranger);
    const near = chosen.registeredArguments.length > 0 && chosen.commands.find((sub) => isNear(sub.name(), stranger));
    if (near) throw usageError(`unknown command '${stranger}'. Did you mean ${near.name()}?`);
  }
  try {
    await root.parseAsync(normalized, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0 || error.code === "commander.help") return; // help and version
      if (complaint === undefined) throw error;
      throw usageError(readable(complaint));
    }
    if (error instanceof UsageError && !error.message.includes("--help")) throw usageError(error.message, error.cause);
    throw error;
  }
}

/** Values of flags that were given, be it before or after the subcommand; defaults of `command` fill in the rest. */
export function flagsOf<T>(command: Command): T {
  const flags: Record<string, unknown> = { ...command.opts() };
  for (let above = command.parent; above; above = above.parent) {
    for (const [name, value] of Object.entries(above.opts())) {
      const given = above.getOptionValueSource(name) === "cli" && command.getOptionValueSource(name) !== "cli";
      if (given && command.options.some((option) => option.attributeName() === name)) flags[name] = value;
    }
  }
  return flags as T;
}

interface NormalizedLine {
  normalized: string[];
  /** The innermost command that is named. */
  chosen: Command;
  /** What follows it, without flags and their values. */
  operands: string[];
  /** Why the line cannot be used, if so. */
  problem?: string;
}

/**
 * Rewrites what Go programs accept and commander does not, so that existing scripts keep working:
 * `--flag=true`, `--flag=false` for flags without a value, and `-n=value`.
 */
export function normalizeFlags(root: Command, args: readonly string[]): NormalizedLine {
  const line: NormalizedLine = { normalized: [], chosen: root, operands: [] };
  const { normalized, operands } = line;
  let mayBeValue = false; // of a flag that nobody knows
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      normalized.push(...args.slice(i));
      operands.push(...args.slice(i + 1));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      const sub = operands.length > 0 ? undefined : line.chosen.commands.find((one) => one.name() === arg);
      if (sub) line.chosen = sub;
      else if (!mayBeValue) operands.push(arg);
      normalized.push(arg);
      mayBeValue = false;
      continue;
    }
    mayBeValue = false;
    const [, name, value] = /^(--[^=]+|-[A-Za-z])(?:=(.*))?$/s.exec(arg) ?? [];
    const option = name === undefined ? undefined : findOption(line.chosen, name);
    if (!option || name === undefined) {
      normalized.push(arg);
      mayBeValue = value === undefined;
    } else if (option.required) {
      normalized.push(name);
      const next = value ?? args[++i];
      if (next !== undefined) normalized.push(next);
    } else if (value === undefined || option.optional) {
      normalized.push(arg);
    } else if (/^(1|t|true)$/i.test(value)) {
      normalized.push(name);
    } else if (!/^(0|f|false)$/i.test(value)) {
      line.problem ??= `invalid value '${value}' for '${name}': it is true or false`;
    }
  }
  return line;
}

/** `klutch bind apiservice`: what a user types to get there. */
export const pathOf = (command: Command): string =>
  command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();

/** The same without the program's name. */
const wordsTo = (command: Command): string[] => command.parent ? [...wordsTo(command.parent), command.name()] : [];

function findOption(command: Command | null, name: string): Option | undefined {
  for (; command; command = command.parent) {
    const found = command.options.find((option) => option.short === name || option.long === name);
    if (found) return found;
  }
}

/** At most two letters are wrong, missing or too many. */
function isNear(name: string, typed: string): boolean {
  let row = Array.from({ length: typed.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...name].entries()) {
    const next = [i + 1];
    for (let j = 0; j < typed.length; j++) {
      next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (typed[j] === letter ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1)! <= 2 && name.length > 3;
}

/** Commander's wording in ours: `error: unknown option '--x'\n(Did you mean --y?)`. */
function readable(complaint: string): string {
  return complaint.trim()
    .replace(/^error: /, "")
    .replace("unknown option", "unknown flag")
    .replace(/^option '/, "flag '")
    .replace(
      /\n\(Did you mean (one of )?(.*)\?\)$/s,
      (_, several, names) => `. Did you mean ${several ?? ""}${names}?`,
    );
}

function* treeOf(command: Command): Iterable<Command> {
  yield command;
  for (const sub of command.commands) yield* treeOf(sub);
}
