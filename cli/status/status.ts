import { NotInOrder, type ProgramContext } from "../../program.ts";
import { type AppClusterFlags, openAppCluster } from "../app_cluster.ts";
import { type DataFormat, printData } from "../data.ts";
import { openLandscape } from "../diagnosis/landscape.ts";
import { createStyle } from "../style.ts";
import { countInstances } from "./counts.ts";
import { type Status, statusOf } from "./report.ts";
import { formatStatus } from "./text.ts";

export interface StatusOptions {
  format: DataFormat;
  /** Only bindings of this namespace. */
  namespace?: string;
  appCluster: AppClusterFlags;
}

/** `klutch status`: all bindings of the app cluster, the worst first. @throws {NotInOrder} when one of them fails */
export async function runStatus({ format, namespace, ...options }: StatusOptions, context: ProgramContext) {
  const { signal, version } = context;
  using appCluster = await openAppCluster(options.appCluster, context);
  using landscape = await openLandscape(appCluster, { userAgent: `kubectl-klutch/${version}` }, signal);
  const bindings = landscape.bindings.filter(({ metadata }) => !namespace || metadata.namespace === namespace);
  const [views, counts] = await Promise.all([
    Promise.all(bindings.map((binding) => landscape.look(binding, signal))),
    countInstances(appCluster, bindings, signal),
  ]);
  const status: Status = statusOf(landscape.konnector, views, counts, namespace);
  await printData(status, format, () => formatStatus(status, createStyle(context)), context);
  if (status.verdict === "FAIL") throw new NotInOrder();
}
