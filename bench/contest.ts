import { messageOf } from "../kube/errors.ts";
import type { ControlPlaneBinaries } from "../playground/binaries.ts";
import { type Figures, tellFigures } from "./figures.ts";
import { measureOn } from "./measured_stage.ts";
import { measureBacklog, measureBurst, measureStatusBurst } from "./measure_bursts.ts";
import { measureLatency } from "./measure_latency.ts";
import { measurePairs } from "./measure_pairs.ts";
import { type BenchOptions, type ContenderCommand, KONNECTOR_SECTIONS, type KonnectorSection } from "./options.ts";
import { Stage } from "./stage.ts";
import type { Contender } from "./table.ts";

const MEASURES: Readonly<Record<KonnectorSection, (stage: Stage) => Promise<Figures>>> = {
  burst: measureBurst,
  status: measureStatusBurst,
  backlog: measureBacklog,
  latency: measureLatency,
  pairs: measurePairs,
};

export interface ContestDeps {
  binaries: ControlPlaneBinaries;
  /** Gets a line for each step. */
  say: (line: string) => void;
}

/**
 * Measures konnectors on clusters of their own, by turns. A peer that fails on the way keeps what it has reached, and the
 * others go on without it.
 *
 * @returns one for each command, in their order
 * @throws {Error} naming the konnector and the part of the run, when the first one fails or any cannot be set up
 */
export async function runContest(
  commands: readonly ContenderCommand[],
  options: BenchOptions,
  { binaries, say }: ContestDeps,
  signal: AbortSignal,
): Promise<Contender[]> {
  const naming = async <T>({ name }: ContenderCommand, part: string, action: () => Promise<T>): Promise<T> => {
    say(`${name}: ${part}`);
    try {
      return await action();
    } catch (error) {
      signal.throwIfAborted();
      throw new Error(`Cannot measure ${name} (${part}): ${messageOf(error)}`, { cause: error });
    }
  };
  const sections = KONNECTOR_SECTIONS.filter((section) => options.only.includes(section));
  await using stack = new AsyncDisposableStack();
  const results: Contender[] = [];
  const entrants: { command: ContenderCommand; stage: Stage; result: Contender }[] = [];
  for (const command of commands) {
    const result: Contender = { name: command.name, version: await versionOf(command), figures: {} };
    results.push(result);
    if (sections.length === 0) continue;
    await naming(command, "setting up", async () => {
      const stage = stack.use(await Stage.open({ bench: options, contender: command, binaries, say }, signal));
      entrants.push({ command, stage, result });
    });
  }
  for (const section of sections) {
    for (const entrant of entrants.filter(({ result }) => result.failure === undefined)) {
      const { command, stage, result } = entrant;
      try {
        const figures = await naming(command, section, () => measureOn(stage, MEASURES[section]));
        tellFigures(figures, say);
        Object.assign(result.figures, figures);
      } catch (error) {
        if (entrant === entrants[0] || signal.aborted) throw error;
        result.failure = messageOf(error);
        say(result.failure);
      }
    }
  }
  return results;
}

/** The last word of what the program says to `--version`. */
async function versionOf({ command: [program = "", ...args] }: ContenderCommand): Promise<string | undefined> {
  const flag = args.findIndex((arg) => arg.startsWith("-"));
  const subcommand = flag < 0 ? args : args.slice(0, flag);
  try {
    const { code, stdout } = await new Deno.Command(program, { args: [...subcommand, "--version"] }).output();
    return code === 0 ? new TextDecoder().decode(stdout).trim().split(/\s+/).at(-1) : undefined;
  } catch (error) {
    throw new Error(`Cannot run "${program}": ${messageOf(error)}`, { cause: error });
  }
}
