import { eventually } from "../clusters.ts";
import type { Cluster } from "./harness.ts";

const WRITES = ["POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"];

/** Leases are renewed all the time; Events tell about the past. */
const LIVELY = ["leases", "events"];

/** Due every few minutes, and then at any moment. */
const HEARTBEAT = "PATCH clusterbindings.klutch.anynines.com/status";

/**
 * What an API server counts itself of requests that may change something, refused ones included and heartbeats left out:
 * number by `PATCH mangodbs.mangodb.com/status`.
 */
export async function countWrites({ kubectl }: Cluster): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const line of (await kubectl(["get", "--raw", "/metrics"])).split("\n")) {
    const [, labels, count] = /^apiserver_request_total\{(.*)\} (\S+)$/.exec(line) ?? [];
    if (labels === undefined) continue;
    const label = (name: string) => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1] ?? "";
    const [verb, group, resource, subresource] = ["verb", "group", "resource", "subresource"].map(label);
    if (!WRITES.includes(verb!) || LIVELY.includes(resource!)) continue;
    const what = `${verb} ${resource}${group && "."}${group}${subresource && "/"}${subresource}`;
    if (what !== HEARTBEAT) counts.set(what, (counts.get(what) ?? 0) + Number(count));
  }
  return counts;
}

/** Longer than our programs put off what can wait. */
const QUIET_MS = 1_500;

/** Waits until nothing was written for a moment, and returns what was written until then. */
export async function untilQuiet(cluster: Cluster): Promise<Map<string, number>> {
  let before: Map<string, number> | undefined;
  return await eventually(`nothing is written on the ${cluster.plane.name}`, async () => {
    const now = await countWrites(cluster);
    const isQuiet = before && newWrites(before, now).length === 0;
    before = now;
    return isQuiet && now;
  }, { everyMs: QUIET_MS });
}

/** What was written between two counts, e.g. `["PATCH mangodbs.mangodb.com: 2"]`. */
export function newWrites(before: Map<string, number>, after: Map<string, number>): string[] {
  return [...after].flatMap(([what, count]) => {
    const more = count - (before.get(what) ?? 0);
    return more > 0 ? [`${what}: ${more}`] : [];
  });
}
