import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { installCrds } from "../crds/install.ts";
import { API_SERVICE_BINDINGS } from "../crds/names.ts";
import { KubeClient } from "../kube/client.ts";
import { ConfigError } from "../kube/errors.ts";
import { serveHealth } from "../kube/health.ts";
import { type ClusterConfig, loadKubeconfig } from "../kube/kubeconfig.ts";
import { runAsLeader } from "../kube/lease.ts";
import type { Log } from "../kube/log.ts";
import { createMetrics, type Metrics } from "../kube/metrics.ts";
import { parseReceivedKubeconfig } from "../kube/received_kubeconfig.ts";
import { type Secret, SECRETS } from "../kube/resources.ts";
import { untilReachable } from "../kube/until_reachable.ts";
import { resourceName } from "../kube/types.ts";
import { runBindings } from "./bindings.ts";
import type { ConnectionTarget } from "./connection.ts";
import { kubeconfigText } from "./kubeconfig_secret.ts";
import type { KonnectorOptions } from "./options.ts";

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
  /** Only bindings of this namespace; all when absent. */
  bindingNamespace?: string;
  /** What a binding's kubeconfig leads to. @throws {ConfigError} when it cannot be used */
  targetOf(binding: APIServiceBinding, kubeconfig: string): ConnectionTarget;
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
  const metrics = await createMetrics();
  const config = await loadKubeconfig({ path: options.kubeconfig, context: options.context, env });
  const state = { isSynced: false, lastRenewal: () => true as true | string };
  const health = await serveHealth({
    address: options.healthAddress,
    checks: { leaderElection: () => state.lastRenewal() },
    readiness: { leaderElection: () => state.lastRenewal() },
    metrics,
  }, signal);
  log.info("konnector started", { version, server: config.server, healthPort: health.port });

  const clusters = await openClusters(options, config, { log, metrics }, signal);
  using _consumer = clusters.consumer;
  using _bindings = clusters.bindings;
  if (!options.controlPlane) {
    await installCrds(clusters.consumer, [resourceName(API_SERVICE_BINDINGS)], log, signal);
  }
  await runAsLeader(
    {
      client: clusters.bindings,
      ...options.lease,
      log,
      onHealth: (check) => state.lastRenewal = check,
    },
    (signal) => runBindings({ clusters, workers: options.workers, version, log, metrics }, signal),
    signal,
  );
  await health.finished;
}

async function openClusters(
  { controlPlane }: KonnectorOptions,
  config: ClusterConfig,
  { log, metrics }: { log: Log; metrics: Metrics },
  signal: AbortSignal,
): Promise<Clusters> {
  if (!controlPlane) {
    const consumer = new KubeClient(config, { side: "consumer", metrics });
    return { consumer, bindings: consumer, targetOf: targetOfReceived };
  }
  const provider = new KubeClient(config, { side: "provider", metrics });
  const { secret: { key, ...secretKey }, bindingNamespace } = controlPlane;
  const secret = await untilReachable(
    () => provider.api<Secret>(SECRETS).get(secretKey, signal),
    { log, what: "the provider" },
    signal,
  );
  const text = kubeconfigText(secret, key);
  if (text === undefined) {
    throw new ConfigError(
      `Cannot use Secret "${secretKey.namespace}/${secretKey.name}" on the provider: it has no text under "${key}"`,
    );
  }
  return {
    consumer: new KubeClient(parseReceivedKubeconfig(text), { side: "consumer", metrics }),
    bindings: provider,
    bindingNamespace,
    targetOf: () => ({ config, namespace: bindingNamespace }),
  };
}

/** In an app cluster, a binding's kubeconfig leads to the provider, and its context says which namespace is ours. */
function targetOfReceived({ spec }: APIServiceBinding, kubeconfig: string): ConnectionTarget {
  const config = parseReceivedKubeconfig(kubeconfig);
  if (!config.namespace) throw new ConfigError("Cannot use the received kubeconfig: its context has no namespace");
  return { config, namespace: config.namespace, secretRef: spec.kubeconfigSecretRef };
}
