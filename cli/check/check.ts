import { NotInOrder, type ProgramContext } from "../../program.ts";
import { type AppClusterFlags, openAppCluster } from "../app_cluster.ts";
import { type DataFormat, printData } from "../data.ts";
import { worstOf } from "../diagnosis/finding.ts";
import { openLandscape } from "../diagnosis/landscape.ts";
import { formatFindings } from "../diagnosis/text.ts";
import { createStyle } from "../style.ts";
import { clusterFindings } from "./cluster.ts";
import { konnectorFindings } from "./konnector.ts";
import { providerFindings } from "./providers.ts";

export interface CheckOptions {
  format: DataFormat;
  appCluster: AppClusterFlags;
}

/** `klutch check`: whether both clusters are fit. @throws {NotInOrder} when one is not */
export async function runCheck({ format, ...options }: CheckOptions, context: ProgramContext): Promise<void> {
  const { signal, version } = context;
  using appCluster = await openAppCluster(options.appCluster, context);
  const own = await clusterFindings(appCluster, signal);
  using landscape = await openLandscape(appCluster, { userAgent: `kubectl-klutch/${version}` }, signal);
  const findings = [
    ...own,
    ...await konnectorFindings(landscape, signal),
    ...await providerFindings(landscape, signal),
  ];
  const verdict = worstOf(findings)?.verdict ?? "OK";
  await printData({ verdict, findings }, format, () => formatFindings(findings, createStyle(context)), context);
  if (verdict === "FAIL") throw new NotInOrder();
}
