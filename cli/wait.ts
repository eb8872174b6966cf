import type { Api } from "../kube/client.ts";
import { Deadline } from "../kube/deadline.ts";
import { isForbidden, isNotServed, isUnauthorized, messageOf } from "../kube/errors.ts";
import { formatKey, type KubeObject, type ObjectKey, resourceName } from "../kube/types.ts";
import { watchObjects } from "../kube/watch.ts";

/** The promise's result, or the signal's reason when that comes first; the promise itself goes on. */
export function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** Time was out before what was waited for. */
export class WaitTimeoutError extends Error {
  override readonly name = "WaitTimeoutError";
}

export interface WaitOptions {
  timeoutMs: number;
  /** What the person waits for, for the message when time is out: `Cannot … within 5m0s`. */
  goal: string;
}

/**
 * Watches one object until `decide` has something to say about its state, or throws; it is called with undefined when
 * the object does not exist.
 *
 * @throws {WaitTimeoutError} when time is out
 * @throws {KubeError} when the object may not be watched
 */
export async function waitForObject<T extends KubeObject, R>(
  api: Api<T>,
  { namespace, name }: ObjectKey,
  decide: (object: T | undefined) => R | undefined,
  { timeoutMs, goal }: WaitOptions,
  signal: AbortSignal,
): Promise<R> {
  using deadline = new Deadline(timeoutMs, signal);
  const stop = new AbortController();
  const interrupted = AbortSignal.any([deadline.signal, stop.signal]);
  let trouble: unknown;
  const onInterruption = (error: unknown) => {
    trouble = error;
    // Watches try for ever; a person would rather hear that this cannot work.
    if (isForbidden(error) || isUnauthorized(error) || isNotServed(error)) stop.abort(error);
  };
  const selection = { namespace, fieldSelector: `metadata.name=${name}`, onInterruption };
  let seen: T | undefined;
  try {
    for await (const notice of watchObjects(api, selection, interrupted)) {
      if (notice.type === "restart") {
        seen = undefined;
        continue;
      }
      trouble = undefined;
      if (notice.type === "apply") seen = notice.object;
      if (notice.type === "delete") seen = undefined;
      if (notice.type === "apply" && notice.initial) continue; // decided at `synced`, with the newest state
      const result = decide(seen);
      if (result !== undefined) return result;
    }
  } catch (error) {
    if (signal.aborted || !deadline.signal.aborted) throw error;
    throw new WaitTimeoutError(
      `Cannot ${goal} within ${formatDuration(timeoutMs)}${trouble === undefined ? "" : `: ${messageOf(trouble)}`}`,
    );
  }
  throw new Error(`Cannot watch ${resourceName(api.resource)} "${formatKey({ namespace, name })}" any longer`);
}

const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/**
 * Reads a duration as Go programs take it: `90s`, `1m30s`, `1.5h`, `0`.
 *
 * @returns milliseconds, or undefined when it is none
 */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    sum += Number(amount) * UNITS_MS[unit as keyof typeof UNITS_MS];
  }
  return sum;
}

/** `5m0s`, `45s`, `500ms`: as Go prints durations, for messages. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  const seconds = Math.round(ms / 1000);
  const parts: [number, string][] = [[Math.floor(seconds / 3600), "h"], [Math.floor(seconds / 60) % 60, "m"]];
  const first = parts.findIndex(([amount]) => amount > 0);
  const shown = first < 0 ? "" : parts.slice(first).map(([amount, unit]) => `${amount}${unit}`).join("");
  return `${shown}${seconds % 60}s`;
}
