import { join } from "node:path";
import type { ControlPlaneBinaries } from "./binaries.ts";
import type { GuardedCommand } from "./guardian.ts";

/** Where the programs of one control plane find what they share. */
export interface ControlPlanePaths {
  directory: string;
  caCertificate: string;
  serverCertificate: string;
  serverKey: string;
  signingKey: string;
  tokens: string;
  kubeconfig: string;
}

/** Addresses are loopback only; etcd has none, just a socket in the directory, which only its owner may enter. */
export const HOST = "127.0.0.1";

/** Below those that systems give to outgoing connections: one of these would keep a server from coming back. */
const SERVER_PORTS = { first: 20_000, count: 10_000 };

/** A port on loopback that is free now; somebody else may take it before it is used. */
export function freePort(): number {
  while (true) {
    const port = SERVER_PORTS.first + Math.floor(Math.random() * SERVER_PORTS.count);
    try {
      using _listener = Deno.listen({ hostname: HOST, port });
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/** Longest path of a Unix socket, on macOS; Linux takes 108. */
const SOCKET_PATH_BYTES = 104;

export function controlPlanePaths(directory: string): ControlPlanePaths {
  const path = (name: string) => join(directory, name);
  const longest = etcdSocket(directory);
  if (new TextEncoder().encode(longest).length >= SOCKET_PATH_BYTES) {
    throw new RangeError(
      `Cannot start etcd in "${directory}": its socket "${longest}" has too long a path; choose a shorter directory`,
    );
  }
  return {
    directory,
    caCertificate: path("ca.crt"),
    serverCertificate: path("server.crt"),
    serverKey: path("server.key"),
    signingKey: path("service-accounts.key"),
    tokens: path("tokens.csv"),
    kubeconfig: path("kubeconfig.yaml"),
  };
}

const etcdSocket = (directory: string) => join(directory, "etcd.sock");

export const etcd = (binaries: ControlPlaneBinaries, { directory }: ControlPlanePaths): GuardedCommand => ({
  name: "etcd",
  logPath: join(directory, "etcd.log"),
  command: [
    ...binaries.etcd,
    "--name=default",
    `--data-dir=${join(directory, "etcd")}`,
    `--listen-client-urls=unix://${etcdSocket(directory)}`,
    `--listen-peer-urls=unix://${join(directory, "peer.sock")}`,
    // Required, but used by nobody: there is one member, and its one client gets the socket's path.
    `--advertise-client-urls=http://${HOST}:2379`,
    "--unsafe-no-fsync",
    "--log-level=warn",
  ],
});

export const kubeApiServer = (
  binaries: ControlPlaneBinaries,
  paths: ControlPlanePaths,
  port: number,
): GuardedCommand => ({
  name: "kube-apiserver",
  logPath: join(paths.directory, "kube-apiserver.log"),
  command: [
    ...binaries.kubeApiServer,
    `--etcd-servers=unix://${etcdSocket(paths.directory)}`,
    `--bind-address=${HOST}`,
    `--advertise-address=${HOST}`,
    `--secure-port=${port}`,
    `--tls-cert-file=${paths.serverCertificate}`,
    `--tls-private-key-file=${paths.serverKey}`,
    `--client-ca-file=${paths.caCertificate}`,
    `--token-auth-file=${paths.tokens}`,
    "--authorization-mode=RBAC",
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-signing-key-file=${paths.signingKey}`,
    `--service-account-key-file=${paths.signingKey}`,
    "--service-cluster-ip-range=10.0.0.0/24",
    "--endpoint-reconciler-type=none",
  ],
});

const CONTROLLERS = [
  "namespace",
  "garbagecollector",
  "serviceaccount",
  "serviceaccount-token",
  "root-ca-cert-publisher",
  "clusterrole-aggregation",
];

export const kubeControllerManager = (
  binaries: ControlPlaneBinaries,
  paths: ControlPlanePaths,
): GuardedCommand => ({
  name: "kube-controller-manager",
  logPath: join(paths.directory, "kube-controller-manager.log"),
  command: [
    ...binaries.kubeControllerManager,
    `--kubeconfig=${paths.kubeconfig}`,
    `--controllers=${CONTROLLERS.join(",")}`,
    `--service-account-private-key-file=${paths.signingKey}`,
    `--root-ca-file=${paths.caCertificate}`,
    "--leader-elect=false",
    "--secure-port=0",
    // Tests delete many namespaces at once, and each takes a request per kind.
    "--kube-api-qps=300",
    "--kube-api-burst=600",
  ],
});
