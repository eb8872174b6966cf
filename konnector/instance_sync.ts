import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { KubeClient } from "../kube/client.ts";
import { runController } from "../kube/controller.ts";
import { deepEqual } from "../kube/json.ts";
import { type Change, Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import type { Metrics } from "../kube/metrics.ts";
import { WorkQueue } from "../kube/queue.ts";
import { Scopes } from "../kube/scopes.ts";
import { TaskGroup } from "../kube/tasks.ts";
import { type DynamicObject, formatKey, type ObjectKey, type Resource, resourceName } from "../kube/types.ts";
import type { Connection } from "./connection.ts";
import { type InstanceDeps, reconcileInstance } from "./instance.ts";
import { mapNamespaces } from "./mapping.ts";
import { requestNamespace } from "./namespaces.ts";

export interface InstanceSyncDeps {
  consumer: KubeClient;
  connection: Connection;
  workers: number;
  log: Log;
  metrics?: Metrics;
  /** The sync has ended without being asked to. */
  onFailure: () => void;
}

/** What of an export the sync of its objects depends on; schemas change without disturbing it. */
export interface SyncDefinition {
  resource: Resource;
  /** Whether the provider may be watched as a whole, or each mapped namespace alone. */
  informerScope: APIServiceExport["spec"]["informerScope"];
  hasStatusSubresource: boolean;
}

/** The version stored, if it is served, otherwise the first one: all others are made from it. */
export function definitionOf(
  { spec: { group, names, scope, versions, informerScope } }: APIServiceExport,
): SyncDefinition {
  const served = versions.filter((version) => version.served);
  const version = served.find((version) => version.storage) ?? served[0] ?? versions[0]!;
  return {
    resource: {
      group,
      version: version.name,
      plural: names.plural,
      kind: names.kind,
      namespaced: scope === "Namespaced",
    },
    informerScope,
    hasStatusSubresource: version.subresources?.status !== undefined,
  };
}

/** Keeps all objects of one bound API in sync, from its opening to its disposal. */
export class InstanceSync implements AsyncDisposable {
  readonly definition: SyncDefinition;
  readonly connection: Connection;
  readonly #tasks: TaskGroup;

  constructor(deps: InstanceSyncDeps, definition: SyncDefinition, signal: AbortSignal) {
    this.definition = definition;
    this.connection = deps.connection;
    const log = deps.log.with({ api: resourceName(definition.resource) });
    this.#tasks = new TaskGroup((error) => {
      log.error("sync failed", { error });
      deps.onFailure();
    }, signal);
    this.#tasks.run((signal) => runSync({ ...deps, log }, definition, signal));
  }

  /** Whether it does what this definition asks for, over this connection. */
  matches(definition: SyncDefinition, connection: Connection): boolean {
    return this.connection === connection && deepEqual(this.definition, definition) && !this.#tasks.signal.aborted;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#tasks[Symbol.asyncDispose]();
  }
}

async function runSync(deps: InstanceSyncDeps, definition: SyncDefinition, signal: AbortSignal): Promise<void> {
  const { connection, log, metrics } = deps;
  const { serviceNamespaces, namespace: clusterNamespace } = connection;
  const { resource } = definition;
  const consumer = new Informer(deps.consumer.api(resource), { log, metrics });
  const provider = new Informer(connection.client.api(resource), { log, metrics });
  const mapping = mapNamespaces(serviceNamespaces.store, clusterNamespace);

  const queue = new WorkQueue();
  const add = (key: ObjectKey, fresh: boolean) => queue.add(formatKey(key), { priority: fresh ? "fresh" : "backlog" });
  consumer.subscribe(({ key, fresh }: Change<DynamicObject>) => add(key, fresh), signal);
  provider.subscribe(({ key, fresh }: Change<DynamicObject>) => {
    const consumerKey = mapping.toConsumer(key);
    if (consumerKey) add(consumerKey, fresh);
  }, signal);

  const instances: InstanceDeps = {
    consumer,
    provider,
    toProvider: (key) => mapping.toProvider(key),
    requestNamespace: (name, signal) => requestNamespace({ serviceNamespaces, clusterNamespace, log }, name, signal),
    hasStatusSubresource: () => definition.hasStatusSubresource,
    log,
  };

  await using scopes = new Scopes(provider);
  await serviceNamespaces.synced(signal);
  if (definition.informerScope === "Cluster") scopes.add("*", {});
  serviceNamespaces.subscribe(({ key, before, after }) => {
    const [was, is] = [before?.status?.namespace, after?.status?.namespace];
    if (was === is) return;
    if (definition.informerScope === "Namespaced") {
      if (was) scopes.drop(was);
      if (is) scopes.add(is, { namespace: is });
    }
    for (const waiting of consumer.store.keys()) {
      if (waiting.namespace === key.name) add(waiting, true);
    }
  }, signal);

  async function work(): Promise<void> {
    await consumer.synced(signal);
    if (scopes.size > 0) await provider.synced(signal);
    log.info("sync started", { objects: consumer.store.size });
    await runController({
      name: resourceName(resource),
      queue,
      reconcile: (key, signal) => reconcileInstance(instances, key, signal),
      workers: deps.workers,
      log,
      metrics,
    }, signal);
  }
  await Promise.all([consumer.watch({}, signal), work()]);
}
