import { deepEqual, equal } from "node:assert/strict";
import type { Log } from "../kube/log.ts";
import { eventually, provider } from "../tests/clusters.ts";
import { readBackendOptions } from "./options.ts";
import { runBackend } from "./run.ts";

class Replica {
  readonly messages: string[] = [];
  readonly stop = new AbortController();
  readonly ended: Promise<void>;
  address = "";

  constructor(name: string, kubeconfig: string, leaseNamespace: string) {
    const flags = {
      kubeconfig,
      leaseNamespace,
      leaderElect: "true",
      namespacePrefix: "cluster",
      prettyName: "Example",
      consumerScope: "Namespaced",
      clusterScopedIsolation: "Prefixed",
      listenAddress: "127.0.0.1:0",
      healthAddress: "127.0.0.1:0",
      tokenLifetime: "168h",
      oidcEmbedded: true,
    };
    const write = (message: string, fields: Record<string, unknown> = {}) => {
      this.messages.push(message);
      if (message === "backend started") this.address = String(fields.address);
    };
    const log: Log = { debug: write, info: write, warn: write, error: write, with: () => log };
    this.ended = runBackend(readBackendOptions(flags, { POD_NAME: name }), log, this.stop.signal);
  }

  get isLeading(): boolean {
    return this.messages.includes("became the leader");
  }
}

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
