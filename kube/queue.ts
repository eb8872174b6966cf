import { type Clock, systemClock } from "./clock.ts";

/** Fresh work is what somebody is waiting for; backlog is what a start, a new list or a retry brings. */
export type Priority = "fresh" | "backlog";

export interface AddOptions {
  priority?: Priority;
  /** Not before so many milliseconds; an earlier time given to the same key wins. */
  afterMs?: number;
}

export interface Work {
  key: string;
  /** How long it was ready before somebody took it. */
  waitedMs: number;
}

interface Delayed {
  dueAt: number;
  cancel: () => void;
}

/**
 * Keys that need attention. A key stands in it once, however often it is added; it is handed out to one taker at a
 * time; added while it is worked on, it is handed out again afterwards.
 */
export class WorkQueue {
  readonly #clock: Clock;
  // Maps keep the order of insertion: the first entry is the oldest.
  readonly #ready: Record<Priority, Map<string, number>> = { fresh: new Map(), backlog: new Map() };
  readonly #delayed = new Map<string, Delayed>();
  readonly #taken = new Map<string, Priority | undefined>(); // and what to become when done
  readonly #takers: (() => void)[] = [];

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Keys that could be taken now. */
  get depth(): number {
    return this.#ready.fresh.size + this.#ready.backlog.size;
  }

  /** How long the first of them has been waiting. */
  get oldestMs(): number {
    const sinces = Object.values(this.#ready).flatMap((ready) => [...ready.values().take(1)]);
    return sinces.length > 0 ? this.#now() - Math.min(...sinces) : 0;
  }

  /** Keys that wait for their time. */
  get delayed(): number {
    return this.#delayed.size;
  }

  /** Whether somebody works on the key. */
  isTaken(key: string): boolean {
    return this.#taken.has(key);
  }

  add(key: string, { priority = "fresh", afterMs = 0 }: AddOptions = {}): void {
    if (afterMs > 0) this.#delay(key, priority, afterMs);
    else this.#push(key, priority);
  }

  /** The next key, fresh ones first; `done` has to be called for it. */
  async take(signal: AbortSignal): Promise<Work> {
    while (true) {
      if (signal.aborted) {
        this.#takers.shift()?.(); // the wake-up may have been for another
        throw signal.reason;
      }
      const work = this.#next();
      if (work) return work;
      await this.#added(signal);
    }
  }

  done(key: string): void {
    const again = this.#taken.get(key);
    this.#taken.delete(key);
    if (again) this.#push(key, again);
  }

  /** Forgets what was not begun. */
  clear(): void {
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#ready.fresh.clear();
    this.#ready.backlog.clear();
  }

  #next(): Work | undefined {
    for (const ready of [this.#ready.fresh, this.#ready.backlog]) {
      const first = ready.entries().next();
      if (first.done) continue;
      const [key, since] = first.value;
      ready.delete(key);
      this.#taken.set(key, undefined);
      return { key, waitedMs: this.#now() - since };
    }
  }

  #push(key: string, priority: Priority): void {
    this.#delayed.get(key)?.cancel();
    this.#delayed.delete(key);
    if (this.#taken.has(key)) {
      if (this.#taken.get(key) !== "fresh") this.#taken.set(key, priority);
      return;
    }
    const { fresh, backlog } = this.#ready;
    if (fresh.has(key)) return;
    if (priority === "fresh") {
      fresh.set(key, backlog.get(key) ?? this.#now());
      backlog.delete(key);
    } else if (!backlog.has(key)) {
      backlog.set(key, this.#now());
    }
    this.#takers.shift()?.();
  }

  #delay(key: string, priority: Priority, afterMs: number): void {
    const dueAt = this.#now() + afterMs;
    const planned = this.#delayed.get(key);
    if (this.#ready.fresh.has(key) || this.#ready.backlog.has(key)) return;
    if (planned && planned.dueAt <= dueAt) return;
    planned?.cancel();
    const cancel = this.#clock.after(afterMs, () => this.#push(key, priority));
    this.#delayed.set(key, { dueAt, cancel });
  }

  #added(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const wake = () => {
        signal.removeEventListener("abort", abort);
        resolve();
      };
      const abort = () => {
        this.#takers.splice(this.#takers.indexOf(wake), 1);
        reject(signal.reason);
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#takers.push(wake);
    });
  }

  #now(): number {
    return this.#clock.monotonicMs();
  }
}
