import type { Api } from "../kube/api.ts";
import { Deadline } from "../kube/deadline.ts";
import { isForbidden, isNotServed, isUnauthorized, messageOf } from "../kube/errors.ts";
import { formatKey, type KubeObject, type ObjectKey, resourceName } from "../kube/types.ts";
import { watchObjects } from "../kube/watch.ts";
import { formatDuration } from "./duration.ts";

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
