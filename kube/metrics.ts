/** Where the parts of a controller report what they do. Every method is cheap and never throws. */
export interface Metrics {
  /** A request to an API server; `code` is 0 when no answer came. */
  requestDone(request: { verb: string; code: number; durationMs: number }): void;
  /** Keys of a controller's queue that could be worked on now. */
  queueDepth(controller: string, depth: number): void;
  /** How long a key was ready before a worker took it. */
  queueWaited(controller: string, ms: number): void;
  reconciled(controller: string, outcome: "done" | "requeued" | "failed" | "terminal", durationMs: number): void;
  watchRestarted(resource: string, reason: string): void;
}
