import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import {
  API_SERVICE_EXPORTS,
  API_SERVICE_NAMESPACES,
  CLUSTER_BINDING_NAME,
  CLUSTER_BINDINGS,
  KUBECONFIG,
} from "../crds/names.ts";
import type { ClusterSecretKeyRef } from "../crds/shared.ts";
import { KubeClient } from "../kube/client.ts";
import { runController } from "../kube/controller.ts";
import { Informer } from "../kube/informer.ts";
import { type ClusterConfig, leadToSamePlace } from "../kube/kubeconfig.ts";
import type { Log } from "../kube/log.ts";
import type { Metrics } from "../kube/metrics.ts";
import { WorkQueue } from "../kube/queue.ts";
import { type Secret, SECRETS } from "../kube/resources.ts";
import { scopeOf } from "../kube/scopes.ts";
import { TaskGroup } from "../kube/tasks.ts";
import { formatKey, type ObjectKey } from "../kube/types.ts";
import { mappedNamespaceIndex } from "../sync/mapping.ts";
import { type Heartbeat, reconcileHeartbeat } from "./heartbeat.ts";
import { NamespaceCleanUp } from "./namespace_cleanup.ts";
import type { ConsumerNamespaces } from "./namespaces.ts";
import { Reachability } from "./reachability.ts";

export interface ConnectionDeps {
  /** The app cluster. */
  consumer: KubeClient;
  /** The app cluster's namespaces, to notice those that are gone. */
  namespaces: ConsumerNamespaces;
  log: Log;
  metrics?: Metrics;
  /** Requests per second to the provider at most. */
  qps?: number;
  version: string;
  /** Called before every write on the provider; throws when it must not happen. */
  beforeWrite?: () => void;
}

export interface ConnectionTarget {
  config: ClusterConfig;
  /** The namespace on the provider that belongs to this app cluster. */
  namespace: string;
  /** Where the kubeconfig is kept up to date; absent when it is not ours to keep. */
  secretRef?: ClusterSecretKeyRef;
}

/**
 * One provider, reached with one kubeconfig: what it exports to this app cluster, how namespaces are mapped, and the
 * heartbeat. Bindings that share a kubeconfig share the connection.
 */
export class Connection implements AsyncDisposable {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly exports: Informer<APIServiceExport>;
  readonly serviceNamespaces: Informer<APIServiceNamespace>;
  readonly clusterBindings: Informer<ClusterBinding>;
  /** How the last heartbeat went. */
  readonly heartbeat: Heartbeat = {};
  readonly #reachability: Reachability;
  readonly #cleanUp: NamespaceCleanUp;
  readonly #tasks: TaskGroup;
  #credentials: ClusterConfig["credentials"];

  /** @param onChange called whenever something that a binding's conditions show may have changed */
  constructor(deps: ConnectionDeps, target: ConnectionTarget, onChange: () => void, signal: AbortSignal) {
    const { metrics } = deps;
    const log = deps.log.with({ provider: target.config.server, providerNamespace: target.namespace });
    this.#credentials = target.config.credentials;
    const credentials: ClusterConfig["credentials"] = (renew, signal) => this.#credentials(renew, signal);
    this.client = new KubeClient({ ...target.config, credentials }, {
      side: "provider",
      metrics,
      qps: deps.qps,
      userAgent: `klutch-konnector/${deps.version}`,
      beforeWrite: deps.beforeWrite,
    });
    this.namespace = target.namespace;
    const options = { log, metrics };
    this.exports = new Informer<APIServiceExport>(this.client.api(API_SERVICE_EXPORTS), options);
    this.serviceNamespaces = new Informer<APIServiceNamespace>(this.client.api(API_SERVICE_NAMESPACES), {
      ...options,
      indexers: mappedNamespaceIndex,
    });
    this.clusterBindings = new Informer<ClusterBinding>(this.client.api(CLUSTER_BINDINGS), options);
    this.#reachability = new Reachability([this.exports, this.serviceNamespaces]);
    const secrets = new Informer<Secret>(this.client.api(SECRETS), options);
    this.#tasks = new TaskGroup((error) => {
      log.error("connection to the provider failed", { error });
      onChange();
    }, signal);

    const { namespace } = target;
    this.#tasks.run((signal) => this.exports.watch({ namespace }, signal));
    this.#tasks.run((signal) => this.serviceNamespaces.watch({ namespace }, signal));
    this.#tasks.run((signal) => this.clusterBindings.watch({ namespace }, signal));
    this.#tasks.run(async (signal) => {
      await Promise.all([this.exports.synced(signal), this.serviceNamespaces.synced(signal)]);
      onChange();
    });
    this.exports.subscribe(onChange, this.#tasks.signal);

    const heartbeats = new WorkQueue();
    const beat = () => heartbeats.add(CLUSTER_BINDING_NAME);
    this.clusterBindings.subscribe(beat, this.#tasks.signal);
    if (target.secretRef) {
      // The provider's Secret, to copy a renewed kubeconfig as soon as it is there.
      this.#tasks.run((signal) => secrets.watch(scopeOf({ namespace, name: KUBECONFIG }), signal));
      secrets.subscribe(beat, this.#tasks.signal);
    }
    this.#tasks.run((signal) =>
      runController({
        name: "heartbeat",
        queue: heartbeats,
        reconcile: (_key, signal) =>
          reconcileHeartbeat({
            provider: this,
            consumerSecrets: deps.consumer.api<Secret>(SECRETS),
            secretRef: target.secretRef,
            version: deps.version,
            log,
            onChange,
          }, signal),
        log,
        metrics,
      }, signal)
    );

    this.#tasks.run((signal) => this.#reachability.follow(onChange, signal));
    this.#cleanUp = new NamespaceCleanUp({ provider: this, consumerNamespaces: deps.namespaces, log, metrics });
    this.#tasks.run((signal) => this.#cleanUp.run(signal));
  }

  /** Takes other credentials from the next request on; watches, caches and work under way stay. */
  renew(credentials: ClusterConfig["credentials"]): void {
    this.#credentials = credentials;
  }

  /** Whether exports and namespaces are known. */
  get isSynced(): boolean {
    return this.#reachability.isSynced;
  }

  /** Whether somebody saw that the consumer's namespace of an object was deleted, or is being deleted. */
  isNamespaceDeletionSeen({ namespace }: ObjectKey): boolean {
    return namespace !== undefined && this.#cleanUp.isDeletionSeen(namespace);
  }

  /** Why the provider does not answer. */
  get trouble(): string | undefined {
    return this.#reachability.trouble;
  }

  /** Whether it has ended without being asked to. */
  get isBroken(): boolean {
    return this.#tasks.signal.aborted;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tasks[Symbol.asyncDispose]();
    this.client.close();
  }
}

interface OpenConnection {
  connection: Connection;
  text: string;
  target: ConnectionTarget;
  /** Keys of bindings. */
  users: Set<string>;
}

/** Connections by the Secret that holds their kubeconfig; one closes when its last binding leaves. */
export class Connections implements AsyncDisposable {
  readonly #open = new Map<string, OpenConnection>();
  readonly #closing = new Set<Promise<void>>();
  readonly #openOne: (target: ConnectionTarget, onChange: () => void) => Connection;

  constructor(open: (target: ConnectionTarget, onChange: () => void) => Connection) {
    this.#openOne = open;
  }

  /**
   * The connection for one binding. New credentials for the same place are handed to the one that is open; it is opened
   * anew when the kubeconfig leads somewhere else, when it is broken, or when it does not work, as its next try may be
   * far off.
   *
   * @param onChange see `Connection`; called with the binding's key
   */
  use(binding: string, id: string, text: string, target: ConnectionTarget, onChange: (binding: string) => void) {
    const known = this.#open.get(id);
    const isRenewed = known?.text !== text;
    const isUsable = known && !known.connection.isBroken && !(isRenewed && known.connection.trouble);
    if (isUsable && isSameTarget(known.target, target)) {
      if (isRenewed) known.connection.renew(target.config.credentials);
      known.text = text;
      if (!known.users.has(binding)) this.release(binding);
      known.users.add(binding);
      return known.connection;
    }
    const users = new Set(known?.users).add(binding);
    this.release(binding);
    this.#close(id);
    const connection = this.#openOne(target, () => users.forEach(onChange));
    this.#open.set(id, { connection, text, target, users });
    users.forEach(onChange);
    return connection;
  }

  release(binding: string): void {
    for (const [id, { users }] of this.#open) {
      if (users.delete(binding) && users.size === 0) this.#close(id);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of [...this.#open.keys()]) this.#close(id);
    await Promise.all(this.#closing);
  }

  #close(id: string): void {
    const open = this.#open.get(id);
    if (!open) return;
    this.#open.delete(id);
    const closing = open.connection[Symbol.asyncDispose]().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

const isSameTarget = (one: ConnectionTarget, other: ConnectionTarget): boolean =>
  one.namespace === other.namespace && leadToSamePlace(one.config, other.config);

/** What identifies a connection: the Secret its kubeconfig comes from. */
export const connectionId = ({ namespace, name, key }: ClusterSecretKeyRef): string =>
  `${formatKey({ namespace, name })}#${key}`;
