import type { Api } from "./client.ts";
import type { Clock } from "./clock.ts";
import { messageOf } from "./errors.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { type Indexers, Store } from "./store.ts";
import { formatKey, keyOf, type KubeObject, type ObjectKey, parseKey, resourceName } from "./types.ts";
import { watchObjects } from "./watch.ts";

/** One entry of the store that came, changed or went. */
export interface Change<V> {
  key: ObjectKey;
  before?: V;
  /** Absent when the object is gone. */
  after?: V;
  /** Somebody changed it just now; not fresh is what a start or a new list brings. */
  fresh: boolean;
}

/** The part of a resource to look at. Several scopes may feed one informer as long as they do not overlap. */
export interface Scope {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

export interface InformerOptions<T extends KubeObject, V> {
  log: Log;
  indexers?: Indexers<V>;
  /** What the store keeps of an object; the whole object by default. */
  project?: (object: T) => V;
  metrics?: Metrics;
  clock?: Clock;
  /** See `watchObjects`. */
  silenceMs?: number;
}

/** Keeps a store equal to what an API server holds, and tells subscribers what changed in it. */
export class Informer<T extends KubeObject, V = T> {
  readonly api: Api<T>;
  readonly store: Store<V>;
  readonly #options: InformerOptions<T, V>;
  readonly #subscribers = new Set<(change: Change<V>) => void>();
  readonly #scopes = new Set<{ synced: boolean; trouble?: string }>();
  #waiting = Promise.withResolvers<void>();

  constructor(api: Api<T>, options: InformerOptions<T, V>) {
    this.api = api;
    this.store = new Store(options.indexers);
    this.#options = options;
  }

  /** Calls `listener` for every change until the signal fires; what is in the store already is told at once. */
  subscribe(listener: (change: Change<V>) => void, signal: AbortSignal): void {
    signal.throwIfAborted();
    this.#subscribers.add(listener);
    signal.addEventListener("abort", () => this.#subscribers.delete(listener), { once: true });
    for (const key of [...this.store.keys()]) listener({ key, after: this.store.get(key), fresh: false });
  }

  /** Why a watch is down; undefined while all of them stand. For conditions and readiness. */
  get trouble(): string | undefined {
    return [...this.#scopes].find(({ trouble }) => trouble !== undefined)?.trouble;
  }

  /** Whether every scope has been listed at least once. */
  get isSynced(): boolean {
    return this.#scopes.size > 0 && [...this.#scopes].every(({ synced }) => synced);
  }

  /** Settles once every scope that is watched by then has been listed. */
  async synced(signal: AbortSignal): Promise<void> {
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const abort = () => reject(signal.reason);
    signal.throwIfAborted();
    signal.addEventListener("abort", abort, { once: true });
    try {
      while (!this.isSynced) await Promise.race([this.#waiting.promise, aborted]);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Watches one scope until the signal fires; then what it brought leaves the store, which is no deletion. */
  async watch(scope: Scope, signal: AbortSignal): Promise<void> {
    const { log, metrics, clock, silenceMs } = this.#options;
    const resource = resourceName(this.api.resource);
    const state: { synced: boolean; trouble?: string } = { synced: false };
    const known = new Set<string>(); // keys this scope brought
    let seen: Set<string> | undefined; // while it is being listed
    this.#scopes.add(state);
    const onOpen = () => {
      state.trouble = undefined;
    };
    const onInterruption = (error: unknown) => {
      state.trouble = messageOf(error);
      metrics?.watchRestarted(resource, "error");
      log.warn("watch interrupted", { resource, namespace: scope.namespace, error });
    };
    try {
      for await (
        const notice of watchObjects(this.api, { ...scope, clock, silenceMs, onOpen, onInterruption }, signal)
      ) {
        switch (notice.type) {
          case "restart":
            seen = new Set();
            break;
          case "apply": {
            const key = keyOf(notice.object);
            known.add(formatKey(key));
            seen?.add(formatKey(key));
            this.#set(key, this.#project(notice.object), !notice.initial);
            break;
          }
          case "delete": {
            const key = keyOf(notice.object);
            known.delete(formatKey(key));
            this.#remove(key, true);
            break;
          }
          case "synced":
            for (const text of known) {
              if (seen?.has(text)) continue;
              known.delete(text);
              this.#remove(parseKey(text), false);
            }
            seen = undefined;
            state.synced = true;
            this.#wake();
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#scopes.delete(state);
      for (const text of known) this.store.delete(parseKey(text));
      this.#wake();
    }
  }

  #project(object: T): V {
    return this.#options.project ? this.#options.project(object) : object as unknown as V;
  }

  #set(key: ObjectKey, after: V, fresh: boolean): void {
    const before = this.store.get(key);
    this.store.set(key, after);
    this.#tell({ key, before, after, fresh });
  }

  #remove(key: ObjectKey, fresh: boolean): void {
    const before = this.store.get(key);
    if (before === undefined) return;
    this.store.delete(key);
    this.#tell({ key, before, fresh });
  }

  #tell(change: Change<V>): void {
    for (const subscriber of this.#subscribers) subscriber(change);
  }

  #wake(): void {
    this.#waiting.resolve();
    this.#waiting = Promise.withResolvers();
  }
}
