import { type Clock, systemClock } from "./clock.ts";

/** The lease is no longer provably ours: somebody else may be at work by now. */
export class LeaseLostError extends Error {
  override readonly name = "LeaseLostError";
}

export interface LeadershipOptions {
  /** How long others have to wait after our last sign of life before they may take over; whole seconds. */
  leaseMs?: number;
  /** So long before that, our writes end: a request on its way may still take that time to arrive. */
  marginMs?: number;
  clock?: Clock;
}

/** A moment on both clocks. */
interface Moment {
  monotonicMs: number;
  wallMs: number;
}

/** The health check of the original tolerates so much beyond the lease. */
const HEALTH_TOLERANCE_MS = 3_000;

/**
 * Whether this process may write as the leader. The answer is measured, not remembered: a process that was stopped, or
 * whose machine slept, asks before its first write and learns that its time is over before any timer tells it.
 */
export class Leadership {
  readonly leaseMs: number;
  /** How long after the last renewal we may write. */
  readonly heldMs: number;
  readonly #clock: Clock;
  #renewedAt: Moment | undefined;
  #isLost = false;

  /** @throws {RangeError} */
  constructor({ leaseMs = 15_000, marginMs = leaseMs / 10, clock = systemClock }: LeadershipOptions = {}) {
    if (!(leaseMs >= 1000) || leaseMs % 1000 !== 0) throw new RangeError("a lease lasts a whole number of seconds");
    this.leaseMs = leaseMs;
    this.heldMs = leaseMs - marginMs;
    this.#clock = clock;
  }

  get isHeld(): boolean {
    return !this.#isLost && this.sinceRenewalMs < this.heldMs;
  }

  /**
   * To be called right before each write.
   *
   * @throws {LeaseLostError} unless the lease is ours
   */
  assertHeld(): void {
    if (this.isHeld) return;
    throw new LeaseLostError("Refused to write: this process is no longer the leader, another one may be at work");
  }

  /** For `/healthz`: wrong only for a leader that neither renews its lease nor stops working. */
  check(): true | string {
    const sinceMs = this.#renewedAt ? this.sinceRenewalMs : 0;
    return sinceMs <= this.leaseMs + HEALTH_TOLERANCE_MS ||
      `still leading, but the lease was not renewed for ${Math.round(sinceMs / 1000)} s`;
  }

  /** Infinite while we do not lead. */
  get sinceRenewalMs(): number {
    if (!this.#renewedAt) return Infinity;
    const { monotonicMs, wallMs } = this.moment();
    // Linux stops the monotonic clock while the machine sleeps; the wall clock may be set back. The larger one is safe.
    return Math.max(monotonicMs - this.#renewedAt.monotonicMs, wallMs - this.#renewedAt.wallMs);
  }

  /** Now; to be taken before the request that renews, as that is when others begin to count at the earliest. */
  moment(): Moment {
    return { monotonicMs: this.#clock.monotonicMs(), wallMs: this.#clock.now().getTime() };
  }

  /** The lease was renewed by a request sent at `moment`. */
  renewed(moment: Moment): void {
    this.#renewedAt = moment;
  }

  /** Somebody else has it, or may have it; work as the leader has not ended yet. */
  lost(): void {
    this.#isLost = true;
  }

  /** All work as the leader has ended. */
  ended(): void {
    this.#renewedAt = undefined;
    this.#isLost = false;
  }
}
