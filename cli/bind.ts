import { clusterId, newSessionId } from "../crds/base62.ts";
import { KLUTCH_NAMESPACE } from "../crds/names.ts";
import type { ProgramContext } from "../program.ts";
import { type AppClusterFlags, openAppCluster } from "./app_cluster.ts";
import { bindRequests } from "./bind_requests.ts";
import type { BoundIdentity } from "./binding_response.ts";
import { openBrowser } from "./browser.ts";
import type { KonnectorChoice } from "./deploy_konnector.ts";
import { readCertificates } from "./download.ts";
import { namesOf } from "./export_requests.ts";
import { loginUrl, openLogin } from "./login.ts";
import { formatBindings, formatRequests, type Output, questionsTo } from "./output.ts";
import { describeProvider } from "./remote_kubeconfig.ts";
import { createExchange } from "./one_time_code.ts";
import { fetchProviderInfo, type ProviderInfo } from "./provider_info.ts";
import { ensureNamespace } from "./secret.ts";
import { createTerminal, LineReader, type Terminal } from "./terminal.ts";

export interface BindOptions {
  /** Of the provider's export page. */
  url: URL;
  /** Log in and print the requests; nothing is bound. */
  dryRun: boolean;
  browser: boolean;
  konnector: KonnectorChoice;
  waitTimeoutMs: number;
  output?: Output;
  showManagedFields: boolean;
  /** File with authorities to trust when talking to the provider's web pages. */
  providerCaFile?: string;
  appCluster: AppClusterFlags;
}

/** `klutch bind URL`: from a provider's URL to a bound API. */
export async function runBind(options: BindOptions, context: ProgramContext): Promise<void> {
  const { url, output } = options;
  const { signal } = context;
  const terminal = createTerminal(context, new LineReader(() => context.stdin), questionsTo(output));
  using appCluster = await openAppCluster(options.appCluster, context);
  const certificates = options.providerCaFile ? await readCertificates(options.providerCaFile) : undefined;
  const provider = await fetchProviderInfo(url, { certificates }, signal);

  // Also for a dry run: the namespace's uid names this cluster towards the provider.
  const { namespace, created } = await ensureNamespace(appCluster, signal);
  if (created) terminal.say(`📦 Created ${KLUTCH_NAMESPACE} namespace.`);

  const deps = { context, provider, certificates, terminal };
  const { kubeconfig, requests } = await logIn(options, deps, namespace.metadata.uid!);
  terminal.say(`🔑 Successfully authenticated to ${url.href}`);
  if (options.dryRun) {
    const names = requests.map(namesOf).join(", ");
    terminal.say(`ℹ️ Dry run: would bind ${names} of ${describeProvider(kubeconfig)}.`);
    return terminal.print(await formatRequests(requests, output));
  }
  const { konnector, waitTimeoutMs } = options;
  const userAgent = `kubectl-klutch/${context.version}`;
  const work = { appCluster, terminal, konnector, waitTimeoutMs, userAgent };
  const bindings = await bindRequests(work, kubeconfig, requests, signal);
  terminal.print(await formatBindings(appCluster, bindings, options, signal));
}

interface LoginDeps {
  context: ProgramContext;
  provider: ProviderInfo;
  /** Trusted when talking to the provider. */
  certificates?: string;
  terminal: Terminal;
}

async function logIn(
  { browser }: BindOptions,
  { context, provider, certificates, terminal }: LoginDeps,
  namespaceUid: string,
): Promise<BoundIdentity> {
  const sessionId = newSessionId();
  const exchange = provider.responseUrl && await createExchange(provider.responseUrl, { certificates }, context.signal);
  const next = provider.clustersUrl && new URL(provider.clustersUrl);
  next?.searchParams.set("s", sessionId);
  const onUseless = (why: string) => terminal.say(`⚠️ ${why}`);
  await using login = openLogin({ sessionId, redeem: exchange?.redeem, next, onUseless });
  const query = { port: login.port, sessionId, clusterId: clusterId(namespaceUid) };
  const url = loginUrl(provider.loginUrl, { ...query, codeChallenge: exchange?.codeChallenge });
  terminal.say(`\n\n\nTo authenticate, visit in your browser:\n\n\t${url.href}\n`);
  if (isExposed(url)) terminal.say("⚠️ That page is not encrypted: whoever is on the way can read the credentials.");
  if (browser) await openBrowser(url, context);
  return await login.answer(context.signal);
}

/** Plain HTTP to another machine. */
const isExposed = ({ protocol, hostname }: URL): boolean =>
  protocol === "http:" && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
