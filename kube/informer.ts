import type { Api } from "./api.ts";
import type { Clock } from "./clock.ts";
import { isAway, isForbidden, messageOf, reasonOf } from "./errors.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { type Indexers, Store } from "./store.ts";
import { formatKey, isDeleting, keyOf, type KubeObject, type ObjectKey, parseKey, resourceName } from "./types.ts";
import { type WatchNotice, watchObjects } from "./watch.ts";

/** One entry of the store that came, changed or went. */
export interface Change<V, T = V> {
  key: ObjectKey;
  before?: V;
  /** Absent when the object is gone. */
  after?: V;
  /** The whole object behind `after`, while it is at hand: the store may keep only a part of it. */
  object?: T;
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
  /** Called whenever all objects of a scope are in the store. */
  onListed?: (scope: Scope) => void;
  metrics?: Metrics;
  clock?: Clock;
  /** See `watchObjects`. */
  silenceMs?: number;
  /** See `watchObjects`. */
  schemaMayChange?: boolean;
}

/** What is known about one scope. */
interface ScopeState {
  scope: Scope;
  synced: boolean;
  /** Why its watch is down. */
  trouble?: unknown;
  /** Keys it has brought. */
  known: Set<string>;
  /** Keys it has brought since it is being listed; undefined otherwise. */
  seen?: Set<string>;
  /** Version up to which everything is in the store; undefined while it is being listed. */
  position?: bigint;
}

/** Keeps a store equal to what an API server holds, and tells subscribers what changed in it. */
export class Informer<T extends KubeObject, V = T> {
  readonly api: Api<T>;
  readonly store: Store<V>;
  readonly #options: InformerOptions<T, V>;
  readonly #subscribers = new Set<(change: Change<V, T>) => void>();
  readonly #scopes = new Set<ScopeState>();
  /** Versions of objects that were written by us and whose event has not come yet. */
  readonly #ahead = new Map<string, bigint>();
  #waiting = Promise.withResolvers<void>();

  constructor(api: Api<T>, options: InformerOptions<T, V>) {
    this.api = api;
    this.store = new Store(options.indexers);
    this.#options = options;
  }

  /** Calls `listener` for every change until the signal fires; what is in the store already is told at once. */
  subscribe(listener: (change: Change<V, T>) => void, signal: AbortSignal): void {
    signal.throwIfAborted();
    this.#subscribers.add(listener);
    signal.addEventListener("abort", () => this.#subscribers.delete(listener), { once: true });
    for (const key of [...this.store.keys()]) listener({ key, after: this.store.get(key), fresh: false });
  }

  /**
   * Takes the answer to a write of our own for the event that is to follow, so that nobody plans from the state before.
   * An answer that comes later than its event changes nothing.
   */
  accept(object: T): void {
    const scope = this.#listed(object.metadata.namespace);
    const version = versionOf(object);
    // Nobody can tell whether an object that is not in an unfinished list is new or gone already.
    if (!scope || version === undefined || scope.position === undefined || version <= scope.position) return;
    if (isDeleting(object) && !object.metadata.finalizers?.length) return; // its last finalizer is gone, and so is the object
    const key = keyOf(object);
    const text = formatKey(key);
    if (version <= (this.#ahead.get(text) ?? 0n)) return;
    this.#ahead.set(text, version);
    scope.known.add(text);
    this.#set(key, object, true);
  }

  /** Why a watch is down; undefined while all of them stand. For conditions and readiness. */
  get trouble(): string | undefined {
    const down = [...this.#scopes].find(({ trouble }) => trouble !== undefined);
    return down && messageOf(down.trouble);
  }

  /** Why the API server, which does answer, does not let a scope be watched that matters; undefined when it does. */
  refusal(matters: (scope: Scope) => boolean): string | undefined {
    const isRefused = ({ scope, trouble }: ScopeState) => trouble !== undefined && !isAway(trouble) && matters(scope);
    const refused = [...this.#scopes].find(isRefused);
    return refused && messageOf(refused.trouble);
  }

  /** Whether the API server lets us look at none of the scopes. */
  get isForbidden(): boolean {
    return this.#scopes.size > 0 && [...this.#scopes].every(({ trouble }) => isForbidden(trouble));
  }

  /** Whether every scope has been listed at least once. */
  get isSynced(): boolean {
    return this.#scopes.size > 0 && this.isComplete;
  }

  /** Whether there is no scope that has not been listed. */
  get isComplete(): boolean {
    return [...this.#scopes].every(({ synced }) => synced);
  }

  /** Whether all objects of that namespace, or of a kind without namespaces, have been listed at least once. */
  isListed(namespace: string | undefined): boolean {
    return this.#listed(namespace) !== undefined;
  }

  /** Settles once every scope that is watched by then has been listed. */
  synced(signal: AbortSignal): Promise<void> {
    return this.#until(() => this.isSynced, signal);
  }

  /** Settles once every scope that is watched by then has been listed, or cannot be for the time being. */
  tried(signal: AbortSignal): Promise<void> {
    return this.#until(() => [...this.#scopes].every(({ synced, trouble }) => synced || trouble !== undefined), signal);
  }

  /** Watches one scope until the signal fires; then what it brought leaves the store, which is no deletion. */
  async watch(scope: Scope, signal: AbortSignal): Promise<void> {
    const { log, metrics, clock, silenceMs, schemaMayChange } = this.#options;
    const resource = resourceName(this.api.resource);
    const state: ScopeState = { scope, synced: false, known: new Set() };
    this.#scopes.add(state);
    const onOpen = () => {
      state.trouble = undefined;
    };
    const onInterruption = (error: unknown) => {
      state.trouble = error;
      this.#wake();
      metrics?.watchRestarted(resource, reasonOf(error));
      log.warn("watch interrupted", { resource, namespace: scope.namespace, error });
    };
    const onSilence = () => {
      metrics?.watchRestarted(resource, "Silence");
      log.debug("watch resumed, nothing was heard on it", { resource, namespace: scope.namespace });
    };
    try {
      for await (
        const notice of watchObjects(
          this.api,
          { ...scope, clock, silenceMs, schemaMayChange, onOpen, onInterruption, onSilence },
          signal,
        )
      ) {
        switch (notice.type) {
          case "restart":
            state.seen = new Set();
            state.position = undefined;
            break;
          case "apply":
          case "delete":
            this.#take(state, notice);
            break;
          case "synced":
            for (const text of state.known) {
              if (state.seen?.has(text)) continue;
              state.known.delete(text);
              this.#remove(parseKey(text), false);
            }
            state.seen = undefined;
            state.position = versionOf({ metadata: notice });
            state.synced = true;
            this.#wake();
            this.#options.onListed?.(scope);
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#scopes.delete(state);
      for (const text of state.known) {
        this.store.delete(parseKey(text));
        this.#ahead.delete(text);
      }
      this.#wake();
    }
  }

  #listed(namespace: string | undefined): ScopeState | undefined {
    return [...this.#scopes].find(({ scope, synced }) =>
      synced && (scope.namespace === undefined || scope.namespace === namespace)
    );
  }

  #take(state: ScopeState, notice: WatchNotice<T> & { object: T }): void {
    const { object } = notice;
    const key = keyOf(object);
    const text = formatKey(key);
    const version = versionOf(object);
    const initial = notice.type === "apply" && notice.initial;
    if (!initial) state.position = version; // initial events come in no order
    const ahead = this.#ahead.get(text);
    if (ahead !== undefined && version !== undefined) {
      if (version < ahead) {
        state.seen?.add(text);
        return; // from before our own write
      }
      this.#ahead.delete(text);
    }
    if (notice.type === "delete") {
      state.known.delete(text);
      this.#remove(key, true);
    } else {
      state.known.add(text);
      state.seen?.add(text);
      this.#set(key, object, !initial);
    }
  }

  #set(key: ObjectKey, object: T, fresh: boolean): void {
    const before = this.store.get(key);
    const after = this.#options.project ? this.#options.project(object) : object as unknown as V;
    this.store.set(key, after);
    this.#tell({ key, before, after, object, fresh });
  }

  #remove(key: ObjectKey, fresh: boolean): void {
    const before = this.store.get(key);
    if (before === undefined) return;
    this.store.delete(key);
    this.#tell({ key, before, fresh });
  }

  #tell(change: Change<V, T>): void {
    for (const subscriber of this.#subscribers) subscriber(change);
  }

  async #until(holds: () => boolean, signal: AbortSignal): Promise<void> {
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const abort = () => reject(signal.reason);
    signal.throwIfAborted();
    signal.addEventListener("abort", abort, { once: true });
    try {
      while (!holds()) await Promise.race([this.#waiting.promise, aborted]);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  #wake(): void {
    this.#waiting.resolve();
    this.#waiting = Promise.withResolvers();
  }
}

/** Versions of one resource can be compared as numbers; servers that count otherwise go without what needs that. */
function versionOf({ metadata: { resourceVersion } }: { metadata: { resourceVersion?: string } }): bigint | undefined {
  return resourceVersion && /^\d+$/.test(resourceVersion) ? BigInt(resourceVersion) : undefined;
}
