import type { KubeClient } from "../kube/client.ts";
import { runController } from "../kube/controller.ts";
import { isAway, type KubeError, messageOf } from "../kube/errors.ts";
import { Informer, type Scope } from "../kube/informer.ts";
import { deepEqual } from "../kube/json.ts";
import type { Log } from "../kube/log.ts";
import type { Recorder } from "../kube/recorder.ts";
import { NAMESPACES } from "../kube/resources.ts";
import { Scopes } from "../kube/scopes.ts";
import { TaskGroup } from "../kube/tasks.ts";
import {
  apiVersionOf,
  type DynamicObject,
  isDeleting,
  type KubeObject,
  type ObjectKey,
  resourceName,
} from "../kube/types.ts";
import { untilReachable } from "../kube/until_reachable.ts";
import { providerResource, type SyncDefinition } from "../sync/definition.ts";
import { isOnProvider } from "../sync/instance_plan.ts";
import { BY_MAPPED_NAMESPACE, mapClusterScoped, mapNamespaces, type Mapping, whyUnmapped } from "../sync/mapping.ts";
import type { Connection } from "./connection.ts";
import { Agenda, type Origin } from "./agenda.ts";
import { type Digest, digestConsumer, digestProvider } from "./digest.ts";
import type { InHand } from "./in_hand.ts";
import { type InstanceDeps, reconcileInstance } from "./instance.ts";
import type { Side } from "./instance_view.ts";
import { InstanceNews, trouble } from "./instance_news.ts";
import type { KonnectorMetrics } from "./metrics.ts";
import { requestNamespace } from "./namespaces.ts";
import { Reachability } from "./reachability.ts";
import { Repairs } from "./repairs.ts";

export interface InstanceSyncDeps {
  consumer: KubeClient;
  connection: Connection;
  workers: number;
  log: Log;
  metrics?: KonnectorMetrics;
  recorder: Pick<Recorder, "event">;
  /** The sync has ended without being asked to, or `orphans` or `trouble` may have changed. */
  onChange: () => void;
  /** Whether objects on the provider may be deleted although nobody saw their consumer object deleted. */
  mayDeleteOrphans: () => boolean;
}

/** Why objects cannot be read. */
export interface ReadTrouble {
  side: Origin;
  message: string;
}

/** Keeps all objects of one bound API in sync, from its opening to its disposal. */
export class InstanceSync implements AsyncDisposable {
  readonly definition: SyncDefinition;
  readonly connection: Connection;
  readonly #deps: InstanceSyncDeps;
  readonly #tasks: TaskGroup;
  /** What a cluster says that answers, and does not let itself be read; asked for again and again. */
  #refusals: Record<Origin, () => string | undefined> = { consumer: () => undefined, provider: () => undefined };
  readonly #reach = { consumer: this.#reachOf("consumer"), provider: this.#reachOf("provider") };
  #agenda: Agenda | undefined;

  constructor(deps: InstanceSyncDeps, definition: SyncDefinition, signal: AbortSignal) {
    this.definition = definition;
    this.connection = deps.connection;
    this.#deps = { ...deps, log: deps.log.with({ api: resourceName(definition.resource) }) };
    this.#tasks = new TaskGroup((error) => {
      this.#deps.log.error("sync failed", { error });
      deps.onChange();
    }, signal);
    for (const reach of Object.values(this.#reach)) {
      this.#tasks.run((signal) => reach.follow(deps.onChange, signal));
    }
    this.#tasks.run((signal) => this.#run(signal));
  }

  /** Whether both sides are known, so that no deletion from now on can be missed. */
  get isOpen(): boolean {
    return this.#agenda?.isOpen ?? false;
  }

  /**
   * Consumer keys of objects on the provider whose consumer object is missing, although nobody saw it deleted; undefined
   * as long as that is not known.
   */
  get orphans(): string[] | undefined {
    const orphans = this.#agenda?.orphans;
    return orphans && [...orphans];
  }

  /** Why objects of a cluster that answers cannot be read, once that lasts. */
  get trouble(): ReadTrouble | undefined {
    const { consumer, provider } = this.#reach;
    if (consumer.trouble !== undefined) return { side: "consumer", message: consumer.trouble };
    return provider.trouble === undefined ? undefined : { side: "provider", message: provider.trouble };
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

  async #run(signal: AbortSignal): Promise<void> {
    const { connection: { serviceNamespaces }, log, metrics, workers } = this.#deps;
    const name = resourceName(this.definition.resource);
    const mapping = await this.#readMapping(signal);
    const { consumer, provider } = this.#openInformers(mapping);
    const news = this.#openNews(consumer);
    const agenda = this.#openAgenda({ consumer, provider }, mapping, news);
    using _observed = metrics?.apiOpened(name, () => agenda.count());
    await using scopes = new Scopes(provider, this.#tasks);
    await serviceNamespaces.synced(signal);
    this.#followNamespaces(scopes, agenda);
    // The provider first: of what agrees with it, nothing has to be kept at hand while the consumer is listed. But one
    // namespace that cannot be listed keeps no other waiting.
    await provider.tried(signal);
    this.#tasks.run((signal) => consumer.watch({}, signal));
    await consumer.synced(signal);
    agenda.open();
    log.info("sync started", { objects: consumer.store.size, queued: agenda.queue.depth });
    const instances = this.#instanceDeps({ consumer, provider }, mapping, agenda, news);
    const reconcile = (key: ObjectKey, signal: AbortSignal) => reconcileInstance(instances, key, signal);
    await runController({ name, queue: agenda.queue, reconcile, workers, log, metrics }, signal);
  }

  async #readMapping(signal: AbortSignal): Promise<Mapping> {
    const { connection: { client, namespace, serviceNamespaces }, log } = this.#deps;
    const { isolation } = this.definition;
    if (!isolation) return mapNamespaces(serviceNamespaces.store, namespace);
    let refusal: string | undefined;
    this.#refusals.provider = () => refusal;
    const onFailure = (error: KubeError) => {
      refusal = isAway(error) ? undefined : messageOf(error);
    };
    const read = () => client.api<KubeObject>(NAMESPACES).get({ name: namespace }, signal); // for its uid
    const owner = await untilReachable(read, { waitingFor: "the provider", log, onFailure }, signal);
    return mapClusterScoped(isolation, owner);
  }

  #openInformers(mapping: Mapping): Informers {
    const { connection, log, metrics } = this.#deps;
    const { resource } = this.definition;
    const options = { log, metrics, schemaMayChange: true };
    const consumer = new Informer(this.#deps.consumer.api(resource), { ...options, project: digestConsumer });
    const provider = new Informer(connection.client.api(providerResource(this.definition)), {
      ...options,
      project: (object) => digestProvider(object, mapping.isForeign(object)),
      onListed: ({ namespace }) => this.#agenda?.providerListed(namespace),
    });
    // What is in a namespace that is going cannot be read in the end, and need not be.
    const isStaying = ({ namespace }: Scope) =>
      !namespace || !connection.serviceNamespaces.store.by(BY_MAPPED_NAMESPACE, namespace).some(isDeleting);
    this.#refusals = { consumer: () => consumer.refusal(() => true), provider: () => provider.refusal(isStaying) };
    return { consumer, provider };
  }

  #openNews({ store }: Informers["consumer"]): InstanceNews {
    const { resource } = this.definition;
    return new InstanceNews((key, details) => {
      const known = store.get(key);
      if (!known) return;
      const { uid, resourceVersion } = known;
      const metadata = { ...key, uid, resourceVersion };
      this.#deps.recorder.event({ apiVersion: apiVersionOf(resource), kind: resource.kind, metadata }, details);
    });
  }

  #openAgenda(informers: Informers, mapping: Mapping, news: InstanceNews): Agenda {
    const { connection, mayDeleteOrphans, onChange } = this.#deps;
    const agenda = new Agenda({
      ...informers,
      mapping,
      isDeletionKnown: (key) => connection.isNamespaceDeletionSeen(key) || mayDeleteOrphans(),
      onChange,
      onSettled: (key) => news.settled(key, informers.consumer.store.get(key)?.isDeleting),
    }, this.#tasks.signal);
    return this.#agenda = agenda;
  }

  /** Watches what the provider's side of this API is; mapped namespaces come and go. */
  #followNamespaces(scopes: Scopes, agenda: Agenda): void {
    const { namespace: clusterNamespace, serviceNamespaces } = this.connection;
    const { informerScope, isolation } = this.definition;
    if (isolation === "Namespaced") scopes.add(clusterNamespace, { namespace: clusterNamespace });
    else if (informerScope === "Cluster") scopes.add("*", {});
    serviceNamespaces.subscribe(({ key, before, after }) => {
      const [was, is] = [before?.status?.namespace, after?.status?.namespace];
      if (was === is && after) return; // a request that goes unanswered has to be made again
      if (informerScope === "Namespaced") {
        if (was) scopes.drop(was);
        if (is) scopes.add(is, { namespace: is });
      }
      agenda.namespaceMapped(key.name);
    }, this.#tasks.signal);
  }

  #instanceDeps({ consumer, provider }: Informers, mapping: Mapping, agenda: Agenda, news: InstanceNews): InstanceDeps {
    const { connection: { namespace: clusterNamespace, serviceNamespaces }, log, metrics } = this.#deps;
    const { resource, hasStatusSubresource, onlyDeletions = false } = this.definition;
    return {
      consumer: sideOf(consumer, agenda.inHand.consumer),
      provider: sideOf(provider, agenda.inHand.provider),
      mapping,
      isDeletionKnown: (key) => agenda.isDeletionKnown(key),
      noteOrphan: (key, isOrphan) => agenda.noteOrphan(key, isOrphan),
      forget: (key) => agenda.forget(key),
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
        if (ms !== undefined) metrics?.lagged(resourceName(resource), up ? "up" : "down", ms);
      },
      hasStatusSubresource,
      onlyDeletions,
      news,
      repairs: new Repairs(),
      log,
    };
  }

  #reachOf(side: Origin): Reachability {
    const refusal = () => this.#refusals[side]();
    return new Reachability([{
      get trouble() {
        return refusal();
      },
      isSynced: true,
    }]);
  }
}

type InstanceInformer = Informer<DynamicObject, Digest>;
type Informers = Record<Origin, InstanceInformer>;

const sideOf = (informer: InstanceInformer, inHand: InHand): Side => ({
  api: informer.api,
  store: informer.store,
  accept: (object) => informer.accept(object),
  isListed: (namespace) => informer.isListed(namespace),
  inHand,
});
