import { parallel } from "../kube/parallel.ts";
import type { ControlPlaneBinaries } from "../playground/binaries.ts";
import type { Figures } from "./figures.ts";
import type { MeasuredProcess } from "./measured_process.ts";
import type { BenchOptions } from "./options.ts";

export interface MeasuredStageOptions {
  bench: BenchOptions;
  binaries: ControlPlaneBinaries;
  /** Gets a line for each step. */
  say: (line: string) => void;
}

/** What all stages have: how long they wait, and how much they do at a time. */
export abstract class MeasuredStage {
  readonly options: BenchOptions;
  readonly say: (line: string) => void;
  /** Fires also when what is measured ends unasked. */
  readonly signal: AbortSignal;

  constructor({ bench, say }: MeasuredStageOptions, signal: AbortSignal) {
    this.options = bench;
    this.say = say;
    this.signal = signal;
  }

  get patienceMs(): number {
    return this.options.patienceSeconds * 1000;
  }

  async untilQuiet(process: MeasuredProcess): Promise<void> {
    if (await process.untilQuiet(this.patienceMs, this.signal)) return;
    this.say(`  still busy after ${this.options.patienceSeconds} s; going on`);
  }

  /** Does something for every one, as many at a time as the bench may. */
  each<T>(items: readonly T[], action: (item: T, signal: AbortSignal) => Promise<unknown>): Promise<void> {
    return parallel(items, this.options.concurrency, action, this.signal);
  }
}

/** Measures on a stage. A program that has ended is the reason of whatever failed afterwards. */
export async function measureOn<Stage extends MeasuredStage>(
  stage: Stage,
  measure: (stage: Stage) => Promise<Figures>,
): Promise<Figures> {
  try {
    return await measure(stage);
  } catch (error) {
    throw stage.signal.aborted ? stage.signal.reason : error;
  }
}
