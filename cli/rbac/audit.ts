import { KLUTCH_NAMESPACE, KONNECTOR } from "../../crds/names.ts";
import { NotInOrder, type ProgramContext } from "../../program.ts";
import { type AppClusterFlags, openAppCluster } from "../app_cluster.ts";
import { type DataFormat, printData } from "../data.ts";
import type { BindingView } from "../diagnosis/binding.ts";
import { type Landscape, openLandscape } from "../diagnosis/landscape.ts";
import { sideOf } from "../diagnosis/provider_side.ts";
import type { ProviderView } from "../diagnosis/provider.ts";
import { grantsOf } from "../konnector/rights.ts";
import { rightsOfImage } from "../konnector/update_rights.ts";
import { createStyle } from "../style.ts";
import { compareRights } from "./compare.ts";
import { grantedTo } from "./granted.ts";
import { auditProvider, type AuditResult } from "./provider.ts";
import { formatAudit } from "./text.ts";

export interface AuditOptions {
  format: DataFormat;
  appCluster: AppClusterFlags;
}

/** The rights of the konnector on one cluster. */
export interface AuditedCluster extends AuditResult {
  /** `app cluster`, or `provider https://…`. */
  cluster: string;
  /** Who has them. */
  subject: string;
  /** Namespaces that claims list and that do not exist: rights can be granted there once they do. */
  absent?: string[];
}

/** `klutch rbac audit`: the konnector's rights against its needs. @throws {NotInOrder} when they are not the same */
export async function runAudit({ format, ...options }: AuditOptions, context: ProgramContext): Promise<void> {
  const { signal, version } = context;
  using appCluster = await openAppCluster(options.appCluster, context);
  using landscape = await openLandscape(appCluster, { userAgent: `kubectl-klutch/${version}` }, signal);
  const clusters = [await auditAppCluster(landscape, signal), ...await auditProviders(landscape, signal)];
  await printData({ clusters }, format, () => formatAudit(clusters, createStyle(context)), context);
  if (clusters.some(({ findings, problem }) => problem || findings.length > 0)) throw new NotInOrder();
}

async function auditAppCluster(landscape: Landscape, signal: AbortSignal): Promise<AuditedCluster> {
  const { appCluster, konnector: { deployment } } = landscape;
  const pod = deployment?.spec.template.spec;
  const account = pod ? pod.serviceAccountName ?? "default" : KONNECTOR;
  const cluster = "app cluster";
  const subject = `ServiceAccount ${KLUTCH_NAMESPACE}/${account}`;
  const granted = await grantedTo(appCluster, account, signal);
  if (!deployment && granted.length === 0) {
    const problem =
      `there is no Deployment ${KLUTCH_NAMESPACE}/${KONNECTOR}: a konnector that runs elsewhere has rights of its own`;
    return { cluster, subject, findings: [], problem };
  }
  const needed = await rightsOfImage(appCluster, pod?.containers[0]?.image ?? "", signal);
  const { absent } = needed;
  const findings = compareRights(granted, grantsOf(needed));
  return { cluster, subject, findings, ...(absent.length > 0 && { absent }) };
}

async function auditProviders(landscape: Landscape, signal: AbortSignal): Promise<AuditedCluster[]> {
  const views = await Promise.all(landscape.bindings.map((binding) => landscape.look(binding, signal)));
  const bound = new Set(landscape.bindings.map(({ metadata }) => metadata.name));
  const byProvider = Map.groupBy(views, ({ provider }) => provider);
  return await Promise.all([...byProvider].map(([provider, views]) => auditOne(provider, views, bound, signal)));
}

async function auditOne(
  provider: ProviderView,
  views: BindingView[],
  bound: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<AuditedCluster> {
  const { namespace, name } = views[0]!.binding.spec.kubeconfigSecretRef;
  const subject = `kubeconfig of Secret ${namespace}/${name}`;
  const side = sideOf(provider);
  const cluster = provider.client ? `provider ${provider.client.server}` : "provider";
  if (!side) {
    const { what } = provider.findings.find(({ verdict }) => verdict !== "OK") ?? { what: "it does not answer" };
    return { cluster, subject, findings: [], problem: what };
  }
  return { cluster, subject, ...await auditProvider(side, views, bound, signal) };
}
