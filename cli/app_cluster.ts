import { readFile } from "node:fs/promises";
import { KubeClient } from "../kube/client.ts";
import { checkServer, type ClusterConfig, type Credentials, loadKubeconfig } from "../kube/kubeconfig.ts";
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

/** The kubeconfig's view of the cluster with the flags on top. */
export async function appClusterConfig(flags: AppClusterFlags, env: ProgramContext["env"]): Promise<ClusterConfig> {
  if (flags.insecureSkipTlsVerify) {
    throw new UsageError(
      "--insecure-skip-tls-verify is not supported: give the server's CA with --certificate-authority",
    );
  }
  const own = ownCredentials(flags);
  const config = await loadKubeconfig({ path: flags.kubeconfig, context: flags.context, user: flags.user, env });
  return {
    ...config,
    ...(flags.server && { server: checkServer(flags.server, "--server") }),
    ...(flags.certificateAuthority && { caData: await readCa(flags.certificateAuthority) }),
    ...(flags.tlsServerName && { tlsServerName: flags.tlsServerName }),
    ...(flags.proxyUrl && { proxyUrl: flags.proxyUrl }),
    credentials: async (renew, signal) => withUid(own ?? await config.credentials(renew, signal), flags.asUid),
  };
}

async function readCa(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new UsageError(`cannot read --certificate-authority '${path}'`, { cause });
  }
}

/** Given on the command line, credentials replace those of the kubeconfig: no plugin runs, no certificate is shown. */
function ownCredentials({ token, username, password }: AppClusterFlags): Credentials | undefined {
  if (token) return { headers: { authorization: `Bearer ${token}` } };
  if (username === undefined && password === undefined) return undefined;
  return { headers: { authorization: `Basic ${btoa(`${username ?? ""}:${password ?? ""}`)}` } };
}

function withUid(credentials: Credentials, uid: string | undefined): Credentials {
  return uid ? { ...credentials, headers: { ...credentials.headers, "impersonate-uid": uid } } : credentials;
}
