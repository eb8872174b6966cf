import type { Api } from "../kube/client.ts";
import { systemClock } from "../kube/clock.ts";
import { TaskGroup } from "../kube/tasks.ts";
import type { DynamicObject } from "../kube/types.ts";
import { watchObjects } from "../kube/watch.ts";

type Matches = (object: DynamicObject) => boolean;

/**
 * Notes when objects of one namespace are first seen in an expected state, by a watch of its own: what it sees, anybody
 * could have seen.
 */
export class Stopwatch implements AsyncDisposable {
  readonly #expected = new Set<Arrivals>();
  readonly #tasks: TaskGroup;

  private constructor(api: Api, namespace: string, onSynced: () => void, signal: AbortSignal) {
    this.#tasks = new TaskGroup((error) => {
      for (const arrivals of this.#expected) arrivals.fail(error);
    }, signal);
    this.#tasks.run(async (signal) => {
      for await (const notice of watchObjects(api, { namespace }, signal)) {
        if (notice.type === "synced") onSynced();
        if (notice.type === "apply") { for (const arrivals of this.#expected) arrivals.see(notice.object); }
      }
    });
  }

  /** Returns once it sees what there is. */
  static async open(api: Api, namespace: string, signal: AbortSignal): Promise<Stopwatch> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stopwatch = new Stopwatch(api, namespace, resolve, signal);
    await Promise.race([promise, rejectedBy(signal)]);
    return stopwatch;
  }

  /** From now on, notes when these objects are first seen so. */
  expect(names: Iterable<string>, matches: Matches = () => true): Arrivals {
    const arrivals = new Arrivals(names, matches, () => this.#expected.delete(arrivals));
    this.#expected.add(arrivals);
    return arrivals;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tasks[Symbol.asyncDispose]();
  }
}

/** When each of some objects was first seen as expected. */
export class Arrivals {
  /** Moments (`performance.now()`) by name, in order. */
  readonly seenAtMs = new Map<string, number>();
  readonly #missing: Set<string>;
  readonly #matches: Matches;
  readonly #onComplete: () => void;
  readonly #waiting = new Set<{ count: number; resolve(): void; reject(error: unknown): void }>();

  constructor(names: Iterable<string>, matches: Matches, onComplete: () => void) {
    this.#missing = new Set(names);
    this.#matches = matches;
    this.#onComplete = onComplete;
  }

  get count(): number {
    return this.seenAtMs.size;
  }

  get isComplete(): boolean {
    return this.#missing.size === 0;
  }

  see(object: DynamicObject): void {
    const { name } = object.metadata;
    if (!this.#missing.has(name) || !this.#matches(object)) return;
    this.#missing.delete(name);
    this.seenAtMs.set(name, performance.now());
    for (const waiting of this.#waiting) if (this.count >= waiting.count) waiting.resolve();
    if (this.isComplete) this.#onComplete();
  }

  fail(error: unknown): void {
    for (const waiting of this.#waiting) waiting.reject(error);
  }

  /** Waits for all of them, or so many, but not longer than that. @returns whether they have arrived */
  async wait(
    timeoutMs: number,
    signal: AbortSignal,
    count: number = this.count + this.#missing.size,
  ): Promise<boolean> {
    if (this.count >= count) return true;
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
