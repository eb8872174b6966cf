import { readFile } from "node:fs/promises";
import { KubeClient } from "../kube/client.ts";
import { ConfigError } from "../kube/errors.ts";
import {
  checkServer,
  checkTlsServerName,
  type ClusterConfig,
  type Credentials,
  loadKubeconfig,
} from "../kube/kubeconfig.ts";
import { KubeconfigEntry } from "../kube/kubeconfig_entry.ts";
import { basic } from "../kube/user_credentials.ts";
import { checkAuthority } from "../kube/x509.ts";
import { type ProgramContext, UsageError } from "../program.ts";

/** Flags that say which cluster is meant, and how to get there; those of kubectl. */
export interface AppClusterFlags {
  kubeconfig?: string;
  context?: string;
  user?: string;
  server?: string;
  certificateAuthority?: string;
  insecureSkipTlsVerify?: boolean;
  tlsServerName?: string;
  proxyUrl?: string;
  token?: string;
  username?: string;
  password?: string;
  asUid?: string;
}

/**
 * A client of the cluster that these flags and the kubeconfig name.
 *
 * @throws {UsageError} for flags that cannot be honoured
 * @throws {ConfigError} for a kubeconfig that cannot be used
 */
export async function openAppCluster(
  flags: AppClusterFlags,
  { env, version }: Pick<ProgramContext, "env" | "version">,
): Promise<KubeClient> {
  return clientOf(await appClusterConfig(flags, env), { version });
}

/** A client of the app cluster that is known already. */
export const clientOf = (config: ClusterConfig, { version }: Pick<ProgramContext, "version">): KubeClient =>
  new KubeClient(config, { side: "app cluster", userAgent: `kubectl-klutch/${version}` });

/**
 * The kubeconfig's view of the cluster with the flags on top.
 *
 * @throws {UsageError} for flags that cannot be honoured
 * @throws {ConfigError} for a kubeconfig that cannot be used
 */
export async function appClusterConfig(flags: AppClusterFlags, env: ProgramContext["env"]): Promise<ClusterConfig> {
  const own = await readFlags(flags).catch((error) => {
    throw error instanceof ConfigError ? new UsageError(error.message, { cause: error }) : error;
  });
  const config = await loadKubeconfig({ path: flags.kubeconfig, context: flags.context, user: flags.user, env });
  const credentials: ClusterConfig["credentials"] = async (renew, signal) =>
    withUid(own.credentials ?? await config.credentials(renew, signal), own.uid);
  return { ...config, ...own.connection, credentials };
}

interface OwnConfig {
  connection: Partial<ClusterConfig>;
  /** They replace those of the kubeconfig: no plugin runs, no certificate is shown. */
  credentials?: Credentials;
  uid?: string;
}

/** What is said on the command line, held to what holds for a kubeconfig. */
async function readFlags(flags: AppClusterFlags): Promise<OwnConfig> {
  const entry = new KubeconfigEntry({
    "--server": flags.server,
    "--certificate-authority": flags.certificateAuthority,
    "--tls-server-name": flags.tlsServerName,
    "--proxy-url": flags.proxyUrl,
    "--token": flags.token,
    "--username": flags.username,
    "--password": flags.password,
    "--as-uid": flags.asUid,
  }, "the command line");
  if (flags.insecureSkipTlsVerify) {
    throw new UsageError(
      "--insecure-skip-tls-verify is not supported: give the server's CA with --certificate-authority",
    );
  }
  const server = entry.text("--server");
  const caFile = entry.text("--certificate-authority");
  const tlsServerName = entry.text("--tls-server-name");
  if (tlsServerName) checkTlsServerName(tlsServerName, "--tls-server-name");
  const proxyUrl = entry.text("--proxy-url");
  if (proxyUrl) checkProxy(proxyUrl, entry);
  return {
    connection: {
      ...(server && { server: checkServer(server, "--server") }),
      ...(caFile && { caData: await readCa(caFile) }),
      ...(tlsServerName && { tlsServerName }),
      ...(proxyUrl && { proxyUrl }),
    },
    credentials: credentialsOf(entry),
    uid: entry.headerText("--as-uid"),
  };
}

async function readCa(path: string): Promise<string> {
  let caData: string;
  try {
    caData = await readFile(path, "utf8");
  } catch (cause) {
    throw new UsageError(`cannot read --certificate-authority '${path}'`, { cause });
  }
  checkAuthority(caData, "--certificate-authority");
  return caData;
}

function checkProxy(url: string, entry: KubeconfigEntry): void {
  try {
    Deno.createHttpClient({ proxy: { url } }).close();
  } catch (cause) {
    throw entry.refuse('"--proxy-url" is not the URL of a proxy', { cause });
  }
}

function credentialsOf(entry: KubeconfigEntry): Credentials | undefined {
  const token = entry.headerText("--token");
  if (token) return { headers: { authorization: `Bearer ${token}` } };
  const [username, password] = [entry.text("--username"), entry.text("--password")];
  if (username === undefined && password === undefined) return undefined;
  return { headers: { authorization: basic(username ?? "", password ?? "") } };
}

const withUid = (credentials: Credentials, uid: string | undefined): Credentials =>
  uid ? { ...credentials, headers: { ...credentials.headers, "impersonate-uid": uid } } : credentials;
