import { verdictOf, VERDICTS } from "../../crds/compatibility/change.ts";
import { impactOf } from "../../crds/compatibility/impact.ts";
import { isNotFound } from "../../kube/errors.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../../kube/resources.ts";
import { Answer, type ProgramContext, UsageError } from "../../program.ts";
import { type ControlPlaneFlags, openControlPlane } from "./control_plane.ts";
import { compareAll } from "./diff.ts";
import { printReport, type ReportFormat } from "./print_report.ts";
import type { ApiReport } from "./report.ts";
import { type DefinedApi, fromCrd, readApis } from "./source.ts";

export interface CheckOptions {
  /** A file, or `-`. */
  file: string;
  format: ReportFormat;
  controlPlane: ControlPlaneFlags;
}

/**
 * `klutch schema check`: what a change of APIs would do on a control plane, to those who use them and to every stored
 * object.
 *
 * @throws {Answer} 1 for a risky change, 2 for a breaking one, or one that stored objects do not fit
 */
export async function runCheck({ file, format, controlPlane }: CheckOptions, context: ProgramContext): Promise<void> {
  const { signal } = context;
  const wanted = await readApis(file, controlPlane, context);
  const xrd = wanted.find(({ isXrd }) => isXrd);
  if (xrd) {
    throw new UsageError(
      `'${xrd.name}' is defined by an XRD: check the CustomResourceDefinition that Crossplane makes of it, or use ` +
        "'schema diff'",
    );
  }
  using client = await openControlPlane(controlPlane, context);
  const crds = client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  const reports: ApiReport[] = [];
  for (const api of wanted) {
    const current = await crds.get({ name: api.name }, signal).then(fromCrd, (error): DefinedApi | undefined => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    const [report] = compareAll(current ? [current] : [], [api]).apis;
    const impact = current && report!.verdict !== "safe" ? await impactOf(client, api.definition, {}, signal) : [];
    const isHarmful = impact.some(({ refused }) => refused > 0);
    reports.push({ ...report!, verdict: isHarmful ? "breaking" : report!.verdict, impact });
  }
  const verdict = verdictOf(reports);
  await printReport({ verdict, apis: reports }, format, file, context);
  const exitCode = VERDICTS.indexOf(verdict);
  if (exitCode > 0) throw new Answer(exitCode);
}
