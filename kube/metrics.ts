import { cpuUsage, memoryUsage } from "node:process";

/** Where the parts of a controller report what they do. Every method is cheap and never throws. */
export interface Metrics {
  /** A request to an API server; `code` is 0 when no answer came. */
  requestDone(request: { verb: string; code: number; durationMs: number }): void;
  /** A controller has begun to work on that queue; dispose of the answer when it stops. */
  queueOpened(controller: string, queue: ObservedQueue): Disposable;
  /** How long a key was ready before a worker took it. */
  queueWaited(controller: string, ms: number): void;
  /** @param reason of a failure, as one word out of few: `Conflict`, `Forbidden`, `Unreachable` */
  reconciled(controller: string, outcome: ReconcileOutcome, durationMs: number, reason?: string): void;
  /** @param reason one word out of few: `Silence`, `Expired`, `Unreachable` */
  watchRestarted(resource: string, reason: string): void;
  /** What has become of an Event. */
  eventDone(outcome: "written" | "dropped" | "failed"): void;
}

/** What is asked of a queue whenever somebody looks. */
export interface ObservedQueue {
  /** Keys that could be worked on now. */
  readonly depth: number;
  /** How long the first of them has been waiting. */
  readonly oldestMs: number;
}

export type ReconcileOutcome = "done" | "requeued" | "failed" | "terminal";

export type Labels<L extends string> = Readonly<Record<L, string>>;

/** Counts up. */
export interface Counter<L extends string> {
  add(labels: Labels<L>, by?: number): void;
}

/** What a gauge shows, asked for whenever somebody looks. */
export type Readings<L extends string> = () => Iterable<readonly [labels: Labels<L>, value: number]>;

/** How values are spread. */
export interface Histogram<L extends string> {
  observe(labels: Labels<L>, value: number): void;
}

/** All metrics of one process, and how to make more of them. */
export interface MetricsRegistry extends Metrics {
  counter<L extends string>(name: string, help: string, labels: readonly L[]): Counter<L>;
  /** A gauge with just the series that `readings` tells of. */
  observed<L extends string>(name: string, help: string, labels: readonly L[], readings: Readings<L>): void;
  histogram<L extends string>(name: string, help: string, labels: readonly L[], buckets?: number[]): Histogram<L>;
  /** Drops every series that has this label, e.g. `forget("resource", "mangodbs.mangodb.com")` once it is unbound. */
  forget(label: string, value: string): void;
  /** The text a Prometheus server reads. */
  render(): Promise<{ contentType: string; body: string }>;
}

export interface MetricsOptions {
  /** Comes before the names of all metrics but those of the process, e.g. `agent_`. */
  prefix: string;
  /** A metric with that many series puts whatever else comes under the labels `other`. */
  maxSeries?: number;
}

/** From 1 ms to 30 s: what requests, passes and waiting take. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** A registry with the metrics that `Metrics` names and those of the process; loads prom-client only now. */
export async function createMetrics({ prefix, maxSeries = 1000 }: MetricsOptions): Promise<MetricsRegistry> {
  const prometheus = await import("prom-client");
  const registry = new prometheus.Registry();
  const registers = [registry];
  const families: Family[] = [];

  function family(metric: Removable, labelNames: readonly string[]): Family {
    const made = new Family(metric, labelNames, maxSeries);
    families.push(made);
    return made;
  }

  const counter: MetricsRegistry["counter"] = (name, help, labelNames) => {
    const metric = new prometheus.Counter<string>({ name: prefix + name, help, labelNames, registers });
    const series = family(metric, labelNames);
    return { add: (labels, by = 1) => by >= 0 && metric.inc(series.bounded(labels), by) };
  };
  const observed: MetricsRegistry["observed"] = (name, help, labelNames, readings) => {
    new prometheus.Gauge<string>({
      name: prefix + name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const [labels, value] of [...readings()].slice(0, maxSeries)) this.set({ ...labels }, value);
      },
    });
  };
  const histogram: MetricsRegistry["histogram"] = (name, help, labelNames, buckets = SECONDS) => {
    const metric = new prometheus.Histogram<string>({ name: prefix + name, help, labelNames, buckets, registers });
    const series = family(metric, labelNames);
    return { observe: (labels, value) => Number.isFinite(value) && metric.observe(series.bounded(labels), value) };
  };

  new prometheus.Gauge({
    name: "process_resident_memory_bytes",
    help: "Resident memory size in bytes.",
    registers,
    collect() {
      this.set(memoryUsage().rss);
    },
  });
  new prometheus.Counter({
    name: "process_cpu_seconds_total",
    help: "Total user and system CPU time spent in seconds.",
    registers,
    collect() {
      const { user, system } = cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  new prometheus.Gauge({
    name: "process_start_time_seconds",
    help: "Start time of the process since unix epoch in seconds.",
    registers,
  }).set(performance.timeOrigin / 1000);

  const requests = counter("api_requests_total", "Requests to API servers; code 0 is no answer.", ["verb", "code"]);
  const requestSeconds = histogram("api_request_duration_seconds", "Time until an API server answers.", ["verb"]);
  const queues = new Map<ObservedQueue, string>();
  const readQueues = (combine: (known: number, queue: ObservedQueue) => number) => () => {
    const values = new Map<string, number>();
    for (const [queue, controller] of queues) values.set(controller, combine(values.get(controller) ?? 0, queue));
    return Array.from(values, ([controller, value]) => [{ controller }, value] as const);
  };
  observed(
    "queue_depth",
    "Keys that could be worked on now.",
    ["controller"],
    readQueues((sum, { depth }) => sum + depth),
  );
  observed(
    "queue_oldest_seconds",
    "How long the first key of a queue has been ready; 0 when there is none.",
    ["controller"],
    readQueues((most, { oldestMs }) => Math.max(most, oldestMs / 1000)),
  );
  const waitSeconds = histogram("queue_wait_seconds", "Time a key was ready before a worker took it.", ["controller"]);
  const passes = counter("reconciles_total", "Passes over one key, by how they ended.", ["controller", "outcome"]);
  const passSeconds = histogram("reconcile_duration_seconds", "Time one pass takes.", ["controller"]);
  const failures = counter("reconcile_failures_total", "Failed passes, which are tried again, by reason.", [
    "controller",
    "reason",
  ]);
  const restarts = counter("watch_restarts_total", "Watches that had to be opened anew.", ["resource", "reason"]);
  const events = counter("events_total", "Kubernetes Events by what has become of them.", ["outcome"]);

  return {
    counter,
    observed,
    histogram,
    requestDone({ verb, code, durationMs }) {
      requests.add({ verb, code: String(code) });
      requestSeconds.observe({ verb }, durationMs / 1000);
    },
    queueOpened(controller, queue) {
      queues.set(queue, controller);
      return { [Symbol.dispose]: () => void queues.delete(queue) };
    },
    queueWaited: (controller, ms) => waitSeconds.observe({ controller }, ms / 1000),
    reconciled(controller, outcome, durationMs, reason) {
      passes.add({ controller, outcome });
      passSeconds.observe({ controller }, durationMs / 1000);
      if (reason) failures.add({ controller, reason });
    },
    watchRestarted: (resource, reason) => restarts.add({ resource, reason }),
    eventDone: (outcome) => events.add({ outcome }),
    forget(label, value) {
      for (const each of families) each.forget(label, value);
    },
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

interface Removable {
  remove(labels: Record<string, string>): void;
}

/** The series of one metric, so that there are never more than a few. */
class Family {
  readonly #metric: Removable;
  readonly #labelNames: readonly string[];
  readonly #max: number;
  readonly #known = new Map<string, Record<string, string>>();
  readonly #other: Record<string, string>;

  constructor(metric: Removable, labelNames: readonly string[], max: number) {
    this.#metric = metric;
    this.#labelNames = labelNames;
    this.#max = max;
    this.#other = Object.fromEntries(labelNames.map((name) => [name, "other"]));
  }

  /** These labels, or `other` once there are too many. */
  bounded(labels: Readonly<Record<string, string>>): Record<string, string> {
    const id = this.#labelNames.map((name) => labels[name]).join("\0");
    const known = this.#known.get(id);
    if (known) return known;
    if (this.#known.size >= this.#max) return this.#other;
    const added = { ...labels };
    this.#known.set(id, added);
    return added;
  }

  forget(label: string, value: string): void {
    for (const [id, labels] of this.#known) {
      if (labels[label] !== value) continue;
      this.#known.delete(id);
      this.#metric.remove(labels);
    }
  }
}
