import { backoffMs, Failures } from "./backoff.ts";
import { type Clock, systemClock } from "./clock.ts";
import { isConflict, isInvalid, KubeError } from "./errors.ts";
import type { Log } from "./log.ts";

/** Longest pause between tries. */
const MAX_BACKOFF_MS = 15_000;

/**
 * Does something a program needs at its start, again and again until the cluster lets it: one that is down, or that
 * grants the rights a little later, is no reason to give up. What the cluster refuses as invalid (422), and anything but
 * a `KubeError`, is thrown at once.
 *
 * @param waitingFor for the log: `the provider`, `CRD mangodbs.mangodb.com`
 */
export async function untilReachable<T>(
  action: () => Promise<T>,
  { waitingFor, log, onFailure, clock = systemClock }: {
    waitingFor: string;
    log: Log;
    onFailure?: (error: KubeError) => void;
    clock?: Clock;
  },
  signal: AbortSignal,
): Promise<T> {
  const before = new Failures();
  while (true) {
    try {
      return await action();
    } catch (error) {
      if (signal.aborted || !(error instanceof KubeError) || isInvalid(error)) throw error;
      onFailure?.(error);
      const failures = before.add(error);
      const pauseMs = backoffMs(failures, Math.random, { firstMs: 250, maxMs: MAX_BACKOFF_MS });
      const afterMs = Math.max(error.retryAfterMs ?? 0, pauseMs);
      // Another writer was faster: nothing anybody has to know.
      const tell = isConflict(error) ? log.debug : log.warn;
      tell("waiting for the cluster", { waitingFor, failures, afterMs: Math.round(afterMs), error });
      await clock.sleep(afterMs, signal);
    }
  }
}
