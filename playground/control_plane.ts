import { stringify } from "yaml";
import { type ClusterConfig, staticConfig } from "../kube/kubeconfig.ts";
import type { ControlPlaneBinaries } from "./binaries.ts";
import {
  createSigningKey,
  createTestAuthority,
  type KeyAlgorithm,
  type KeyPair,
  type TestAuthority,
} from "./certificates.ts";
import { type GuardedProcess, startGuarded } from "./guardian.ts";
import { type KubectlOptions, type KubectlResult, runKubectl } from "./kubectl.ts";
import { makeOwnedDirectory } from "./owned_directory.ts";
import {
  type ControlPlanePaths,
  controlPlanePaths,
  etcd,
  freePort,
  HOST,
  kubeApiServer,
  kubeControllerManager,
} from "./programs.ts";
import { EarlyExit, waitUntilReady } from "./readiness.ts";

export interface ControlPlaneOptions {
  /** For messages and in the kubeconfig, e.g. `provider`. */
  name: string;
  /** From `findBinaries`. */
  binaries: ControlPlaneBinaries;
  /** Where its directory is made; the system's directory for temporary files by default. */
  root?: string;
  /** How long each program may take until it serves. */
  timeoutMs?: number;
  /** Users besides the administrator that log in with a token; what they may do is up to RBAC. */
  users?: readonly { name: string; groups?: readonly string[] }[];
  /** Gets a line now and then while starting, and one when a program ends unasked. */
  progress?: (line: string) => void;
}

/** What a kubeconfig made here logs in with. */
export type KubeconfigUser = { token: string } | { clientCertificate: KeyPair };

/** All a control plane needs to start its API server again. */
interface Setup {
  name: string;
  binaries: ControlPlaneBinaries;
  timeoutMs: number;
  progress?: (line: string) => void;
  paths: ControlPlanePaths;
  authority: TestAuthority;
  serverName: string;
  adminToken: string;
  tokens: Map<string, string>;
  http: Deno.HttpClient;
}

const TRIES = 3;

/**
 * A real Kubernetes control plane without nodes, on loopback: etcd, kube-apiserver with RBAC, kube-controller-manager.
 * Nothing of it survives this process, however that ends.
 */
export class ControlPlane implements AsyncDisposable {
  readonly name: string;
  /** e.g. `https://127.0.0.1:41234`; stays the same when the API server is started again. */
  readonly server: string;
  /** As cluster administrator. */
  readonly config: ClusterConfig;
  /** As cluster administrator, YAML. */
  readonly kubeconfig: string;
  readonly kubeconfigPath: string;
  /** PEM of the CA behind the API server's certificate. */
  readonly caData: string;
  /** A name the API server's certificate is valid for too; it does not resolve. */
  readonly serverName: string;
  readonly #setup: Setup;
  readonly #port: number;
  readonly #resources: AsyncDisposableStack;
  #apiServer: GuardedProcess;

  private constructor(setup: Setup, port: number, apiServer: GuardedProcess, resources: AsyncDisposableStack) {
    this.#setup = setup;
    this.#port = port;
    this.#apiServer = apiServer;
    this.#resources = resources;
    this.name = setup.name;
    this.server = `https://${HOST}:${port}`;
    this.caData = setup.authority.certificate;
    this.serverName = setup.serverName;
    this.config = staticConfig({ server: this.server, caData: this.caData, token: setup.adminToken });
    this.kubeconfig = this.kubeconfigFor({ token: setup.adminToken });
    this.kubeconfigPath = setup.paths.kubeconfig;
  }

  /**
   * Starts all three programs and waits until they serve.
   *
   * @throws {Error} with the last lines of its log when a program ends early or is not ready in time
   */
  static async start(options: ControlPlaneOptions, signal: AbortSignal): Promise<ControlPlane> {
    const startedAt = performance.now();
    await using starting = new AsyncDisposableStack();
    const directory = starting.use(await makeOwnedDirectory(options.root));
    const setup = await prepare(options, directory.path);
    starting.defer(() => setup.http.close());

    const store = starting.use(startGuarded(etcd(setup.binaries, setup.paths)));
    const { apiServer, port } = await startOnFreePort(setup, store, signal);
    const resources = new AsyncDisposableStack();
    const plane = new ControlPlane(setup, port, apiServer, resources);
    starting.defer(() => plane.#apiServer.stop()); // the one running by then
    await Deno.writeTextFile(plane.kubeconfigPath, plane.kubeconfig, { mode: 0o600 });

    const controllers = starting.use(startGuarded(kubeControllerManager(setup.binaries, setup.paths)));
    await untilServing(setup, port, [store, apiServer, controllers], CONTROLLERS_WORK, signal);

    for (const process of [store, apiServer, controllers]) plane.#tellWhenItEnds(process);
    resources.use(starting.move());
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    options.progress?.(`${plane.name}: control plane ready at ${plane.server} (${seconds} s)`);
    return plane;
  }

  /** Runs kubectl as cluster administrator. */
  kubectl(args: readonly string[], options: KubectlOptions = {}): Promise<KubectlResult> {
    return runKubectl(this.#setup.binaries.kubectl, this.kubeconfigPath, args, options);
  }

  /** The bearer token of one of `options.users`. */
  tokenOf(user: string): string {
    const token = this.#setup.tokens.get(user);
    if (!token) throw new RangeError(`Cannot give a token of "${user}": not among the users of ${this.name}`);
    return token;
  }

  /** A client certificate the API server takes for this user and these groups; what they may do is up to RBAC. */
  issueClientCertificate(user: string, groups: string[] = [], algorithm?: KeyAlgorithm): Promise<KeyPair> {
    return this.#setup.authority.issueClient(user, groups, algorithm);
  }

  /** A kubeconfig (YAML) for this API server. */
  kubeconfigFor(user: KubeconfigUser, { namespace }: { namespace?: string } = {}): string {
    return stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{
        name: this.name,
        cluster: { server: this.server, "certificate-authority-data": btoa(this.caData) },
      }],
      users: [{
        name: "user",
        user: "token" in user ? { token: user.token } : {
          "client-certificate-data": btoa(user.clientCertificate.certificate),
          "client-key-data": btoa(user.clientCertificate.key),
        },
      }],
      contexts: [{ name: this.name, context: { cluster: this.name, user: "user", ...(namespace && { namespace }) } }],
      "current-context": this.name,
    }, { lineWidth: 0 });
  }

  /** Takes the API server away at once, as a crash would; what was written is kept. */
  async stopApiServer(): Promise<void> {
    await this.#apiServer.stop();
  }

  /** Brings the API server back under the same address and waits until it serves. */
  async startApiServer(signal: AbortSignal): Promise<void> {
    await this.#apiServer.stop();
    this.#apiServer = startGuarded(kubeApiServer(this.#setup.binaries, this.#setup.paths, this.#port));
    await untilServing(this.#setup, this.#port, [this.#apiServer], API_SERVES, signal);
    this.#tellWhenItEnds(this.#apiServer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  #tellWhenItEnds(process: GuardedProcess): void {
    void process.exited.then(async ({ code }) => {
      if (process.stopped) return;
      const tail = await process.logTail();
      this.#setup.progress?.(`${this.name}: ${process.name} ended with exit code ${code}; its last lines:\n${tail}`);
    });
  }
}

async function prepare(options: ControlPlaneOptions, directory: string): Promise<Setup> {
  const { name, binaries, timeoutMs = 60_000, progress, users = [] } = options;
  const paths = controlPlanePaths(directory);
  const authority = await createTestAuthority(`${name} test CA`);
  const serverName = `${name}.klutch.test`;
  const server = await authority.issueServer({
    dns: ["localhost", serverName, "kubernetes", "kubernetes.default", "kubernetes.default.svc"],
    ip: [HOST, "10.0.0.1"],
  });
  const adminToken = randomToken();
  const tokens = new Map(users.map((user) => [user.name, randomToken()]));
  const tokenLines = [
    [adminToken, "admin", "admin", "system:masters"],
    ...users.map((user) => [tokens.get(user.name), user.name, user.name, (user.groups ?? []).join(",")]),
  ].map((fields) => fields.map((field) => `"${field}"`).join(","));
  const files: [string, string][] = [
    [paths.caCertificate, authority.certificate],
    [paths.serverCertificate, server.certificate],
    [paths.serverKey, server.key],
    [paths.signingKey, await createSigningKey()],
    [paths.tokens, tokenLines.join("\n") + "\n"],
  ];
  for (const [path, text] of files) await Deno.writeTextFile(path, text, { mode: 0o600 });
  const http = Deno.createHttpClient({ caCerts: [authority.certificate], http2: false });
  return { name, binaries, timeoutMs, progress, paths, authority, serverName, adminToken, tokens, http };
}

const randomToken = () => Array.from(crypto.getRandomValues(new Uint8Array(24)), (byte) => hex(byte)).join("");
const hex = (byte: number) => byte.toString(16).padStart(2, "0");

const API_SERVES = ["/readyz"];
/** Made by the controllers, so that their presence shows that these work. */
const CONTROLLERS_WORK = [
  "/api/v1/namespaces/default/serviceaccounts/default",
  "/api/v1/namespaces/default/configmaps/kube-root-ca.crt",
];

async function untilServing(
  { name, http, adminToken, timeoutMs, progress }: Setup,
  port: number,
  processes: readonly GuardedProcess[],
  paths: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const headers = { authorization: `Bearer ${adminToken}` };
  await waitUntilReady({
    name,
    processes,
    timeoutMs,
    progress,
    async isReady(signal) {
      for (const path of paths) {
        const response = await fetch(`https://${HOST}:${port}${path}`, { client: http, headers, signal });
        await response.body?.cancel();
        if (!response.ok) return false;
      }
      return true;
    },
  }, signal);
}

/** A free port may be taken by somebody else before the API server opens it. */
async function startOnFreePort(setup: Setup, store: GuardedProcess, signal: AbortSignal) {
  for (let left = TRIES - 1;; left--) {
    const port = freePort();
    const apiServer = startGuarded(kubeApiServer(setup.binaries, setup.paths, port));
    try {
      await untilServing(setup, port, [store, apiServer], API_SERVES, signal);
      return { apiServer, port };
    } catch (error) {
      await apiServer.stop();
      if (left > 0 && error instanceof EarlyExit && error.log.includes("address already in use")) continue;
      throw error;
    }
  }
}
