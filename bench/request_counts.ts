import { parseSamples, type Sample } from "./prometheus.ts";

const REQUESTS = "apiserver_request_total";
const CPU = "process_cpu_seconds_total";
const CUT_WATCHES = "apiserver_terminated_watchers_total";

/** What an API server says about itself: requests it has answered since its start, and the CPU time it took. */
export interface ServerCounters {
  requests: readonly RequestCount[];
  cpuSeconds: number;
  /** Watches that the server has ended because their client did not read fast enough. */
  cutWatches: number;
}

/** Requests of one sort, e.g. `PUT` of `leases.coordination.k8s.io`. */
export interface RequestCount {
  verb: string;
  /** `databases.bench.example.com`; empty for paths that are no resource. */
  resource: string;
  subresource: string;
  count: number;
}

/** From the text of an API server's `/metrics`. */
export function parseCounters(text: string): ServerCounters {
  const samples = [...parseSamples(text, [REQUESTS, CPU, CUT_WATCHES])];
  const of = (wanted: string) => samples.filter(({ name }) => name === wanted);
  const sum = (wanted: string) => of(wanted).reduce((sum, { value }) => sum + value, 0);
  return { requests: merge(of(REQUESTS).map(toRequestCount)), cpuSeconds: sum(CPU), cutWatches: sum(CUT_WATCHES) };
}

function toRequestCount({ labels, value }: Sample): RequestCount {
  const { verb = "", group = "", resource = "", subresource = "" } = labels;
  return { verb, resource: group ? `${resource}.${group}` : resource, subresource, count: value };
}

/** What happened between two looks at the same server. */
export function countersSince(before: ServerCounters, after: ServerCounters): ServerCounters {
  const earlier = before.requests.map((request) => ({ ...request, count: -request.count }));
  return {
    requests: merge([...after.requests, ...earlier]),
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    cutWatches: after.cutWatches - before.cutWatches,
  };
}

/** Several servers' counters added up. */
export function addCounters(all: readonly ServerCounters[]): ServerCounters {
  return {
    requests: merge(all.flatMap(({ requests }) => requests)),
    cpuSeconds: all.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    cutWatches: all.reduce((sum, { cutWatches }) => sum + cutWatches, 0),
  };
}

/** One entry for each sort of request that there was at all. */
function merge(requests: readonly RequestCount[]): RequestCount[] {
  const merged = new Map<string, RequestCount>();
  for (const { count, ...sort } of requests) {
    const key = JSON.stringify([sort.verb, sort.resource, sort.subresource]);
    merged.set(key, { ...sort, count: (merged.get(key)?.count ?? 0) + count });
  }
  return [...merged.values()].filter(({ count }) => count !== 0);
}

/** Verbs as the API server counts them; `APPLY` is the `PATCH` of a server-side apply. */
const WRITES = ["POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"];

/** Questions about access and the answers to them are stored nowhere. */
const NOT_STORED = /^(token|subjectaccess|selfsubjectaccess|selfsubjectrules|localsubjectaccess)reviews\./;

export const isWrite = ({ verb, resource }: RequestCount): boolean =>
  WRITES.includes(verb) && resource !== "" && !NOT_STORED.test(resource);

export const total = (requests: readonly RequestCount[]): number => requests.reduce((sum, { count }) => sum + count, 0);

/** `PUT leases.coordination.k8s.io: 30, …`, the most frequent ones first. */
export const describeRequests = (requests: readonly RequestCount[]): string =>
  requests.toSorted((a, b) => b.count - a.count)
    .map(({ verb, resource, subresource, count }) =>
      `${verb} ${resource || "(no resource)"}${subresource && `/${subresource}`}: ${count}`
    ).join(", ");
