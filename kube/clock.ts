/** Time as a parameter, so that tests need not wait for it. */
export interface Clock {
  /** Wall-clock time, as it goes into objects and logs; it may jump. */
  now(): Date;
  /** Milliseconds since some fixed moment, for measuring; never goes back. */
  monotonicMs(): number;
  /** Rejects with `signal.reason` when the signal fires first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Runs `action` once, later; returns what cancels it. Nothing waits for the action, so it has to handle its errors. */
  after(ms: number, action: () => void): () => void;
}

/** Timers count in 32 bits and fire at once beyond (24.8 days). */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The clock of this machine. Waiting times of more than 24 days end early. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => sleepWith(systemClock, ms, signal),
  after(ms, action) {
    const timer = setTimeout(action, Math.min(ms, MAX_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

/** `sleep` in terms of `after`; the listener leaves the signal together with the timer. */
export function sleepWith(clock: Pick<Clock, "after">, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const cancel = clock.after(ms, () => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
    const abort = () => {
      cancel();
      reject(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
  });
}
