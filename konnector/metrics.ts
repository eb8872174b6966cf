import { createMetrics, type Metrics, type MetricsRegistry, type Readings } from "../kube/metrics.ts";

/** Objects of one API in the app cluster. */
export interface ObjectCounts {
  total: number;
  inSync: number;
}

/** What a konnector tells of its work beside what every controller tells. */
export interface KonnectorMetrics extends Metrics {
  /** A change has arrived on the other cluster. */
  lagged(api: string, direction: "up" | "down", ms: number): void;
  /** An API is synced from now on; dispose of the answer when it is not, and its series vanish. */
  apiOpened(api: string, count: () => ObjectCounts): Disposable;
  /** A claimed kind is synced from now on; as above. */
  claimOpened(claimed: string, owner: string, count: () => number): Disposable;
}

/** A change takes milliseconds when all is well, and as long as an outage when not. */
const LAG_SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

/** The konnector's metrics, all of them named `klutch_konnector_…` but those of the process. */
export async function createKonnectorMetrics(): Promise<KonnectorMetrics & Pick<MetricsRegistry, "render">> {
  const registry = await createMetrics({ prefix: "klutch_konnector_" });
  const lag = registry.histogram(
    "sync_lag_seconds",
    "From the first event of a change, as it reached the konnector, or from the start if it was made before, until the " +
      "other cluster has answered the write; up: spec and deletion, down: status.",
    ["api", "direction"],
    LAG_SECONDS,
  );
  const apis = new Set<{ api: string; count: () => ObjectCounts }>();
  const claims = new Set<{ claimed: string; owner: string; count: () => number }>();
  const perApi = (value: (counts: ObjectCounts) => number): Readings<"api"> => () =>
    Array.from(apis, ({ api, count }) => [{ api }, value(count())] as const);
  registry.observed("objects", "Objects in the app cluster.", ["api"], perApi(({ total }) => total));
  registry.observed(
    "objects_in_sync",
    "Those of them that agree with their objects on the provider.",
    ["api"],
    perApi(({ inSync }) => inSync),
  );
  registry.observed("claimed_objects", "Copies of claimed objects, by kind and owner.", ["claimed", "owner"], () => {
    const copies = new Map<string, readonly [{ claimed: string; owner: string }, number]>();
    for (const { claimed, owner, count } of claims) {
      const id = `${claimed} ${owner}`;
      copies.set(id, [{ claimed, owner }, (copies.get(id)?.[1] ?? 0) + count()]);
    }
    return copies.values();
  });

  const forget = (name: string) => {
    for (const label of ["api", "controller", "resource"]) registry.forget(label, name);
  };
  return {
    ...registry,
    lagged: (api, direction, ms) => lag.observe({ api, direction }, ms / 1000),
    apiOpened(api, count) {
      const opened = { api, count };
      apis.add(opened);
      return {
        [Symbol.dispose]() {
          apis.delete(opened);
          forget(api);
        },
      };
    },
    claimOpened(claimed, owner, count) {
      const opened = { claimed, owner, count };
      claims.add(opened);
      return {
        [Symbol.dispose]() {
          claims.delete(opened);
          forget(`claimed ${claimed}`);
        },
      };
    },
  };
}
