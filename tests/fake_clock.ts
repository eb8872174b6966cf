import { setImmediate } from "node:timers/promises";
import { type Clock, sleepWith } from "../kube/clock.ts";

interface Timer {
  dueMs: number;
  action: () => void;
}

/** A clock that stands still until a test advances it. */
export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>();
  #elapsedMs = 0;
  readonly #startMs: number;

  constructor(start: string = "2026-01-01T00:00:00Z") {
    this.#startMs = Date.parse(start);
  }

  /** Timers that have not fired yet. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): Date {
    return new Date(this.#startMs + this.#elapsedMs);
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return sleepWith(this, ms, signal);
  }

  after(ms: number, action: () => void): () => void {
    const timer = { dueMs: this.#elapsedMs + Math.max(ms, 0), action };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /**
   * Lets time pass: runs what falls due in the order of its time (of its creation, for equal times), also timers set on
   * the way, and after each one what waited for it.
   */
  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms;
    await setImmediate(); // what was called just now reaches its sleep
    while (true) {
      const timer = this.#next();
      if (!timer || timer.dueMs > endMs) break;
      this.#timers.delete(timer);
      this.#elapsedMs = Math.max(this.#elapsedMs, timer.dueMs);
      timer.action();
      await setImmediate();
    }
    this.#elapsedMs = endMs;
  }

  /** Time passes, but nothing runs: a process that was stopped, or a machine asleep. */
  suspend(ms: number): void {
    this.#elapsedMs += ms;
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (!first || timer.dueMs < first.dueMs) first = timer;
    }
    return first;
  }
}
