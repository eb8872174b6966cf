import { deepEqual, equal } from "node:assert/strict";
import { eventually, provider } from "../tests/clusters.ts";
import { Replica } from "./replica_fixture.ts";

Deno.test("Of two replicas one controls, both serve people, and the other one takes over at once from one that stops", async () => {
  using cluster = await provider();
  await using namespace = await cluster.namespace("replicas");
  const replicas = ["a", "b"].map((name) => new Replica(name, cluster.kubeconfigPath, namespace.name));
  try {
    const isReady = ({ messages }: Replica) => messages.includes("backend ready");
    await eventually("both are ready", () => replicas.every(isReady));
    const leader = await eventually("one leads", () => replicas.find(({ isLeading }) => isLeading));
    for (const { address } of replicas) {
      const response = await fetch(`${address}/export`);
      deepEqual([response.status, (await response.json()).kind], [200, "BindingProvider"]);
    }
    const other = replicas.find((replica) => replica !== leader)!;
    equal(other.isLeading, false);
    leader.stop.abort();
    await leader.ended;
    await eventually("the other one leads", () => other.isLeading, { timeoutMs: 10_000 });
  } finally {
    for (const { stop } of replicas) stop.abort();
    await Promise.allSettled(replicas.map(({ ended }) => ended));
  }
});
