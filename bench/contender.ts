import { messageOf } from "../kube/errors.ts";
import { type FigureId, type Figures, formatFigure, kindOf } from "./figures.ts";
import { measureBacklog, measureBurst, measureStatusBurst } from "./measure_bursts.ts";
import { measureCeilings } from "./measure_ceilings.ts";
import { measureLatency } from "./measure_latency.ts";
import { measurePairs } from "./measure_pairs.ts";
import { type ContenderCommand, type Section, SECTIONS } from "./options.ts";
import { Stage, type StageOptions } from "./stage.ts";
import type { Contender } from "./table.ts";

const MEASURES: Readonly<Record<Section, (stage: Stage) => Promise<Figures>>> = {
  ceilings: measureCeilings,
  burst: measureBurst,
  status: measureStatusBurst,
  backlog: measureBacklog,
  latency: measureLatency,
  pairs: measurePairs,
};

/**
 * Measures one konnector on clusters of its own.
 *
 * @throws {Error} naming the konnector and the part of the run
 */
export async function measure(options: StageOptions, signal: AbortSignal): Promise<Contender> {
  const { contender: { name, command }, bench, say } = options;
  const figures: Figures = {};
  let part = "setting up";
  try {
    const version = await versionOf(command);
    await using stage = await Stage.open(options, signal);
    say(`${name}: bound, informer scope ${bench.informerScope}`);
    for (const section of SECTIONS.filter((section) => bench.only.includes(section))) {
      part = section;
      say(`${name}: ${section}`);
      try {
        const measured = await MEASURES[section](stage);
        for (const [id, figure] of Object.entries(measured) as [FigureId, Figures[FigureId]][]) {
          if (figure) say(`  ${kindOf(id).title}: ${formatFigure(id, figure)}`);
        }
        Object.assign(figures, measured);
      } catch (error) {
        throw stage.signal.aborted ? stage.signal.reason : error;
      }
    }
    return { name, version, figures };
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`Cannot measure ${name} (${part}): ${messageOf(error)}`, { cause: error });
  }
}

/** The last word of what the program says to `--version`. */
async function versionOf([program = "", ...args]: ContenderCommand["command"]): Promise<string | undefined> {
  const words = args.filter((arg) => !arg.startsWith("-")); // a subcommand, but no flags
  try {
    const { code, stdout } = await new Deno.Command(program, { args: [...words, "--version"] }).output();
    return code === 0 ? new TextDecoder().decode(stdout).trim().split(/\s+/).at(-1) : undefined;
  } catch (error) {
    throw new Error(`Cannot run "${program}": ${messageOf(error)}`, { cause: error });
  }
}
