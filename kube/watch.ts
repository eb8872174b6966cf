import { backoffMs, Failures } from "./backoff.ts";
import type { Api, ListOptions } from "./api.ts";
import { type Clock, systemClock } from "./clock.ts";
import { isGone, isNotServed, isSilence, KubeError, type Status } from "./errors.ts";
import type { KubeObject } from "./types.ts";

/**
 * What a watch tells, in this order, again and again: `restart`, the objects there are, `synced`, changes. An observer
 * that drops what it has not seen between `restart` and `synced` knows what the API server knows.
 */
export type WatchNotice<T> =
  | { type: "restart" }
  | { type: "apply"; object: T; initial: boolean }
  | { type: "delete"; object: T }
  /** Everything up to this version has been told. */
  | { type: "synced"; resourceVersion: string };

export interface WatchObjectsOptions extends ListOptions {
  clock?: Clock;
  random?: () => number;
  /** Called when the server has accepted a watch; the first, or after an interruption. */
  onOpen?: () => void;
  /** Called for every failure; the watch goes on by itself. */
  onInterruption?: (error: unknown) => void;
  /** Called when a stream is resumed that said nothing at all, as is normal where nothing ever happened. */
  onSilence?: () => void;
  /**
   * A stream silent for so long is taken for dead and resumed. Bookmarks come every 60 s, but for resources of which the
   * API server's watch cache has not seen any event yet.
   */
  silenceMs?: number;
  /**
   * Start over when the server ends a watch before its time, after what has happened meanwhile. To be set for custom
   * resources whose schema may change: the server then ends their watches, but up to a second late, and events of that
   * second lack the fields that are new.
   */
  schemaMayChange?: boolean;
}

/** Longest pause between tries: an API server that is back is noticed within half a minute. */
const MAX_BACKOFF_MS = 30_000;

/** How long a watch goes on before it starts over: deletions that nobody is told of are known to nobody afterwards. */
const CATCH_UP_SECONDS = 1;

/**
 * Lists and watches objects until the signal fires. A broken or silent connection resumes where it ended, without
 * listing again; only when the server has forgotten that state (410) does everything start over. Servers without
 * watch lists are listed in pages.
 *
 * @throws what `signal` was aborted with, and nothing else
 */
export async function* watchObjects<T extends KubeObject>(
  api: Api<T>,
  options: WatchObjectsOptions,
  signal: AbortSignal,
): AsyncGenerator<WatchNotice<T>> {
  const { clock = systemClock, random = Math.random, onOpen, onInterruption, onSilence, ...rest } = options;
  const { schemaMayChange = false, silenceMs = 90_000, ...selection } = rest;
  let mode: "watchList" | "list" = "watchList";
  let position: string | undefined; // resourceVersion up to which everything was told
  let isStale = false; // what was told may lack fields
  const failures = new Failures();
  while (true) {
    signal.throwIfAborted();
    let isHeard = false; // anything but what there was in the beginning
    try {
      if (position === undefined) {
        isStale = false;
        yield { type: "restart" };
        if (mode === "list") {
          let listedAt = "";
          for await (const page of api.listPages(selection, signal)) {
            for (const object of page.items) yield { type: "apply", object, initial: true };
            listedAt = page.resourceVersion;
          }
          position = listedAt;
          yield { type: "synced", resourceVersion: listedAt };
        }
      }
      let initial = position === undefined;
      // Spread over 5 to 10 minutes, so that not all watches come back at the same moment.
      const timeoutSeconds: number = isStale ? CATCH_UP_SECONDS : Math.round(300 * (1 + random()));
      const stream = api.watch({
        ...selection,
        resourceVersion: position,
        sendInitialEvents: initial || undefined,
        timeoutSeconds,
        silenceMs,
        onOpen,
      }, signal);
      const openedAt = clock.monotonicMs();
      for await (const event of stream) {
        if (event.type === "ERROR") throw toError(event.object as Status);
        const metadata = metadataOf(event.object);
        isHeard ||= !initial;
        if (event.type === "DELETED") yield { type: "delete", object: event.object };
        else if (event.type !== "BOOKMARK") yield { type: "apply", object: event.object, initial };
        else if (metadata.annotations?.["k8s.io/initial-events-end"] === "true") {
          initial = false;
          yield { type: "synced", resourceVersion: metadata.resourceVersion! };
        }
        if (initial) continue; // initial events come in no order: only their end is a state to go on from
        position = metadata.resourceVersion;
        failures.reset();
      }
      const lastedMs = clock.monotonicMs() - openedAt;
      if (isStale) {
        position = undefined;
        continue;
      }
      isStale = schemaMayChange && lastedMs < timeoutSeconds * 1000 - 5_000;
      if (lastedMs < 1000) {
        throw new KubeError("the server ends watches at once", { status: 0 });
      }
    } catch (error) {
      signal.throwIfAborted();
      if (mode === "watchList" && position === undefined && refusesWatchList(error)) {
        mode = "list";
        continue;
      }
      if (isStale && isGone(error)) { // a change of the schema makes servers forget what was before it
        position = undefined;
        continue;
      }
      if (isSilence(error) && position !== undefined && !isHeard) {
        onSilence?.();
        continue;
      }
      onInterruption?.(error);
      // A resource that is served again later may be another one of that name.
      if (isGone(error) || isNotServed(error)) position = undefined;
      const { retryAfterMs = 0 } = error instanceof KubeError ? error : {};
      const pauseMs = backoffMs(failures.add(error), random, { firstMs: 100, maxMs: MAX_BACKOFF_MS });
      await clock.sleep(Math.max(retryAfterMs, pauseMs), signal);
    }
  }
}

function metadataOf({ metadata }: KubeObject): KubeObject["metadata"] {
  if (typeof metadata?.resourceVersion === "string") return metadata;
  throw new KubeError("the server sent an event without an object", { status: 0 });
}

/** Before Kubernetes 1.32, or with the feature off: 422 `sendInitialEvents is forbidden …`, or 400. */
const refusesWatchList = (error: unknown): boolean =>
  error instanceof KubeError && (error.status === 422 || error.status === 400);

function toError(status: Status): KubeError {
  return new KubeError(status.message ?? "the API server ended the watch with an error", {
    status: status.code ?? 500,
    reason: status.reason,
    retryAfterMs: status.details?.retryAfterSeconds ? status.details.retryAfterSeconds * 1000 : undefined,
  });
}
