import { backoffMs, Failures } from "./backoff.ts";
import { isAway, isConflict, KubeError, reasonOf, TerminalError } from "./errors.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { WorkQueue } from "./queue.ts";
import { type ObjectKey, parseKey } from "./types.ts";

/** Nothing, or when to look again if no event comes before. */
export type Outcome = void | { requeueAfterMs: number };

export interface ControllerOptions {
  /** For logs and metrics, e.g. `instances of mangodbs.mangodb.com`. */
  name: string;
  queue: WorkQueue;
  reconcile: (key: ObjectKey, signal: AbortSignal) => Promise<Outcome>;
  workers?: number;
  log: Log;
  metrics?: Metrics;
  random?: () => number;
  /** How long work in hand may go on after the signal. */
  graceMs?: number;
}

/** Nobody tells when a cluster is back, and by then people wait for it. */
const UNREACHABLE_BACKOFF_MS = 30_000;

/**
 * Hands keys of the queue to `reconcile`, several at a time but never the same one twice at once. A pass that throws is
 * tried again, later each time, or when the API server said so; a `TerminalError` waits for the next event.
 * Settles when the signal has fired and the work in hand is done or out of time.
 */
export async function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const { name, queue, reconcile, workers = 1, metrics, random = Math.random, graceMs = 10_000 } = options;
  const log = options.log.with({ controller: name });
  const failures = new Map<string, Failures>();
  const work = new AbortController(); // outlives `signal` by the grace period
  let timer: ReturnType<typeof setTimeout> | undefined;
  const windDown = () => {
    timer = setTimeout(() => work.abort(signal.reason), graceMs);
  };
  signal.addEventListener("abort", windDown, { once: true });

  async function runOne(key: string): Promise<void> {
    const start = performance.now();
    const finished = (outcome: Parameters<Metrics["reconciled"]>[1], reason?: string) =>
      metrics?.reconciled(name, outcome, performance.now() - start, reason);
    try {
      const outcome = await reconcile(parseKey(key), work.signal);
      failures.delete(key);
      if (outcome) queue.add(key, { priority: "backlog", afterMs: outcome.requeueAfterMs });
      finished(outcome ? "requeued" : "done");
    } catch (error) {
      if (work.signal.aborted) return;
      if (error instanceof TerminalError) {
        failures.delete(key);
        log.error("reconcile gave up until the next event", { key, error });
        return finished("terminal", reasonOf(error));
      }
      const before = failures.get(key) ?? new Failures();
      failures.set(key, before);
      const count = before.add(error);
      const limits = isAway(error) ? { maxMs: UNREACHABLE_BACKOFF_MS } : {};
      const retryAfterMs = (error instanceof KubeError && error.retryAfterMs) || 0;
      const afterMs = Math.max(backoffMs(count, random, limits), retryAfterMs);
      // Another writer was faster: the next pass sees what it wrote.
      const tell = isConflict(error) ? log.debug : log.warn;
      tell("reconcile failed, trying again", { key, failures: count, afterMs: Math.round(afterMs), error });
      queue.add(key, { priority: "backlog", afterMs });
      finished("failed", reasonOf(error));
    } finally {
      queue.done(key);
    }
  }

  async function work1(): Promise<void> {
    while (!signal.aborted) {
      const { key, waitedMs } = await queue.take(signal);
      metrics?.queueWaited(name, waitedMs);
      await runOne(key);
    }
  }

  using _observed = metrics?.queueOpened(name, queue);
  try {
    const results = await Promise.allSettled(Array.from({ length: workers }, work1));
    const broken = results.find((result) => result.status === "rejected" && !signal.aborted);
    if (broken?.status === "rejected") throw broken.reason;
  } finally {
    signal.removeEventListener("abort", windDown);
    clearTimeout(timer);
    queue.clear();
  }
}
