import { type Outcome, runController } from "../kube/controller.ts";
import type { Change } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import type { Metrics } from "../kube/metrics.ts";
import { WorkQueue } from "../kube/queue.ts";
import { isDeleting } from "../kube/types.ts";
import type { Connection } from "./connection.ts";
import { mayHoldObjects } from "./mapped_content.ts";
import type { ConsumerNamespaces } from "./namespaces.ts";

export interface NamespaceCleanUpDeps {
  provider: Pick<Connection, "client" | "namespace" | "exports" | "serviceNamespaces">;
  consumerNamespaces: ConsumerNamespaces;
  log: Log;
  metrics?: Metrics;
}

/** Nobody watches everything that may be in a namespace. */
const KEPT_CHECK_MS = 30_000;

/**
 * Gives namespaces on the provider back after the app cluster's own are gone. The backend then deletes them with all
 * they hold, so a namespace that is merely missing, as from a cluster that was restored or exchanged, is given back only
 * if there is nothing in it. What else is in it stands alone, and is reported by those who sync it.
 */
export class NamespaceCleanUp {
  readonly #deps: NamespaceCleanUpDeps;
  readonly #queue = new WorkQueue();
  /** Namespaces that were seen to go; forgotten when they come back, or when the provider's has gone as well. */
  readonly #gone = new Set<string>();
  readonly #kept = new Set<string>();

  constructor(deps: NamespaceCleanUpDeps) {
    this.#deps = deps;
  }

  /** Whether a namespace of the app cluster is being deleted, or was, and somebody saw it: then so was all in it. */
  isDeletionSeen(name: string): boolean {
    return this.#deps.consumerNamespaces.store.get({ name })?.isDeleting || this.#gone.has(name);
  }

  /** Follows both clusters until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { consumerNamespaces, provider: { exports, serviceNamespaces }, log, metrics } = this.#deps;
    await Promise.all([consumerNamespaces, exports, serviceNamespaces].map((informer) => informer.synced(signal)));
    consumerNamespaces.subscribe((change) => this.#consumerChanged(change), signal);
    serviceNamespaces.subscribe(({ key: { name }, after }) => {
      if (!after) this.#forget(name);
      this.#check(name);
    }, signal);
    const reconcile = ({ name }: { name: string }, signal: AbortSignal) => this.#reconcile(name, signal);
    await runController({ name: "namespace cleanup", queue: this.#queue, reconcile, log, metrics }, signal);
  }

  #consumerChanged({ key: { name }, before, after, fresh }: Change<{ isDeleting: boolean }, unknown>): void {
    if (after) this.#forget(name);
    else if (this.#requestOf(name) && (fresh || before?.isDeleting)) this.#gone.add(name);
    this.#check(name);
  }

  #check(name: string): void {
    if (!this.#deps.consumerNamespaces.store.get({ name })) this.#queue.add(name);
  }

  #forget(name: string): void {
    this.#gone.delete(name);
    this.#kept.delete(name);
  }

  #requestOf(name: string) {
    const { serviceNamespaces, namespace } = this.#deps.provider;
    return serviceNamespaces.store.get({ namespace, name });
  }

  async #reconcile(name: string, signal: AbortSignal): Promise<Outcome> {
    const { provider, consumerNamespaces, log } = this.#deps;
    const request = this.#requestOf(name);
    if (!request || isDeleting(request)) return;
    if (await consumerNamespaces.api.find({ name }, signal)) return; // the cache may be late
    if (!this.#gone.has(name) && await mayHoldObjects(provider, request, signal)) {
      if (!this.#kept.has(name)) {
        log.warn("namespace kept on the provider with what it holds: nobody saw its deletion", { namespace: name });
      }
      this.#kept.add(name);
      return { requeueAfterMs: KEPT_CHECK_MS };
    }
    await provider.serviceNamespaces.api.delete(request.metadata, { uid: request.metadata.uid }, signal);
    log.info("namespace given back to the provider", { namespace: name });
  }
}
