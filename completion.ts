import type { Command, Option } from "commander";
import { flagsOf } from "./command_line.ts";
import type { ProgramContext } from "./program.ts";

/** Something that could be typed next. */
interface Candidate {
  word: string;
  description?: string;
}

/** What a shell does besides showing candidates, in the numbers of cobra's protocol, which kubectl speaks. */
const FILES = 0;
const NO_FILES = 4;

/** Looks up operands, e.g. names of objects, given the flags and operands before. */
export type OperandSource<Flags = object> = (
  context: ProgramContext,
  flags: Flags,
  operands: readonly string[],
) => Promise<string[]>;

const sources = new WeakMap<Command, OperandSource>();

/** Says where the operands of a command can be looked up. */
export function completeOperands(command: Command, source: OperandSource): Command {
  sources.set(command, source);
  return command;
}

/**
 * What could be typed in place of the last word: a line for each candidate, its description behind a tab, and at the
 * end what else the shell should offer. This is what `kubectl` expects of a plugin's `kubectl_complete-<plugin>`.
 */
export async function complete(root: Command, words: readonly string[], context: ProgramContext): Promise<string> {
  const [current = "", ...before] = words.toReversed();
  const { chosen, operands, pending } = read(root, before.toReversed());
  const isFile = pending !== undefined && /<(file|path)>/.test(pending.flags);
  const candidates: Candidate[] = pending
    ? (pending.argChoices ?? []).map((word) => ({ word }))
    : current.startsWith("-")
    ? candidatesOf(chosen)
    : await wordsOf(chosen, operands, context);
  const lines = candidates.filter(({ word }) => word.startsWith(current))
    .map(({ word, description }) => description ? `${word}\t${description}` : word);
  return [...lines, `:${isFile ? FILES : NO_FILES}`, ""].join("\n");
}

/** Where on the command line the words lead, and which flag waits for its value. */
function read(root: Command, words: readonly string[]): { chosen: Command; operands: string[]; pending?: Option } {
  let chosen = root;
  const operands: string[] = [];
  let pending: Option | undefined;
  for (const word of words) {
    if (pending) {
      chosen.setOptionValueWithSource(pending.attributeName(), word, "cli");
      pending = undefined;
    } else if (word.startsWith("-")) {
      const [name, value] = word.split(/=(.*)/s);
      const option = optionsOf(chosen).find(({ short, long }) => short === name || long === name);
      if (option?.required && value === undefined) pending = option;
      else if (option && value !== undefined) chosen.setOptionValueWithSource(option.attributeName(), value, "cli");
    } else {
      const sub = operands.length === 0 && chosen.commands.find((one) => one.name() === word);
      if (sub) chosen = sub;
      else operands.push(word);
    }
  }
  return { chosen, operands, pending };
}

const optionsOf = (command: Command | null): Option[] =>
  command ? [...command.options, ...optionsOf(command.parent)] : [];

const candidatesOf = (command: Command): Candidate[] => [
  ...new Map(
    optionsOf(command).filter(({ hidden }) => !hidden).map(({ long, short, description }) => [
      long ?? short!,
      { word: long ?? short!, description },
    ]),
  ).values(),
  { word: "--help", description: "show this help" },
];

/** How long a person waits for a Tab. */
const LOOKUP_MS = 2_000;

async function wordsOf(command: Command, operands: readonly string[], context: ProgramContext): Promise<Candidate[]> {
  const own = operands.length > 0
    ? []
    : command.commands.map((sub) => ({ word: sub.name(), description: sub.summary() }));
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(LOOKUP_MS)]);
  try {
    const found = await sources.get(command)?.({ ...context, signal }, flagsOf(command), operands) ?? [];
    return [...own, ...found.map((word) => ({ word }))];
  } catch {
    return own; // there is no place to say why
  }
}
