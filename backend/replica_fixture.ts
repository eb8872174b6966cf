import type { Log } from "../kube/log.ts";
import { readBackendOptions } from "./options.ts";
import { runBackend } from "./run.ts";

/** Of a backend with an issuer and listeners of its own, on loopback. */
export const FLAGS = {
  namespacePrefix: "cluster",
  prettyName: "Example",
  consumerScope: "Namespaced",
  clusterScopedIsolation: "Prefixed",
  listenAddress: "127.0.0.1:0",
  healthAddress: "127.0.0.1:0",
  appClustersPerUser: "500",
  loginRate: "0",
  tokenLifetime: "168h",
  oidcEmbedded: true,
};

/** A whole backend in this process, with an issuer and listeners of its own. */
export class Replica {
  readonly messages: string[] = [];
  /** Those of level error. */
  readonly errors: string[] = [];
  readonly stop = new AbortController();
  readonly ended: Promise<void>;
  address = "";

  constructor(name: string, kubeconfig: string, leaseNamespace: string) {
    const flags = { ...FLAGS, kubeconfig, leaseNamespace, leaderElect: "true" };
    const write = (message: string, fields: Record<string, unknown> = {}) => {
      this.messages.push(message);
      if (message === "backend started") this.address = String(fields.address);
    };
    const error = (message: string, fields?: Record<string, unknown>) => {
      this.errors.push(`${message}: ${fields?.error}`);
      write(message, fields);
    };
    const log: Log = { debug: write, info: write, warn: write, error, with: () => log };
    this.ended = runBackend(readBackendOptions(flags, { POD_NAME: name }), log, this.stop.signal);
  }

  get isLeading(): boolean {
    return this.messages.includes("became the leader");
  }
}
