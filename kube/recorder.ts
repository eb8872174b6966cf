import type { Api } from "./api.ts";
import type { KubeClient } from "./client.ts";
import { type Clock, systemClock } from "./clock.ts";
import { Deadline } from "./deadline.ts";
import { isAlreadyExists, isNotFound, KubeError } from "./errors.ts";
import { type EventDetails, EventSeries, type ObjectReference, type Occurrence } from "./event_series.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { EVENTS } from "./resources.ts";
import { formatTime } from "./time.ts";
import { TokenBucket } from "./token_bucket.ts";
import { keyOf, type KubeObject } from "./types.ts";

/** Tells the users of objects what happened to them. */
export interface Recorder extends AsyncDisposable {
  /** Returns at once and never throws; the Event is written in the background, or given up with a line in the log. */
  event(object: KubeObject, details: EventDetails): void;
}

export interface RecorderOptions {
  /** Which program says so, e.g. `sync-agent`. */
  component: string;
  /** Which of its processes, e.g. the name of its pod. */
  instance: string;
  metrics?: Metrics;
  clock?: Clock;
}

/** An Event of the core group: unlike those of `events.k8s.io` it shows count and age in every `kubectl`. */
interface CoreEvent extends KubeObject {
  involvedObject: ObjectReference;
  type: string;
  reason: string;
  message: string;
  source: { component: string };
  firstTimestamp: string;
  lastTimestamp: string;
  count: number;
  reportingComponent: string;
  reportingInstance: string;
}

/** Events not written yet; whatever comes beyond is dropped. */
const MAX_WAITING = 1000;
/** What merely tells that all is well must not cost a burst of work a tenth of its requests. */
const NORMAL_RATE = { burst: 25, perSecond: 5 };
/** A hundred of them may wait; whatever comes beyond is dropped. */
const NORMAL_MAX_WAIT_MS = 20_000;
const MAX_TRIES = 5;
const RETRY_MS = 5_000;
const REQUEST_MS = 10_000;
/** How long disposing may take to write what is waiting. */
const FLUSH_MS = 2_000;

/** Dispose of it to write what is waiting and stop. */
export function createRecorder(client: KubeClient, options: RecorderOptions, log: Log): Recorder {
  return new BackgroundRecorder(client.api<CoreEvent>(EVENTS), options, log);
}

class BackgroundRecorder implements Recorder {
  readonly #api: Api<CoreEvent>;
  readonly #options: RecorderOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #series: EventSeries;
  readonly #normalPace: TokenBucket;
  /** What has to be written, oldest first; an occurrence that repeats meanwhile is written once. */
  readonly #waiting = new Set<Occurrence>();
  readonly #delayed = new Map<Occurrence, () => void>();
  readonly #stop = new AbortController();
  #closing = false;
  #isFull = false;
  #writing: Promise<void> | undefined;

  constructor(api: Api<CoreEvent>, options: RecorderOptions, log: Log) {
    this.#api = api;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = log;
    this.#series = new EventSeries(this.#clock);
    this.#normalPace = new TokenBucket(NORMAL_RATE, this.#clock);
  }

  event(object: KubeObject, details: EventDetails): void {
    if (this.#closing) return;
    const occurrence = this.#series.add(object, details);
    if (this.#waiting.has(occurrence) || this.#delayed.has(occurrence)) return; // and is told with its new count
    const paceMs = details.type === "Normal" ? this.#normalPace.reserve(NORMAL_MAX_WAIT_MS) : 0;
    if (paceMs === undefined || this.#waiting.size >= MAX_WAITING) return this.#drop(object, details);
    const waitMs = Math.max(paceMs, this.#series.permit(occurrence));
    if (waitMs > 0) this.#delay(occurrence, waitMs);
    else this.#enqueue(occurrence);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    for (const cancel of this.#delayed.values()) cancel();
    this.#delayed.clear();
    const cancel = this.#clock.after(FLUSH_MS, () => this.#stop.abort(new DOMException("closed", "AbortError")));
    await this.#writing;
    cancel();
  }

  #drop(object: KubeObject, { type, reason }: EventDetails): void {
    this.#options.metrics?.eventDone("dropped");
    if (type === "Normal" || this.#isFull) return;
    this.#isFull = true;
    this.#log.warn("events are dropped, too many are waiting", { object, reason });
  }

  #enqueue(occurrence: Occurrence): void {
    this.#waiting.add(occurrence);
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    await Promise.resolve(); // so that `#writing` is set before it is unset
    for (const occurrence of this.#waiting) { // a Set iterates over what is added meanwhile, too
      this.#waiting.delete(occurrence);
      if (!this.#stop.signal.aborted) await this.#write(occurrence);
    }
    this.#isFull = false;
    this.#writing = undefined;
  }

  #delay(occurrence: Occurrence, ms: number): void {
    const cancel = this.#clock.after(ms, () => {
      this.#delayed.delete(occurrence);
      this.#enqueue(occurrence);
    });
    this.#delayed.set(occurrence, cancel);
  }

  async #write(occurrence: Occurrence): Promise<void> {
    const { about, details: { reason } } = occurrence;
    for (let tries = 1;; tries++) {
      try {
        using deadline = new Deadline(REQUEST_MS, this.#stop.signal);
        await this.#writeOnce(occurrence, deadline.signal);
        return this.#options.metrics?.eventDone("written");
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        const mayPass = !(error instanceof KubeError) || error.status === 0 || error.status === 429 ||
          error.status >= 500;
        if (!mayPass || this.#closing || tries === MAX_TRIES) {
          this.#options.metrics?.eventDone("failed");
          return this.#log.warn("event not written", { about, reason, error });
        }
        await this.#clock.sleep(RETRY_MS, this.#stop.signal).catch(() => {});
      }
    }
  }

  async #writeOnce(occurrence: Occurrence, signal: AbortSignal): Promise<void> {
    const event = this.#toEvent(occurrence);
    const { count, lastTimestamp, message } = event;
    const update = () => this.#api.mergePatch(keyOf(event), { count, lastTimestamp, message }, {}, signal);
    if (occurrence.isWritten) {
      try {
        return void await update();
      } catch (error) {
        if (!isNotFound(error)) throw error; // API servers keep Events for an hour
      }
    }
    try {
      await this.#api.create(event, signal);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      await update(); // an earlier try only seemed to fail
    }
    occurrence.isWritten = true;
  }

  #toEvent({ about, details, name, firstAt, lastAt, count }: Occurrence): CoreEvent {
    const { component, instance } = this.#options;
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: { namespace: about.namespace ?? "default", name },
      involvedObject: about,
      ...details,
      source: { component },
      firstTimestamp: formatTime(firstAt),
      lastTimestamp: formatTime(lastAt),
      count,
      reportingComponent: component,
      reportingInstance: instance,
    };
  }
}
