import { NotInOrder, type ProgramContext } from "../../program.ts";
import { appClusterConfig, type AppClusterFlags, clientOf } from "../app_cluster.ts";
import { type DataFormat, printData } from "../data.ts";
import { openLandscape } from "../diagnosis/landscape.ts";
import { worstOf } from "../diagnosis/finding.ts";
import { createStyle } from "../style.ts";
import { recentEvents } from "./events.ts";
import { findTarget } from "./target.ts";
import { type Explanation, formatExplanation } from "./text.ts";
import { walk } from "./walk.ts";

export interface ExplainOptions {
  /** As typed. */
  kind: string;
  name: string;
  namespace?: string;
  format: DataFormat;
  appCluster: AppClusterFlags;
}

/** `klutch explain`: the way of one object, checkpoint by checkpoint. @throws {NotInOrder} when it is stopped for good */
export async function runExplain({ kind, name, format, ...options }: ExplainOptions, context: ProgramContext) {
  const { signal, version } = context;
  const config = await appClusterConfig(options.appCluster, context.env);
  using appCluster = clientOf(config, context);
  using landscape = await openLandscape(appCluster, { userAgent: `kubectl-klutch/${version}` }, signal);
  const target = await findTarget(landscape, kind, signal);
  const namespace = options.namespace ?? config.namespace ?? "default";
  const key = target.resource && !target.resource.namespaced ? { name } : { namespace, name };
  const findings = await walk(landscape, target, key, signal);
  const events = await recentEvents(appCluster, target, key, signal);
  const worst = worstOf(findings);
  const explanation: Explanation = {
    object: { kind: target.resource?.kind ?? kind, ...key },
    verdict: worst?.verdict ?? "OK",
    findings,
    events,
  };
  await printData(explanation, format, () => formatExplanation(explanation, createStyle(context)), context);
  if (worst?.verdict === "FAIL") throw new NotInOrder();
}
