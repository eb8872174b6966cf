import type { KubeClient } from "../kube/client.ts";
import { runController } from "../kube/controller.ts";
import { deepEqual } from "../kube/json.ts";
import { Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import type { Recorder } from "../kube/recorder.ts";
import { NAMESPACES } from "../kube/resources.ts";
import { Scopes } from "../kube/scopes.ts";
import { TaskGroup } from "../kube/tasks.ts";
import { apiVersionOf, type DynamicObject, type KubeObject, resourceName } from "../kube/types.ts";
import { untilReachable } from "../kube/until_reachable.ts";
import { providerResource, type SyncDefinition } from "../sync/definition.ts";
import { isOnProvider } from "../sync/instance_plan.ts";
import { mapClusterScoped, mapNamespaces, whyUnmapped } from "../sync/mapping.ts";
import type { Connection } from "./connection.ts";
import { Agenda } from "./agenda.ts";
import { type Digest, digestConsumer, digestProvider } from "./digest.ts";
import type { InHand } from "./in_hand.ts";
import { type InstanceDeps, reconcileInstance } from "./instance.ts";
import type { Side } from "./instance_view.ts";
import { InstanceNews, trouble } from "./instance_news.ts";
import type { KonnectorMetrics } from "./metrics.ts";
import { requestNamespace } from "./namespaces.ts";
import { Repairs } from "./repairs.ts";

export interface InstanceSyncDeps {
  consumer: KubeClient;
  connection: Connection;
  workers: number;
  log: Log;
  metrics?: KonnectorMetrics;
  recorder: Pick<Recorder, "event">;
  /** The sync has ended without being asked to. */
  onFailure: () => void;
  /** It is known now how many orphans there are, or there are more or fewer of them. */
  onOrphans: () => void;
  /** Whether objects on the provider may be deleted although nobody saw their consumer object deleted. */
  mayDeleteOrphans: () => boolean;
}

/** Keeps all objects of one bound API in sync, from its opening to its disposal. */
export class InstanceSync implements AsyncDisposable {
  readonly definition: SyncDefinition;
  readonly connection: Connection;
  readonly #tasks: TaskGroup;
  #agenda: Agenda | undefined;

  constructor(deps: InstanceSyncDeps, definition: SyncDefinition, signal: AbortSignal) {
    this.definition = definition;
    this.connection = deps.connection;
    const log = deps.log.with({ api: resourceName(definition.resource) });
    this.#tasks = new TaskGroup((error) => {
      log.error("sync failed", { error });
      deps.onFailure();
    }, signal);
    this.#tasks.run(() => runSync({ ...deps, log }, definition, (agenda) => this.#agenda = agenda, this.#tasks));
  }

  /** Whether both sides are known, so that no deletion from now on can be missed. */
  get isOpen(): boolean {
    return this.#agenda?.isOpen ?? false;
  }

  /** Consumer keys of objects on the provider whose consumer object is missing, although nobody saw it deleted. */
  get orphans(): string[] {
    return [...this.#agenda?.orphans ?? []];
  }

  /** Looks at the orphans again, as they may be treated otherwise now. */
  reviewOrphans(): void {
    this.#agenda?.reviewOrphans();
  }

  /** Whether it does what this definition asks for, over this connection. */
  matches(definition: SyncDefinition, connection: Connection): boolean {
    return this.connection === connection && deepEqual(this.definition, definition) && !this.#tasks.signal.aborted;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#tasks[Symbol.asyncDispose]();
  }
}

/** The cluster namespace itself, for its uid. */
function readOwner({ client, namespace }: Connection, log: Log, signal: AbortSignal): Promise<KubeObject> {
  const read = () => client.api<KubeObject>(NAMESPACES).get({ name: namespace }, signal);
  return untilReachable(read, { waitingFor: "the provider", log }, signal);
}

const sideOf = (informer: Informer<DynamicObject, Digest>, inHand: InHand): Side => ({
  api: informer.api,
  store: informer.store,
  accept: (object) => informer.accept(object),
  isListed: (namespace) => informer.isListed(namespace),
  inHand,
});

async function runSync(
  deps: InstanceSyncDeps,
  definition: SyncDefinition,
  publish: (agenda: Agenda) => void,
  tasks: TaskGroup,
): Promise<void> {
  const { signal } = tasks;
  const { connection, log, metrics } = deps;
  const { serviceNamespaces, namespace: clusterNamespace } = connection;
  const { resource } = definition;
  const name = resourceName(resource);
  const mapping = definition.isolation
    ? mapClusterScoped(definition.isolation, await readOwner(connection, log, signal))
    : mapNamespaces(serviceNamespaces.store, clusterNamespace);
  const options = { log, metrics, schemaMayChange: true };
  const consumer = new Informer(deps.consumer.api(resource), { ...options, project: digestConsumer });
  const provider = new Informer(connection.client.api(providerResource(definition)), {
    ...options,
    project: (object) => digestProvider(object, mapping.isForeign(object)),
    onListed: ({ namespace }) => agenda.providerListed(namespace),
  });
  const news = new InstanceNews((key, details) => {
    const known = consumer.store.get(key);
    if (!known) return;
    const { uid, resourceVersion } = known;
    const { kind } = resource;
    deps.recorder.event(
      { apiVersion: apiVersionOf(resource), kind, metadata: { ...key, uid, resourceVersion } },
      details,
    );
  });
  const agenda: Agenda = new Agenda({
    consumer,
    provider,
    mapping,
    onOrphans: deps.onOrphans,
    onSettled: (key) => news.settled(key),
  }, signal);
  publish(agenda);
  using _observed = metrics?.apiOpened(name, () => agenda.count());
  const instances: InstanceDeps = {
    consumer: sideOf(consumer, agenda.inHand.consumer),
    provider: sideOf(provider, agenda.inHand.provider),
    mapping,
    isDeletionKnown: (key) =>
      agenda.isDeletionSeen(key) || connection.isNamespaceDeletionSeen(key) || deps.mayDeleteOrphans(),
    noteOrphan: (key, isOrphan) => agenda.noteOrphan(key, isOrphan),
    passed: (key, providerKey) => agenda.passed(key, providerKey),
    requestNamespace: (name, signal) => requestNamespace({ serviceNamespaces, clusterNamespace, log }, name, signal),
    namespaceTrouble(name) {
      const { reason, what } = whyUnmapped(serviceNamespaces.store, { namespace: clusterNamespace, name });
      return trouble("Namespace", reason, what);
    },
    stepDone(step, key) {
      const up = isOnProvider(step);
      if (!up && step !== "copyStatus") return;
      const ms = agenda.delivered(up ? "consumer" : "provider", key);
      if (ms !== undefined) metrics?.lagged(name, up ? "up" : "down", ms);
    },
    hasStatusSubresource: definition.hasStatusSubresource,
    onlyDeletions: definition.onlyDeletions ?? false,
    news,
    repairs: new Repairs(),
    log,
  };

  await using scopes = new Scopes(provider, tasks);
  await serviceNamespaces.synced(signal);
  if (definition.isolation === "Namespaced") scopes.add(clusterNamespace, { namespace: clusterNamespace });
  else if (definition.informerScope === "Cluster") scopes.add("*", {});
  serviceNamespaces.subscribe(({ key, before, after }) => {
    const [was, is] = [before?.status?.namespace, after?.status?.namespace];
    if (was === is) return;
    if (definition.informerScope === "Namespaced") {
      if (was) scopes.drop(was);
      if (is) scopes.add(is, { namespace: is });
    }
    agenda.namespaceMapped(key.name);
  }, signal);

  async function work(): Promise<void> {
    await consumer.synced(signal);
    agenda.open();
    deps.onOrphans();
    log.info("sync started", { objects: consumer.store.size, queued: agenda.queue.depth });
    await runController({
      name,
      queue: agenda.queue,
      reconcile: (key, signal) => reconcileInstance(instances, key, signal),
      workers: deps.workers,
      log,
      metrics,
    }, signal);
  }
  // The provider first: of what agrees with it, nothing has to be kept at hand while the consumer is listed. But one
  // namespace that cannot be listed keeps no other waiting.
  await provider.tried(signal);
  await Promise.all([consumer.watch({}, signal), work()]);
}
