import { readFile } from "node:fs/promises";
import { isIPv6 } from "node:net";
import { delimiter, join } from "node:path";
import { ConfigError } from "./errors.ts";
import { deepEqual } from "./json.ts";
import { KubeconfigEntry } from "./kubeconfig_entry.ts";
import { type Kubeconfig, readKubeconfigFiles } from "./kubeconfig_file.ts";
import { userCredentials } from "./user_credentials.ts";
import { checkAuthority, checkClientCertificate } from "./x509.ts";

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

/** Whether both are reached in the same way, with whatever credentials. */
export const leadToSamePlace = (
  { credentials: _, ...one }: ClusterConfig,
  { credentials: __, ...other }: ClusterConfig,
): boolean => deepEqual(one, other);

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
  /** Instead of the context's user. */
  user?: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Where Kubernetes puts a pod's service account. */
  serviceAccountDirectory?: string;
}

/** A configuration whose credentials never change. */
export function staticConfig(
  { token, clientCertificate, ...rest }: Omit<ClusterConfig, "credentials"> & {
    token?: string;
    clientCertificate?: Credentials["clientCertificate"];
  },
  described = "the cluster",
): ClusterConfig {
  if (clientCertificate) checkClientCertificate(clientCertificate, described);
  if (rest.caData) checkAuthority(rest.caData, described);
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
  const { path, env } = source;
  if (path) return toClusterConfig(await readKubeconfigFiles([path], false), source);
  const files = env.KUBECONFIG?.split(delimiter).filter(Boolean) ?? [];
  if (files.length > 0) return toClusterConfig(await readKubeconfigFiles(files, true), source);
  const home = env.HOME ?? env.USERPROFILE;
  const usual = home && join(home, ".kube", "config");
  if (usual && await isReadable(usual)) return toClusterConfig(await readKubeconfigFiles([usual], false), source);
  if (env.KUBERNETES_SERVICE_HOST) return await podConfig(source);
  throw new ConfigError("Cannot find a kubeconfig: pass --kubeconfig, set KUBECONFIG, or create ~/.kube/config");
}

const isReadable = (path: string) => readFile(path).then(() => true, () => false);

async function toClusterConfig(kubeconfig: Kubeconfig, source: KubeconfigSource): Promise<ClusterConfig> {
  const { described } = kubeconfig;
  const refuse = (why: string) => new ConfigError(`Cannot use ${described}: ${why}`);
  const find = (kind: string, entries: Map<string, KubeconfigEntry>, name: string) => {
    const entry = entries.get(name);
    if (entry) return entry;
    throw refuse(`${kind} "${name}" does not exist (it has: ${[...entries.keys()].join(", ") || "none"})`);
  };
  const name = source.context ?? kubeconfig.currentContext;
  if (!name) throw refuse("it has no current context; choose one with --context");
  const context = find("context", kubeconfig.contexts, name);
  const clusterName = context.text("cluster");
  if (!clusterName) throw context.refuse("it names no cluster");
  const cluster = find("cluster", kubeconfig.clusters, clusterName);
  const server = cluster.text("server");
  if (!server) throw cluster.refuse("it has no server");
  if (cluster.fields["insecure-skip-tls-verify"] === true) {
    throw cluster.refuse(
      "insecure-skip-tls-verify is not supported; put the server's CA into certificate-authority-data",
    );
  }
  const tlsServerName = cluster.text("tls-server-name");
  if (tlsServerName) checkTlsServerName(tlsServerName, cluster.described);
  const userName = source.user ?? context.text("user");
  const user = userName ? find("user", kubeconfig.users, userName) : new KubeconfigEntry({}, `${described}: no user`);
  return {
    server: checkServer(server, cluster.described),
    caData: await authorityOf(cluster),
    tlsServerName,
    proxyUrl: cluster.text("proxy-url"),
    namespace: context.text("namespace"),
    credentials: userCredentials({ user, cluster: cluster.fields, env: source.env }),
  };
}

async function authorityOf(cluster: KubeconfigEntry): Promise<string | undefined> {
  const path = cluster.text("certificate-authority");
  const caData = cluster.pem("certificate-authority-data") ?? (path && await readAuthority(path, cluster));
  if (caData) checkAuthority(caData, cluster.described);
  return caData || undefined;
}

async function readAuthority(path: string, cluster: Pick<KubeconfigEntry, "refuse">): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw cluster.refuse(`certificate-authority "${path}" cannot be read`, { cause });
  }
}

/** As the service account of the pod this runs in. */
async function podConfig(source: KubeconfigSource): Promise<ClusterConfig> {
  const { env, serviceAccountDirectory: directory = "/var/run/secrets/kubernetes.io/serviceaccount" } = source;
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "443" } = env;
  const described = "the service account of this pod";
  const user = new KubeconfigEntry({ tokenFile: join(directory, "token") }, described);
  const caData = await readAuthority(join(directory, "ca.crt"), user);
  checkAuthority(caData, described);
  const namespace = await readFile(join(directory, "namespace"), "utf8").catch(() => "");
  return {
    server: checkServer(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`, described),
    caData,
    namespace: namespace.trim() || undefined,
    credentials: userCredentials({ user, cluster: {}, env }),
  };
}

/** @throws {ConfigError} when it is no http(s) URL, or carries more than host, port and path */
export function checkServer(server: string, described: string): string {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol !== "https:" && url?.protocol !== "http:") {
    throw new ConfigError(`Cannot use ${described}: server "${server}" is not a URL that starts with https://`);
  }
  if (url.username || url.password || url.search || url.hash) {
    throw new ConfigError(`Cannot use ${described}: the server's URL may hold nothing but host, port and path`);
  }
  return url.href.replace(/\/+$/, "");
}

/** @throws {ConfigError} when it cannot stand in a certificate or in SNI */
export function checkTlsServerName(name: string, described: string): void {
  const url = URL.canParse(`https://${name}/`) ? new URL(`https://${name}/`) : undefined;
  if (url?.hostname !== name.toLowerCase() || url.host !== url.hostname) {
    throw new ConfigError(`Cannot use ${described}: tls-server-name "${name}" is not a host name`);
  }
}
