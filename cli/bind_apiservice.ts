import { readFile } from "node:fs/promises";
import type { KubeClient } from "../kube/client.ts";
import { type Secret, SECRETS } from "../kube/resources.ts";
import type { ProgramContext } from "../program.ts";
import { type AppClusterFlags, openAppCluster } from "./app_cluster.ts";
import { bindRequests } from "./bind_requests.ts";
import type { KonnectorChoice } from "./deploy_konnector.ts";
import type { ClaimPolicy } from "./permission_prompt.ts";
import { printBindings } from "./print_bindings.ts";
import { TakeBack } from "./take_back.ts";
import { download, readCertificates } from "./download.ts";
import { type ExportRequest, readExportRequest } from "./export_requests.ts";
import { type Output, probeSecretFile, questionsTo } from "./output.ts";
import { readReceivedKubeconfig, type ReceivedKubeconfig } from "./remote_kubeconfig.ts";
import { kubeconfigIn } from "./secret.ts";
import { createTerminal, LineReader } from "./terminal.ts";

export interface BindApiServiceOptions {
  /** Where the APIServiceExportRequest comes from. */
  manifest: { url: URL } | { path: string } | "stdin";
  /** Where the provider's kubeconfig comes from. */
  remoteKubeconfig: { path: string } | { namespace: string; name: string };
  /** Instead of the namespace in that kubeconfig. */
  remoteNamespace?: string;
  konnector: KonnectorChoice;
  waitTimeoutMs: number;
  claims: ClaimPolicy;
  output?: Output;
  /** Where to write the Secret as a manifest. */
  secretFile?: string;
  providerCaFile?: string;
  appCluster: AppClusterFlags;
}

/** `klutch bind apiservice`: binds what a manifest asks for, with a kubeconfig from an earlier login. */
export async function runBindApiService(options: BindApiServiceOptions, context: ProgramContext): Promise<void> {
  const { output, konnector, claims, waitTimeoutMs, secretFile } = options;
  const { signal } = context;
  if (secretFile) await probeSecretFile(secretFile);
  const lines = new LineReader(() => context.stdin);
  const terminal = createTerminal(context, lines, questionsTo(output));
  using appCluster = await openAppCluster(options.appCluster, context);
  const kubeconfig = await readRemoteKubeconfig(appCluster, options, signal);
  const request = await readManifest(options, lines, signal);
  await using takeBack = new TakeBack(terminal);
  const userAgent = `kubectl-klutch/${context.version}`;
  const deps = { appCluster, terminal, takeBack, konnector, claims, waitTimeoutMs, userAgent };
  const bindings = await bindRequests(deps, kubeconfig, [request], signal);
  takeBack.keep();
  terminal.say("");
  await printBindings(bindings, options, deps, signal);
}

async function readRemoteKubeconfig(
  appCluster: KubeClient,
  { remoteKubeconfig, remoteNamespace }: BindApiServiceOptions,
  signal: AbortSignal,
): Promise<ReceivedKubeconfig> {
  if ("path" in remoteKubeconfig) {
    return readReceivedKubeconfig(await readText(remoteKubeconfig.path), remoteNamespace);
  }
  const secret = await appCluster.api<Secret>(SECRETS).get(remoteKubeconfig, signal);
  const text = kubeconfigIn(secret);
  if (!text) {
    const { namespace, name } = remoteKubeconfig;
    throw new Error(`Cannot bind: secret ${namespace}/${name} does not contain a kubeconfig`);
  }
  return readReceivedKubeconfig(text, remoteNamespace);
}

async function readManifest(
  { manifest, providerCaFile }: BindApiServiceOptions,
  lines: LineReader,
  signal: AbortSignal,
): Promise<ExportRequest> {
  if (manifest === "stdin") return await readExportRequest(await lines.rest(signal));
  if ("path" in manifest) return await readExportRequest(await readText(manifest.path));
  const certificates = providerCaFile ? await readCertificates(providerCaFile) : undefined;
  const what = "an APIServiceExportRequest manifest";
  return await readExportRequest(
    await download(
      manifest.url,
      { what, accept: "application/yaml, application/json, text/plain", certificates },
      signal,
    ),
  );
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new Error(`failed to read file ${path}`, { cause });
  }
}
