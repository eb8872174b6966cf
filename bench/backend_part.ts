import { messageOf } from "../kube/errors.ts";
import { BackendStage, type BackendStageOptions } from "./backend_stage.ts";
import { type Figures, tellFigures } from "./figures.ts";
import { measureOn } from "./measured_stage.ts";
import { measureContracts } from "./measure_contracts.ts";
import { measureOnboarding } from "./measure_onboarding.ts";
import { measurePage } from "./measure_page.ts";
import { BACKEND_SECTIONS, type BackendSection } from "./options.ts";

const MEASURES: Readonly<Record<BackendSection, (stage: BackendStage) => Promise<Figures>>> = {
  page: measurePage,
  onboarding: measureOnboarding,
  contracts: measureContracts,
};

/**
 * Measures the backend, on a cluster of its own for each part of the run.
 *
 * @throws {Error} naming the part
 */
export async function measureBackend(options: BackendStageOptions, signal: AbortSignal): Promise<Figures> {
  const { bench, say } = options;
  const figures: Figures = {};
  for (const section of BACKEND_SECTIONS.filter((section) => bench.only.includes(section))) {
    say(`backend: ${section}`);
    try {
      await using stage = await BackendStage.open(options, signal);
      const measured = await measureOn(stage, MEASURES[section]);
      tellFigures(measured, say);
      Object.assign(figures, measured);
    } catch (error) {
      signal.throwIfAborted();
      throw new Error(`Cannot measure the backend (${section}): ${messageOf(error)}`, { cause: error });
    }
  }
  return figures;
}
