import { counted } from "../kube/plural.ts";
import { Refusal } from "./refusal.ts";

export interface RateLimitOptions {
  /** How many in a row are fine. */
  burst: number;
  /** One more is fine after each of these. */
  everyMs: number;
}

/** Past so many callers, those that have been quiet the longest are forgotten. */
const MOST_CALLERS = 10_000;

/** How often each caller may do something: a bucket of tokens for each, filled again at a steady pace. */
export class RateLimit {
  readonly #options: RateLimitOptions;
  /** When a caller's bucket will be full again, in milliseconds since 1970; the quietest first. */
  readonly #fullAt = new Map<string, number>();

  constructor(options: RateLimitOptions) {
    this.#options = options;
  }

  /** Counts what the caller does now. @throws {Refusal} saying when to try again, when that is too often */
  admit(caller: string, now: Date): void {
    const retryAfterSeconds = Math.ceil(this.take(caller, now) / 1000);
    if (retryAfterSeconds === 0) return;
    throw new Refusal(429, "Too often", `Try again in ${counted(retryAfterSeconds, "second")}.`, { retryAfterSeconds });
  }

  /** @returns milliseconds to wait; 0 when it may be done now, which is counted then */
  take(caller: string, now: Date): number {
    const { burst, everyMs } = this.#options;
    const nowMs = now.getTime();
    const fullAt = Math.max(this.#fullAt.get(caller) ?? 0, nowMs) + everyMs;
    const waitMs = fullAt - nowMs - burst * everyMs;
    if (waitMs > 0) return waitMs;
    this.#fullAt.delete(caller);
    this.#fullAt.set(caller, fullAt);
    if (this.#fullAt.size > MOST_CALLERS) this.#fullAt.delete(this.#fullAt.keys().next().value!);
    return 0;
  }
}
