import type { Api } from "../kube/api.ts";
import { systemClock } from "../kube/clock.ts";
import { TaskGroup } from "../kube/tasks.ts";
import { type DynamicObject, formatKey, keyOf } from "../kube/types.ts";
import { watchObjects } from "../kube/watch.ts";

type Matches = (object: DynamicObject) => boolean;

/**
 * Notes when objects are first seen in an expected state, by a watch of its own: what it sees, anybody could have seen.
 * Objects of one namespace go by their names, those of a whole cluster by their keys.
 */
export class Stopwatch implements AsyncDisposable {
  readonly #expected = new Set<Arrivals>();
  readonly #tasks: TaskGroup;
  #failure?: { error: unknown };

  private constructor(api: Api, namespace: string | undefined, onSynced: () => void, signal: AbortSignal) {
    this.#tasks = new TaskGroup((error) => {
      this.#failure = { error };
      for (const arrivals of this.#expected) arrivals.fail(error);
    }, signal);
    this.#tasks.run(async (signal) => {
      for await (const notice of watchObjects(api, { namespace }, signal)) {
        if (notice.type === "synced") onSynced();
        if (notice.type !== "apply") continue;
        const { object } = notice;
        const id = namespace === undefined ? formatKey(keyOf(object)) : object.metadata.name;
        for (const arrivals of this.#expected) arrivals.see(id, object);
      }
    });
  }

  /** Returns once it sees what there is, in one namespace or everywhere. */
  static async open(api: Api, namespace: string | undefined, signal: AbortSignal): Promise<Stopwatch> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stopwatch = new Stopwatch(api, namespace, resolve, signal);
    await Promise.race([promise, rejectedBy(signal)]);
    return stopwatch;
  }

  /** From now on, notes when these objects are first seen so. */
  expect(ids: Iterable<string>, matches: Matches = () => true): Arrivals {
    const arrivals = new Arrivals(ids, matches, () => this.#expected.delete(arrivals));
    this.#expected.add(arrivals);
    if (this.#failure) arrivals.fail(this.#failure.error);
    return arrivals;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tasks[Symbol.asyncDispose]();
  }
}

/** When each of some objects was first seen as expected. */
export class Arrivals {
  /** Moments (`performance.now()`) by name or key, in order. */
  readonly seenAtMs = new Map<string, number>();
  readonly #missing: Set<string>;
  readonly #matches: Matches;
  readonly #onComplete: () => void;
  #failure?: { error: unknown };
  readonly #waiting = new Set<{ count: number; resolve(): void; reject(error: unknown): void }>();

  constructor(ids: Iterable<string>, matches: Matches, onComplete: () => void) {
    this.#missing = new Set(ids);
    this.#matches = matches;
    this.#onComplete = onComplete;
  }

  get count(): number {
    return this.seenAtMs.size;
  }

  get isComplete(): boolean {
    return this.#missing.size === 0;
  }

  see(id: string, object: DynamicObject): void {
    if (!this.#missing.has(id) || !this.#matches(object)) return;
    this.#missing.delete(id);
    this.seenAtMs.set(id, performance.now());
    for (const waiting of this.#waiting) if (this.count >= waiting.count) waiting.resolve();
    if (this.isComplete) this.#onComplete();
  }

  /** Nothing more will be seen. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    for (const waiting of this.#waiting) waiting.reject(error);
  }

  /**
   * Waits for all of them, or so many, but not longer than that.
   *
   * @returns whether they have arrived
   * @throws what the watch failed with
   */
  async wait(
    timeoutMs: number,
    signal: AbortSignal,
    count: number = this.count + this.#missing.size,
  ): Promise<boolean> {
    if (this.count >= count) return true;
    if (this.#failure) throw this.#failure.error;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = { count, resolve, reject };
    this.#waiting.add(waiting);
    const timer = new AbortController();
    try {
      const timeout = systemClock.sleep(timeoutMs, AbortSignal.any([signal, timer.signal]));
      await Promise.race([promise, timeout]);
    } finally {
      this.#waiting.delete(waiting);
      timer.abort();
    }
    return this.count >= count;
  }
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
