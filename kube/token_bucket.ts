import { type Clock, systemClock } from "./clock.ts";

export interface Rate {
  /** How many may come at once. */
  burst: number;
  /** How many come in the long run. */
  perSecond: number;
}

/** Limits how often something happens: who wants to do it reserves a turn, and waits for it. */
export class TokenBucket {
  readonly #rate: Rate;
  readonly #clock: Clock;
  /** Below zero while turns to come are reserved. */
  #tokens: number;
  #atMs: number;

  /** @throws {RangeError} */
  constructor(rate: Rate, clock: Clock = systemClock) {
    if (!(rate.burst >= 1 && rate.perSecond > 0)) throw new RangeError("a rate has to let something happen");
    this.#rate = rate;
    this.#clock = clock;
    this.#tokens = rate.burst;
    this.#atMs = clock.monotonicMs();
  }

  /**
   * Reserves the next turn.
   *
   * @param maxWaitMs a turn that is farther away is not taken
   * @returns milliseconds until that turn, 0 for now; undefined when none was taken
   */
  reserve(maxWaitMs = Infinity): number | undefined {
    const { burst, perSecond } = this.#rate;
    const nowMs = this.#clock.monotonicMs();
    this.#tokens = Math.min(burst, this.#tokens + (nowMs - this.#atMs) / 1000 * perSecond);
    this.#atMs = nowMs;
    const waitMs = this.#tokens >= 1 ? 0 : Math.ceil((1 - this.#tokens) / perSecond * 1000);
    if (waitMs > maxWaitMs) return undefined;
    this.#tokens--;
    return waitMs;
  }
}
