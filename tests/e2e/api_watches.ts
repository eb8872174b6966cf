import type { Cluster } from "./harness.ts";

/** How many watches an API server serves by its own count, by what they are on: `mangodbs.mangodb.com namespace`. */
export async function countWatches({ kubectl }: Cluster): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const line of (await kubectl(["get", "--raw", "/metrics"])).split("\n")) {
    const [, labels, count] = /^apiserver_longrunning_requests\{(.*)\} (\S+)$/.exec(line) ?? [];
    if (labels === undefined || !labels.includes('verb="WATCH"')) continue;
    const label = (name: string) => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1] ?? "";
    const [group, resource, scope] = ["group", "resource", "scope"].map(label);
    const what = `${resource}${group && "."}${group} ${scope}`;
    counts.set(what, (counts.get(what) ?? 0) + Number(count));
  }
  return counts;
}
