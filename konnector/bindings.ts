import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { runController } from "../kube/controller.ts";
import { Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import { WorkQueue } from "../kube/queue.ts";
import { createRecorder } from "../kube/recorder.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition, type Secret, SECRETS } from "../kube/resources.ts";
import { Scopes } from "../kube/scopes.ts";
import { runTasks, type TaskGroup } from "../kube/tasks.ts";
import { formatKey, type ObjectKey } from "../kube/types.ts";
import { type BindingDeps, reconcileBinding } from "./binding.ts";
import { BY_NAME } from "./binding_view.ts";
import { ClaimSync } from "./claim_sync.ts";
import { Claims } from "./claims.ts";
import { Connection, Connections } from "./connection.ts";
import { InstanceSync } from "./instance_sync.ts";
import type { KonnectorMetrics } from "./metrics.ts";
import { openConsumerNamespaces } from "./namespaces.ts";
import { Probe, Reachability } from "./reachability.ts";
import type { Clusters } from "./run.ts";

export interface BindingsDeps {
  clusters: Clusters;
  workers: number;
  /** Requests per second to a provider at most. */
  qps?: number;
  version: string;
  /** Which process this is, e.g. the name of its pod. */
  instance: string;
  log: Log;
  metrics?: KonnectorMetrics;
}

/** What claims have to tell about many objects comes together. */
const CLAIM_NEWS_MS = 500;

/** One binding that waits for its provider, or lets many objects go, keeps no other waiting. */
const BINDING_WORKERS = 4;

/** Name of the index from a Secret to the bindings whose kubeconfig it holds. */
const BY_SECRET = "secret";

/**
 * Follows all APIServiceBindings, and with them everything else, until the signal fires.
 *
 * @throws what any part of it throws unasked
 */
export function runBindings(deps: BindingsDeps, signal: AbortSignal): Promise<void> {
  return runTasks((tasks) => followBindings(deps, tasks), signal);
}

async function followBindings(deps: BindingsDeps, tasks: TaskGroup): Promise<void> {
  const { signal } = tasks;
  const { clusters, workers, qps, version, instance, log, metrics } = deps;
  const { consumer, beforeWrite, observeConsumer } = clusters;
  const options = { log, metrics };
  const bindings = new Informer<APIServiceBinding>(clusters.bindings.api(clusters.bindingResource), {
    ...options,
    indexers: {
      [BY_SECRET]: ({ spec }) => {
        const ref = spec?.kubeconfigSecretRef;
        return ref ? [formatKey({ namespace: ref.namespace, name: ref.name })] : [];
      },
      [BY_NAME]: ({ metadata }) => [metadata.name],
    },
  });
  const secrets = new Informer<Secret>(clusters.bindings.api(SECRETS), options);
  const crds = new Informer<CustomResourceDefinition>(consumer.api(CUSTOM_RESOURCE_DEFINITIONS), options);
  const namespaces = openConsumerNamespaces(consumer, options);
  const probe = new Probe();
  const reachability = new Reachability([namespaces, probe]);
  observeConsumer?.(reachability);
  const queue = new WorkQueue();
  const syncs = new Map<string, InstanceSync>();

  await using secretScopes = new Scopes(secrets, tasks);
  await using crdScopes = new Scopes(crds, tasks);
  await using connections = new Connections((target, onChange) =>
    new Connection({ consumer, namespaces, log, metrics, qps, version, beforeWrite }, target, onChange, signal)
  );
  await using recorder = createRecorder(consumer, { component: "klutch-konnector", instance, metrics }, log);
  await using claims = new Claims(
    (connection, definition, { before, onChange }) =>
      new ClaimSync(
        { consumer, connection, workers, recorder, isReserved, log, metrics, onChange },
        definition,
        before,
        signal,
      ),
    (binding) => wake(binding, CLAIM_NEWS_MS),
  );
  await using _syncs = { [Symbol.asyncDispose]: () => closeAll(syncs) };

  bindings.subscribe(({ key }) => {
    queue.add(formatKey(key));
    wakeAll(bindings.store.keysBy(BY_NAME, key.name)); // one may take over what another leaves
  }, signal);
  secrets.subscribe(
    ({ key }) => wakeAll(bindings.store.keysBy(BY_SECRET, formatKey(key))),
    signal,
  );
  crds.subscribe(({ key }) => wakeAll(bindings.store.keysBy(BY_NAME, key.name)), signal);
  /** Nobody may claim what this cluster's bindings are reached with. */
  function isReserved(kind: string, key: ObjectKey): boolean {
    return kind === SECRETS.plural && bindings.store.keysBy(BY_SECRET, formatKey(key)).length > 0;
  }
  function wake(key: string, afterMs?: number): void {
    queue.add(key, { afterMs });
  }
  function wakeAll(keys: ObjectKey[]): void {
    for (const key of keys) wake(formatKey(key));
  }

  tasks.run((signal) => bindings.watch({ namespace: clusters.bindingNamespace }, signal));
  tasks.run((signal) => namespaces.watch({}, signal));
  if (observeConsumer) {
    tasks.run((signal) => probe.run(consumer, signal));
    tasks.run((signal) => reachability.follow(() => wakeAll([...bindings.store.keys()]), signal));
  }
  await bindings.synced(signal);
  const reconciling: BindingDeps = {
    bindings,
    secrets: { informer: secrets, scopes: secretScopes },
    crds: { informer: crds, scopes: crdScopes },
    consumer,
    consumerTrouble: () => observeConsumer && reachability.trouble,
    connections,
    targetOf: clusters.targetOf,
    openSync: (connection, definition, { wake, mayDeleteOrphans }) =>
      new InstanceSync(
        { consumer, connection, workers, recorder, log, metrics, onChange: wake, mayDeleteOrphans },
        definition,
        signal,
      ),
    syncs,
    claims,
    wake,
    log,
    now: () => new Date(),
  };
  await runController({
    name: "bindings",
    queue,
    reconcile: (key, signal) => reconcileBinding(reconciling, key, signal),
    workers: BINDING_WORKERS,
    log,
    metrics,
  }, signal);
}

async function closeAll(syncs: Map<string, InstanceSync>): Promise<void> {
  await Promise.all(Array.from(syncs.values(), (sync) => sync[Symbol.asyncDispose]()));
}
