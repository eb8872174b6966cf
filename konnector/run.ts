import { APIServiceBinding } from "../crds/api_service_binding.ts";
import { installCrds } from "../crds/install.ts";
import { API_SERVICE_BINDINGS } from "../crds/names.ts";
import { collectWhenIdle } from "../idle_memory.ts";
import { KubeClient } from "../kube/client.ts";
import { serveHealth } from "../kube/health.ts";
import { type ClusterConfig, loadKubeconfig } from "../kube/kubeconfig.ts";
import { Leadership } from "../kube/leadership.ts";
import { runAsLeader } from "../kube/lease.ts";
import type { Log } from "../kube/log.ts";
import type { Metrics } from "../kube/metrics.ts";
import { parseReceivedKubeconfig } from "../kube/received_kubeconfig.ts";
import type { Resource } from "../kube/types.ts";
import { AppCluster } from "./app_cluster.ts";
import { runBindings } from "./bindings.ts";
import type { ConnectionTarget } from "./connection.ts";
import { createKonnectorMetrics } from "./metrics.ts";
import type { KonnectorOptions } from "./options.ts";
import type { Reach } from "./reachability.ts";
import { receivedTarget } from "./received_target.ts";

export interface KonnectorContext {
  log: Log;
  env: Readonly<Record<string, string | undefined>>;
  version: string;
}

/** The clusters of one konnector; binding cluster and app cluster are the same unless it runs on the control plane. */
export interface Clusters {
  /** Where objects of bound APIs are created. */
  consumer: KubeClient;
  /** Where APIServiceBindings, their Secrets and the Lease are. */
  bindings: KubeClient;
  /** APIServiceBindings as that cluster serves them. */
  bindingResource: Resource;
  /** Only bindings of this namespace; all when absent. */
  bindingNamespace?: string;
  /** What a binding's kubeconfig leads to. @throws {ConfigError} when it cannot be used */
  targetOf(binding: APIServiceBinding, kubeconfig: string): ConnectionTarget;
  /** Is shown whether the app cluster answers; absent where bindings are out of reach together with it. */
  observeConsumer?: (reach: Reach) => void;
  /** Called before every write; throws when another replica may be at work. */
  beforeWrite: () => void;
}

/**
 * Runs the konnector until the signal fires. Clusters that do not answer are waited for.
 *
 * @throws {ConfigError} when the configuration can never work
 */
export async function runKonnector(
  options: KonnectorOptions,
  { log, env, version }: KonnectorContext,
  signal: AbortSignal,
): Promise<void> {
  const metrics = await createKonnectorMetrics();
  const config = await loadKubeconfig({ path: options.kubeconfig, context: options.context, env });
  const leadership = new Leadership();
  const appCluster = options.controlPlane && new AppCluster(options.controlPlane.secret);
  const leaderElection = () => leadership.check();
  const health = serveHealth({
    address: options.healthAddress,
    checks: { leaderElection },
    readiness: { leaderElection, ...(appCluster && { appCluster: () => appCluster.readiness }) },
    metrics,
  }, signal);
  log.info("konnector started", { version, pid: Deno.pid, server: config.server, healthPort: health.port });

  const client = {
    metrics,
    userAgent: `klutch-konnector/${version}`,
    qps: options.qps,
    beforeWrite: () => leadership.assertHeld(),
  };
  const free = { ...client, qps: undefined, beforeWrite: undefined }; // before and about leadership
  using unguarded = new KubeClient(config, free);
  const work = (clusters: Clusters, signal: AbortSignal) =>
    runBindings({
      clusters,
      workers: options.workers,
      qps: options.qps,
      version,
      instance: options.lease.identity,
      log,
      metrics,
    }, signal);
  const open = { config, unguarded, client, log };
  using _idle = collectWhenIdle();
  try {
    const lead = options.controlPlane && appCluster
      ? leadFromControlPlane(options.controlPlane, appCluster, open, work)
      : await leadInAppCluster(open, work, signal);
    await runAsLeader({ client: unguarded, ...options.lease, leadership, log }, lead, signal);
  } catch (error) {
    if (!signal.aborted) throw error; // else it was stopped while it waited for a cluster
  }
  await health.finished;
}

interface OpenDeps {
  /** The cluster of the process's own kubeconfig, and a client of it that may write at any time. */
  config: ClusterConfig;
  unguarded: KubeClient;
  client: { metrics: Metrics; userAgent: string; qps?: number; beforeWrite: () => void };
  log: Log;
}

type Work = (clusters: Clusters, signal: AbortSignal) => Promise<void>;
/** What the leader does. */
type Lead = (signal: AbortSignal) => Promise<void>;

async function leadInAppCluster(
  { config, unguarded, client, log }: OpenDeps,
  work: Work,
  signal: AbortSignal,
): Promise<Lead> {
  const [bindingResource] = await installCrds(unguarded, [APIServiceBinding], log, signal);
  return async (signal) => {
    using consumer = new KubeClient(config, { ...client, side: "consumer" });
    await work({
      consumer,
      bindings: consumer,
      bindingResource: bindingResource!,
      targetOf: ({ spec }, kubeconfig) => ({ ...receivedTarget(kubeconfig), secretRef: spec.kubeconfigSecretRef }),
      beforeWrite: client.beforeWrite,
    }, signal);
  };
}

function leadFromControlPlane(
  { bindingNamespace }: NonNullable<KonnectorOptions["controlPlane"]>,
  appCluster: AppCluster,
  { config, unguarded, client, log }: OpenDeps,
  work: Work,
): Lead {
  return (signal) =>
    appCluster.follow({ client: unguarded, log, metrics: client.metrics }, async (consumerConfig, signal) => {
      using consumer = new KubeClient(consumerConfig, { ...client, side: "consumer" });
      using bindings = new KubeClient(config, { ...client, side: "provider" });
      await work({
        consumer,
        bindings,
        bindingResource: API_SERVICE_BINDINGS,
        bindingNamespace,
        targetOf: (_binding, kubeconfig) => {
          parseReceivedKubeconfig(kubeconfig); // one that leads nowhere is told about, and ends the sync
          return { config, namespace: bindingNamespace };
        },
        observeConsumer: (reach) => appCluster.observe(reach),
        beforeWrite: client.beforeWrite,
      }, signal);
    }, signal);
}
