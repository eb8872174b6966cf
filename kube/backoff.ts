import { isOutage, isUnreachable } from "./errors.ts";

export interface BackoffLimits {
  firstMs?: number;
  maxMs?: number;
}

/**
 * Waiting time before something that failed is tried again: doubles from 5 ms to at most 5 min, less up to 20 % at
 * random, so that what failed together does not come back together.
 *
 * @param failures in a row so far, from 1
 * @param random a number from 0 up to, but not including, 1
 * @returns milliseconds
 * @throws {RangeError} when `failures` is not a whole number from 1
 * @see k8s.io/client-go/util/workqueue, the limiter other controllers use
 */
export function backoffMs(
  failures: number,
  random: () => number = Math.random,
  { firstMs = 5, maxMs = 300_000 }: BackoffLimits = {},
): number {
  if (!Number.isInteger(failures) || failures < 1) {
    throw new RangeError(`failures has to be a whole number from 1, not ${failures}`);
  }
  const fullMs = Math.min(firstMs * 2 ** (failures - 1), maxMs); // 2 ** 1024 is Infinity, which min() takes
  return fullMs * (1 - 0.2 * random());
}

/**
 * Failures in a row, those without an answer, and those of a server that is not able to give one, each counted apart: an
 * API server that answers again, if only that it is not ready yet or has forgotten a position, is not waited for as one
 * that is away.
 */
export class Failures {
  #unanswered = 0;
  #outages = 0;
  #answered = 0;

  /** @returns how many of its sort there have been by now, for `backoffMs` */
  add(error: unknown): number {
    if (isUnreachable(error)) return ++this.#unanswered;
    return isOutage(error) ? ++this.#outages : ++this.#answered;
  }

  reset(): void {
    this.#unanswered = 0;
    this.#outages = 0;
    this.#answered = 0;
  }
}
