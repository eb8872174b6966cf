import type { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { ConfigError, messageOf } from "./errors.ts";
import { checkClientCertificate } from "./x509.ts";

/** How one API server is reached, and as whom. */
export interface ClusterConfig {
  /** `https://host:port`, without a slash at the end; a path may follow. */
  server: string;
  /** PEM; the system's and Mozilla's roots count when absent. */
  caData?: string;
  /** Name to ask for and to verify the server's certificate against, instead of the one in `server`. */
  tlsServerName?: string;
  /** HTTP proxy on the way to the server. */
  proxyUrl?: string;
  /** Namespace of the chosen context. */
  namespace?: string;
  /**
   * What to authenticate with; cheap to call, as answers are kept for a while.
   *
   * @param renew after a 401: do not answer from memory
   * @throws {ConfigError} when a credential plugin fails or a certificate cannot be used
   */
  credentials(renew: boolean, signal: AbortSignal): Promise<Credentials>;
}

export interface Credentials {
  /** `authorization`, and `impersonate-…` where the kubeconfig asks for it. */
  headers: Readonly<Record<string, string>>;
  /** PEM texts. */
  clientCertificate?: { certificate: string; key: string };
}

export interface KubeconfigSource {
  /** An explicit file; otherwise `$KUBECONFIG`, `~/.kube/config` and the pod's service account are tried in that order. */
  path?: string;
  /** Instead of the file's current context. */
  context?: string;
  /** Name of another user of the file than the context's. */
  user?: string;
  env: Readonly<Record<string, string | undefined>>;
}

/** A configuration whose credentials never change. */
export function staticConfig(
  { token, clientCertificate, ...rest }: Omit<ClusterConfig, "credentials"> & {
    token?: string;
    clientCertificate?: Credentials["clientCertificate"];
  },
): ClusterConfig {
  if (clientCertificate) checkClientCertificate(clientCertificate);
  const credentials: Credentials = { headers: token ? { authorization: `Bearer ${token}` } : {}, clientCertificate };
  return { ...rest, credentials: () => Promise.resolve(credentials) };
}

/**
 * Finds a kubeconfig as kubectl does, credential plugins included; only for files of the person who runs this program,
 * as they may start other programs. Kubeconfigs from elsewhere go through `parseReceivedKubeconfig`.
 *
 * @throws {ConfigError} naming the file and what is wrong with it
 */
export async function loadKubeconfig(source: KubeconfigSource): Promise<ClusterConfig> {
  const { KubeConfig } = await import("@kubernetes/client-node/dist/config.js");
  const { path, context, user, env } = source;
  const files = path ? [path] : (env.KUBECONFIG?.split(delimiter).filter(Boolean) ?? []);
  const home = env.HOME ?? env.USERPROFILE;
  const config = new KubeConfig();
  let described: string;
  if (files.length > 0) {
    described = `kubeconfig "${files.join(delimiter)}"`;
    await loadFiles(config, KubeConfig, files, !path);
  } else if (home && await exists(join(home, ".kube", "config"))) {
    described = `kubeconfig "${join(home, ".kube", "config")}"`;
    await loadFiles(config, KubeConfig, [join(home, ".kube", "config")], false);
  } else if (env.KUBERNETES_SERVICE_HOST) {
    described = "service account of this pod";
    config.loadFromCluster();
  } else {
    throw new ConfigError("Cannot find a kubeconfig: pass --kubeconfig, set KUBECONFIG, or create ~/.kube/config");
  }
  if (context) config.setCurrentContext(context);
  if (user) replaceUser(config, user, described);
  return await toClusterConfig(config, described);
}

async function loadFiles(config: KubeConfig, Loader: typeof KubeConfig, files: string[], skipMissing: boolean) {
  let loaded = 0;
  for (const file of files) {
    if (skipMissing && !(await exists(file))) continue;
    const one = loaded === 0 ? config : new Loader();
    try {
      one.loadFromFile(file);
    } catch (cause) {
      throw new ConfigError(`Cannot read kubeconfig "${file}"`, { cause });
    }
    if (one !== config) mergeMissing(config, one);
    loaded++;
  }
  if (loaded === 0) throw new ConfigError(`Cannot find a kubeconfig: none of ${files.join(", ")} exists`);
}

function replaceUser(config: KubeConfig, user: string, described: string): void {
  if (!config.getUser(user)) {
    const known = config.getUsers().map((one) => one.name).join(", ") || "none";
    throw new ConfigError(`Cannot use ${described}: user "${user}" does not exist (it has: ${known})`);
  }
  const current = config.getCurrentContext();
  config.contexts = config.contexts.map((one) => one.name === current ? { ...one, user } : one);
}

/** The first file that defines a name wins, as in kubectl. */
function mergeMissing(into: KubeConfig, from: KubeConfig): void {
  const missing = <T extends { name: string }>(known: T[], more: T[]) =>
    more.filter(({ name }) => !known.some((one) => one.name === name));
  into.clusters = [...into.clusters, ...missing(into.clusters, from.clusters)];
  into.users = [...into.users, ...missing(into.users, from.users)];
  into.contexts = [...into.contexts, ...missing(into.contexts, from.contexts)];
  if (!into.currentContext) into.setCurrentContext(from.currentContext);
}

const exists = (path: string) => readFile(path).then(() => true, () => false);

async function toClusterConfig(config: KubeConfig, described: string): Promise<ClusterConfig> {
  const name = config.getCurrentContext();
  if (!name) throw new ConfigError(`Cannot use ${described}: it has no current context; choose one with --context`);
  const context = config.getContextObject(name);
  if (!context) {
    const known = config.getContexts().map((one) => one.name).join(", ") || "none";
    throw new ConfigError(`Cannot use ${described}: context "${name}" does not exist (it has: ${known})`);
  }
  const cluster = config.getCluster(context.cluster);
  if (!cluster?.server) {
    throw new ConfigError(`Cannot use ${described}: cluster "${context.cluster}" has no server`);
  }
  if (cluster.skipTLSVerify) {
    throw new ConfigError(
      `Cannot use ${described}: insecure-skip-tls-verify is not supported; ` +
        `put the server's CA into certificate-authority-data`,
    );
  }
  const user = config.getCurrentUser();
  const fixed = !user?.exec && !user?.authProvider;
  return {
    server: checkServer(cluster.server, described),
    caData: await pemOf(cluster.caFile, cluster.caData, described),
    tlsServerName: cluster.tlsServerName || undefined,
    proxyUrl: cluster.proxyUrl || undefined,
    namespace: context.namespace || undefined,
    credentials: remember(() => resolveCredentials(config, described), fixed ? Infinity : PLUGIN_TTL_MS),
  };
}

/** @throws {ConfigError} when it is no http(s) URL */
export function checkServer(server: string, described: string): string {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol !== "https:" && url?.protocol !== "http:") {
    throw new ConfigError(`Cannot use ${described}: server "${server}" is not a URL that starts with https://`);
  }
  return url.href.replace(/\/+$/, "");
}

async function pemOf(file: string | undefined, base64: string | undefined, described: string) {
  if (base64) return new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  if (!file) return undefined;
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new ConfigError(`Cannot use ${described}: certificate-authority "${file}" cannot be read`, { cause });
  }
}

// Plugins may give no expiry; kubectl keeps such credentials until the first 401, we ask again after a minute as well.
const PLUGIN_TTL_MS = 60_000;

function remember(resolve: () => Promise<Credentials>, ttlMs: number): ClusterConfig["credentials"] {
  let last: { at: number; credentials: Promise<Credentials> } | undefined;
  return (renew) => {
    const now = performance.now();
    if (!last || now - last.at > ttlMs || (renew && now - last.at > 1000)) {
      const credentials = resolve();
      last = { at: now, credentials };
      credentials.catch(() => last = undefined);
    }
    return last.credentials;
  };
}

async function resolveCredentials(config: KubeConfig, described: string): Promise<Credentials> {
  const options: { headers: Record<string, string>; auth?: string | null; cert?: unknown; key?: unknown } = {
    headers: {},
  };
  try {
    await config.applyToHTTPSOptions(options as Parameters<KubeConfig["applyToHTTPSOptions"]>[0]);
  } catch (cause) {
    throw new ConfigError(`Cannot get credentials of ${described}: ${messageOf(cause)}`, { cause });
  }
  const headers = Object.fromEntries(
    Object.entries(options.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  if (options.auth) headers.authorization ??= `Basic ${btoa(options.auth)}`;
  const [certificate, key] = [textOf(options.cert), textOf(options.key)];
  if (!certificate && !key) return { headers };
  if (!certificate || !key) {
    throw new ConfigError(`Cannot use ${described}: a client certificate needs both certificate and key`);
  }
  checkClientCertificate({ certificate, key });
  return { headers, clientCertificate: { certificate, key } };
}

const textOf = (value: unknown): string | undefined =>
  value instanceof Uint8Array ? new TextDecoder().decode(value) : typeof value === "string" ? value : undefined;
