import { clusterId, newSessionId } from "../crds/base62.ts";
import { KLUTCH_NAMESPACE } from "../crds/names.ts";
import type { KubeClient } from "../kube/client.ts";
import { NAMESPACES } from "../kube/resources.ts";
import { isLoopback } from "../oidc/issuer_fetch.ts";
import type { ProgramContext } from "../program.ts";
import { type AppClusterFlags, openAppCluster } from "./app_cluster.ts";
import { bindRequests } from "./bind_requests.ts";
import type { BoundIdentity } from "./binding_response.ts";
import { openBrowser } from "./browser.ts";
import type { KonnectorChoice } from "./deploy_konnector.ts";
import { readCertificates } from "./download.ts";
import { describeDryRun } from "./dry_run.ts";
import { loginUrl, openLogin } from "./login.ts";
import { formatRequests, type Output, probeSecretFile, questionsTo } from "./output.ts";
import { createExchange } from "./one_time_code.ts";
import type { ClaimPolicy } from "./permission_prompt.ts";
import { printBindings } from "./print_bindings.ts";
import { fetchProviderInfo, type ProviderInfo } from "./provider_info.ts";
import { qrCode } from "./qr_code.ts";
import { ensureNamespace } from "./secret.ts";
import { TakeBack } from "./take_back.ts";
import { createTerminal, LineReader, type Terminal } from "./terminal.ts";
import { logInByToken, type TokenSource } from "./token_login.ts";

export interface BindOptions {
  /** Of the provider's export page. */
  url: URL;
  /** Log in and print the requests; nothing is bound. */
  dryRun: boolean;
  login: { kind: "browser"; opens: boolean } | { kind: "token"; source: TokenSource; apis: string[] };
  claims: ClaimPolicy;
  konnector: KonnectorChoice;
  waitTimeoutMs: number;
  output?: Output;
  /** Where to write the Secret as a manifest. */
  secretFile?: string;
  /** File with authorities to trust when talking to the provider's web pages. */
  providerCaFile?: string;
  appCluster: AppClusterFlags;
}

/** `klutch bind URL`: from a provider's URL to a bound API. */
export async function runBind(options: BindOptions, context: ProgramContext): Promise<void> {
  const { url, dryRun, konnector, claims, waitTimeoutMs, output, secretFile } = options;
  const { signal } = context;
  if (secretFile) await probeSecretFile(secretFile);
  const terminal = createTerminal(context, new LineReader(() => context.stdin), questionsTo(output));
  using appCluster = await openAppCluster(options.appCluster, context);
  const certificates = options.providerCaFile ? await readCertificates(options.providerCaFile) : undefined;
  const provider = await fetchProviderInfo(url, { certificates }, signal);

  await using takeBack = new TakeBack(terminal);
  const work = { appCluster, terminal, takeBack, konnector, claims, waitTimeoutMs };
  const ids = { sessionId: newSessionId(), clusterId: await identify(options, { ...work, provider }, signal) };
  const answer = await logIn(options, ids, { context, provider, certificates, terminal });
  terminal.say(`🔑 Successfully authenticated to ${url.href}`);
  if (dryRun) {
    for (const line of await describeDryRun(appCluster, answer.requests, konnector, signal)) terminal.say(line);
    terminal.print(await formatRequests(answer.requests, output));
    takeBack.keep();
  } else {
    const userAgent = `kubectl-klutch/${context.version}`;
    const bindings = await bindRequests({ ...work, userAgent }, answer.kubeconfig!, answer.requests, signal);
    takeBack.keep();
    await printBindings(bindings, options, work, signal);
  }
}

interface IdentifyDeps {
  appCluster: KubeClient;
  terminal: Terminal;
  takeBack: TakeBack;
  provider: ProviderInfo;
}

/** Names this cluster towards the provider, by the uid of our namespace. */
async function identify(
  { dryRun, login }: BindOptions,
  { appCluster, terminal, takeBack, provider }: IdentifyDeps,
  signal: AbortSignal,
): Promise<string> {
  if (dryRun && (provider.responseUrl || login.kind === "token")) {
    const namespace = await appCluster.api(NAMESPACES).find({ name: KLUTCH_NAMESPACE }, signal);
    return namespace ? clusterId(namespace.metadata.uid!) : newSessionId(); // the provider makes nothing either
  }
  const { namespace, created } = await ensureNamespace(appCluster, takeBack, signal);
  if (created) terminal.say(`📦 Created ${KLUTCH_NAMESPACE} namespace.`);
  return clusterId(namespace.metadata.uid!);
}

interface Ids {
  sessionId: string;
  clusterId: string;
}

interface LoginDeps {
  context: ProgramContext;
  provider: ProviderInfo;
  /** Trusted when talking to the provider. */
  certificates?: string;
  terminal: Terminal;
}

async function logIn({ login, dryRun }: BindOptions, ids: Ids, deps: LoginDeps): Promise<BoundIdentity> {
  if (login.kind === "browser") return await logInByBrowser({ ...ids, isDryRun: dryRun, opens: login.opens }, deps);
  const { sessionId: sessionID, clusterId: clusterID } = ids;
  const wanted = { sessionID, clusterID, apis: login.apis, ...(dryRun && { dryRun }) };
  return await logInByToken(login.source, wanted, deps, deps.context.signal);
}

async function logInByBrowser(
  { sessionId, clusterId, isDryRun, opens }: Ids & { isDryRun: boolean; opens: boolean },
  { context, provider, certificates, terminal }: LoginDeps,
): Promise<BoundIdentity> {
  const { signal } = context;
  const { responseUrl } = provider;
  const exchange = responseUrl && await createExchange(responseUrl, { certificates, isDryRun }, signal);
  const next = isDryRun ? undefined : provider.clustersUrl && new URL(provider.clustersUrl);
  next?.searchParams.set("s", sessionId);
  const onUseless = (why: string) => terminal.say(`⚠️ ${why}`);
  await using login = openLogin({ sessionId, isDryRun, redeem: exchange?.redeem, next, onUseless });
  const query = { port: login.port, sessionId, clusterId };
  const url = loginUrl(provider.loginUrl, { ...query, codeChallenge: exchange?.codeChallenge });
  terminal.say(`\n\n\nTo authenticate, visit in your browser:\n\n\t${url.href}\n`);
  if (terminal.isLive) terminal.say(qrCode(url.href));
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    terminal.say("⚠️ That page is not encrypted: whoever is on the way can read the credentials.");
  }
  if (opens) await openBrowser(url, context);
  return await login.answer(signal);
}
