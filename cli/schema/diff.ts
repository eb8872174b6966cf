import { type Change, VERDICTS } from "../../crds/compatibility/change.ts";
import { compareApis } from "../../crds/compatibility/compare_crd.ts";
import { Answer, type ProgramContext, UsageError } from "../../program.ts";
import type { ControlPlaneFlags } from "./control_plane.ts";
import { printReport, type ReportFormat } from "./print_report.ts";
import { type Report, toReport } from "./report.ts";
import { type DefinedApi, readApis } from "./source.ts";
import { withoutCrossplane } from "./xrd.ts";

export interface DiffOptions {
  /** Each a file, `-` or `crd/NAME`. */
  before: string;
  after: string;
  format: ReportFormat;
  controlPlane: ControlPlaneFlags;
}

/** `klutch schema diff`: what a change does. @throws {Answer} 1 for a risky one, 2 for a breaking one */
export async function runDiff(
  { before, after, format, controlPlane }: DiffOptions,
  context: ProgramContext,
): Promise<void> {
  if (before === "-" && after === "-") throw new UsageError("stdin can be read once: name a file for OLD or NEW");
  const report = compareAll(
    await readApis(before, controlPlane, context),
    await readApis(after, controlPlane, context),
  );
  await printReport(report, format, after, context);
  const exitCode = VERDICTS.indexOf(report.verdict);
  if (exitCode > 0) throw new Answer(exitCode);
}

/** What became of each API; two that are alone on their sides belong together, whatever their names. */
export function compareAll(before: readonly DefinedApi[], after: readonly DefinedApi[]): Report {
  const isPair = before.length === 1 && after.length === 1;
  const twinOf = ({ name }: DefinedApi) => isPair ? after[0] : after.find((other) => other.name === name);
  const gone: Change = {
    verdict: "breaking",
    rule: "api-removed",
    path: "",
    message: "the API is not defined any more",
  };
  const added: Change = { verdict: "safe", rule: "api-added", path: "", message: "the API is new" };
  const twins = new Set(before.map(twinOf));
  return toReport([
    ...before.map((one) => {
      const twin = twinOf(one);
      return { api: one.name, changes: twin ? comparePair(one, twin) : [gone] };
    }),
    ...after.filter((one) => !twins.has(one)).map(({ name }) => ({ api: name, changes: [added] })),
  ]);
}

/** A definition for Crossplane says nothing of the fields that every CRD made of one has. */
function comparePair(before: DefinedApi, after: DefinedApi): Change[] {
  if (!before.isXrd && !after.isXrd) return compareApis(before.definition, after.definition);
  return compareApis(withoutCrossplane(before.definition), withoutCrossplane(after.definition));
}
