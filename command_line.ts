import { Command, CommanderError, type Option } from "commander";
import { formatHelp } from "./help.ts";
import { UsageError } from "./program.ts";

/** What the name of the executable says about the command line: the words a user types to get here, and its arguments. */
export interface Invocation {
  invokedAs: "klutch" | "kubectl klutch" | "kubectl bind";
  args: string[];
}

/**
 * Reads the executable's name: a copy or link called `kubectl-klutch` is a kubectl plugin, `kubectl-bind` stands in for
 * the original plugin, whose whole command line is that of `bind`.
 */
export function readInvocation(argv0: string, args: readonly string[]): Invocation {
  const name = argv0.split(/[\\/]/).at(-1)?.replace(/\.exe$/i, "");
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
        writeErr: streams.writeError,
        outputError: (text) => complaint = text,
      })
      .helpOption("-h, --help", "show this help");
  }
  const helpWanted = args[0] === "help";
  const { normalized, chosen } = normalizeFlags(root, helpWanted ? [...args.slice(1), "--help"] : args);
  const stranger = normalized.find((arg) => !arg.startsWith("-"));
  if (chosen === root && stranger && root.registeredArguments.length === 0) normalized.splice(0, Infinity, stranger);
  try {
    await root.parseAsync(normalized, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return; // help and version
      if (complaint === undefined) throw error;
      throw new UsageError(`${readable(complaint)}\nSee '${pathOf(chosen)} --help'.`);
    }
    if (error instanceof UsageError && !error.message.includes("--help")) {
      throw new UsageError(`${error.message}\nSee '${pathOf(chosen)} --help'.`, { cause: error.cause });
    }
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

/**
 * Rewrites what Go programs accept and commander does not, so that existing scripts keep working:
 * `--flag=true`, `--flag=false` for flags without a value, and `-n=value`.
 */
export function normalizeFlags(root: Command, args: readonly string[]): { normalized: string[]; chosen: Command } {
  const normalized: string[] = [];
  let chosen = root;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      normalized.push(...args.slice(i));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      chosen = chosen.commands.find((sub) => sub.name() === arg || sub.aliases().includes(arg)) ?? chosen;
      normalized.push(arg);
      continue;
    }
    const [, name, value] = /^(--[^=]+|-[A-Za-z])(?:=(.*))?$/s.exec(arg) ?? [];
    const option = name === undefined ? undefined : findOption(chosen, name);
    if (!option || name === undefined) {
      normalized.push(arg);
    } else if (option.required) {
      normalized.push(name);
      const next = value ?? args[++i];
      if (next !== undefined) normalized.push(next);
    } else if (value === undefined || option.optional) {
      normalized.push(arg);
    } else if (parseBool(value, name)) {
      normalized.push(name);
    }
  }
  return { normalized, chosen };
}

/** `klutch bind apiservice`, the words that lead to a command. */
export function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

function findOption(command: Command | null, name: string): Option | undefined {
  for (; command; command = command.parent) {
    const found = command.options.find((option) => option.short === name || option.long === name);
    if (found) return found;
  }
}

function parseBool(value: string, name: string): boolean {
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new UsageError(`invalid value '${value}' for '${name}': it is true or false`);
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
