import { backoffMs } from "../kube/backoff.ts";
import { type Clock, systemClock } from "../kube/clock.ts";

/** So often a spec is written at once; whoever on the provider still changes it, means it. */
const WRITES_AT_ONCE = 3;
const PAUSES = { firstMs: 1_000, maxMs: 300_000 };
/** A dispute that has been quiet for so long is over. */
const FORGET_MS = 10 * 60_000;

interface Writes {
  /** Of which spec, as its hash. */
  spec: string;
  count: number;
  atMs: number;
  /** How long after the last one the next may come. */
  pauseMs: number;
}

/**
 * Keeps apart what two sides write over each other: a webhook that changes what users set, or a controller that sets it
 * back, is contradicted a few times at once, then less and less often. A spec that its user changes counts anew.
 */
export class Repairs {
  readonly #clock: Clock;
  /** By key, the one written last at the end. */
  readonly #writes = new Map<string, Writes>();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Milliseconds until that spec may be written over what is there; 0 for now. */
  pauseMs(key: string, spec: string): number {
    const known = this.#writes.get(key);
    return known?.spec === spec ? Math.max(0, known.atMs + known.pauseMs - this.#clock.monotonicMs()) : 0;
  }

  /** @param isKept whether the provider's answer says what was written */
  wrote(key: string, spec: string, isKept: boolean): void {
    const atMs = this.#clock.monotonicMs();
    const known = this.#writes.get(key);
    const before = known?.spec === spec ? known.count : 0;
    const count = isKept ? before + 1 : Math.max(before, WRITES_AT_ONCE) + 1;
    const pauseMs = count > WRITES_AT_ONCE ? backoffMs(count - WRITES_AT_ONCE, undefined, PAUSES) : 0;
    this.#writes.delete(key);
    this.#writes.set(key, { spec, count, atMs, pauseMs });
    for (const [oldest, writes] of this.#writes) {
      if (writes.atMs + FORGET_MS > atMs) break;
      this.#writes.delete(oldest);
    }
  }
}
