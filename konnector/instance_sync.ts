import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { KubeClient } from "../kube/client.ts";
import { runController } from "../kube/controller.ts";
import { deepEqual } from "../kube/json.ts";
import { Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import type { Metrics } from "../kube/metrics.ts";
import { WorkQueue } from "../kube/queue.ts";
import { Scopes } from "../kube/scopes.ts";
import { TaskGroup } from "../kube/tasks.ts";
import { type DynamicObject, formatKey, type ObjectKey, type Resource, resourceName } from "../kube/types.ts";
import type { Connection } from "./connection.ts";
import { type Digest, digestConsumer, digestProvider, isSettled } from "./digest.ts";
import { InHand } from "./in_hand.ts";
import { type InstanceDeps, reconcileInstance, type Side } from "./instance.ts";
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

/** Objects of one side kept whole while their key waits; at 10 KiB each, 20 MiB. */
const IN_HAND_LIMIT = 2_000;

const sideOf = (informer: Informer<DynamicObject, Digest>, inHand: InHand): Side => ({
  api: informer.api,
  store: informer.store,
  accept: (object) => informer.accept(object),
  inHand,
});

async function runSync(deps: InstanceSyncDeps, definition: SyncDefinition, signal: AbortSignal): Promise<void> {
  const { connection, log, metrics } = deps;
  const { serviceNamespaces, namespace: clusterNamespace } = connection;
  const { resource } = definition;
  const consumer = new Informer(deps.consumer.api(resource), { log, metrics, project: digestConsumer });
  const provider = new Informer(connection.client.api(resource), { log, metrics, project: digestProvider });
  const inHand = { consumer: new InHand(IN_HAND_LIMIT), provider: new InHand(IN_HAND_LIMIT) };
  const mapping = mapNamespaces(serviceNamespaces.store, clusterNamespace);
  const queue = new WorkQueue();

  const instances: InstanceDeps = {
    consumer: sideOf(consumer, inHand.consumer),
    provider: sideOf(provider, inHand.provider),
    toProvider: (key) => mapping.toProvider(key),
    requestNamespace: (name, signal) => requestNamespace({ serviceNamespaces, clusterNamespace, log }, name, signal),
    hasStatusSubresource: () => definition.hasStatusSubresource,
    log,
  };

  /** Adds a key unless both sides agree. */
  function consider(key: ObjectKey, providerKey: ObjectKey | undefined, fresh: boolean): void {
    const [text, providerText] = [formatKey(key), providerKey && formatKey(providerKey)];
    if (providerKey && isSettled(consumer.store.get(key), provider.store.get(providerKey))) {
      inHand.consumer.drop(text);
      inHand.provider.drop(providerText!);
    } else queue.add(text, { priority: fresh ? "fresh" : "backlog" });
  }
  /** Before both sides are known, objects are only kept at hand. */
  let isKnown = false;
  consumer.subscribe(({ key, object, fresh }) => {
    if (object) inHand.consumer.put(formatKey(key), object);
    if (isKnown) consider(key, mapping.toProvider(key), fresh);
  }, signal);
  provider.subscribe(({ key, object, fresh }) => {
    if (!isKnown) return;
    const consumerKey = mapping.toConsumer(key);
    if (!consumerKey) return;
    if (object) inHand.provider.put(formatKey(key), object);
    consider(consumerKey, key, fresh);
  }, signal);

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
    if (!isKnown) return;
    for (const waiting of consumer.store.keys()) {
      if (waiting.namespace === key.name) consider(waiting, mapping.toProvider(waiting), true);
    }
  }, signal);

  async function work(): Promise<void> {
    await consumer.synced(signal);
    if (scopes.size > 0) await provider.synced(signal);
    isKnown = true;
    for (const key of consumer.store.keys()) consider(key, mapping.toProvider(key), false);
    for (const key of provider.store.keys()) {
      const consumerKey = mapping.toConsumer(key);
      if (consumerKey) consider(consumerKey, key, false);
    }
    log.info("sync started", { objects: consumer.store.size, toDo: queue.depth });
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
