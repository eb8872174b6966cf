import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { KLUTCH_NAMESPACE } from "../crds/names.ts";
import { KubeClient } from "../kube/client.ts";
import { SECRETS } from "../kube/resources.ts";
import {
  type BindingApi,
  ensureBinding,
  findBindingApi,
  findExistingBindings,
  resourcesOf,
  secretNamesOf,
  waitUntilReady,
  type WantedBinding,
} from "./api_service_binding.ts";
import { deployKonnector, type KonnectorChoice, waitForBindingApi } from "./deploy_konnector.ts";
import { type ExportRequest, requestExports } from "./export_requests.ts";
import { answerClaims } from "./permission_prompt.ts";
import { describeProvider, type ReceivedKubeconfig } from "./remote_kubeconfig.ts";
import { ensureNamespace, findKubeconfigSecret, isBroken, storeKubeconfig } from "./secret.ts";
import { extendRights } from "./konnector/extend_rights.ts";
import type { Terminal } from "./terminal.ts";

export interface BindDeps {
  appCluster: KubeClient;
  terminal: Terminal;
  konnector: KonnectorChoice;
  /** How long to wait for the konnector, and then for each binding to become Ready; 0 does not wait for the latter. */
  waitTimeoutMs: number;
  userAgent: string;
}

/**
 * Binds what the requests ask for, with the rights of this kubeconfig. Everything that can be refused is found out
 * before the app cluster is changed: bindings of other providers, the person's answers, the provider's answer.
 */
export async function bindRequests(
  deps: BindDeps,
  kubeconfig: ReceivedKubeconfig,
  requests: readonly ExportRequest[],
  signal: AbortSignal,
): Promise<APIServiceBinding[]> {
  const { appCluster, terminal, waitTimeoutMs } = deps;
  const decision = await decide(deps, kubeconfig, requests, signal);

  using provider = new KubeClient(kubeconfig.config, { side: "provider", userAgent: deps.userAgent });
  for (const request of requests) await requestExports(provider, kubeconfig.namespace, request, {}, signal);

  await deployKonnector(appCluster, deps.konnector, terminal, { timeoutMs: waitTimeoutMs }, signal);
  const api = await waitForBindingApi(appCluster, terminal, { timeoutMs: waitTimeoutMs }, signal);

  const bindings = await createBindings(deps, api, kubeconfig, decision, signal);
  if (waitTimeoutMs === 0) return bindings;
  const ready: APIServiceBinding[] = [];
  for (const { metadata: { name } } of bindings) {
    terminal.say(`   Waiting for APIServiceBinding ${name} to become Ready`);
    ready.push(await waitUntilReady(api, name, waitTimeoutMs, signal));
    terminal.say(`✅ APIServiceBinding ${name} is Ready: this cluster now serves ${name}.`);
  }
  return ready;
}

interface Decision {
  wanted: WantedBinding[];
  /** Name of the Secret that bindings already refer to, although it leads nowhere: it is to be mended. */
  brokenSecret?: string;
}

/** What to bind, with the person's answers about claims; of bindings that exist nothing is asked again. */
async function decide(
  { appCluster, terminal }: BindDeps,
  kubeconfig: ReceivedKubeconfig,
  requests: readonly ExportRequest[],
  signal: AbortSignal,
): Promise<Decision> {
  const resources = new Map(resourcesOf(requests).map((resource) => [resource.name, resource]));
  const secret = await findKubeconfigSecret(appCluster, kubeconfig, signal);
  const api = await findBindingApi(appCluster, signal);
  const names = [...resources.keys()];
  let brokenSecret: string | undefined;
  for (const name of secret ? [] : await secretNamesOf(api, names, signal)) {
    if (await isBroken(appCluster, name, signal)) brokenSecret = name;
  }
  const existing = await findExistingBindings(api, names, secret?.metadata.name ?? brokenSecret, signal);
  const wanted: WantedBinding[] = [];
  for (const { name, claims } of resources.values()) {
    wanted.push({ name, claims: existing.has(name) ? [] : await answerClaims(claims, terminal, signal) });
  }
  return { wanted, brokenSecret };
}

async function createBindings(
  { appCluster, terminal }: BindDeps,
  api: BindingApi,
  kubeconfig: ReceivedKubeconfig,
  { wanted, brokenSecret }: Decision,
  signal: AbortSignal,
): Promise<APIServiceBinding[]> {
  const { created } = await ensureNamespace(appCluster, signal);
  if (created) terminal.say(`📦 Created ${KLUTCH_NAMESPACE} namespace.`);
  const { name: secretName, change } = await storeKubeconfig(appCluster, kubeconfig, brokenSecret, signal);
  if (change !== "none") {
    const done = change === "created" ? "Created" : "Updated";
    terminal.say(`🔒 ${done} secret ${KLUTCH_NAMESPACE}/${secretName} for ${describeProvider(kubeconfig)}`);
  }
  const bindings: APIServiceBinding[] = [];
  try {
    await extendRights(appCluster, wanted.map((one) => ({ ...one, secretName })), signal);
    for (const one of wanted) bindings.push(await ensureBinding(api, one, secretName, terminal, signal));
  } catch (error) {
    // Credentials that no binding uses are not left lying around.
    if (change === "created" && bindings.length === 0) await removeSecret(appCluster, secretName);
    throw error;
  }
  return bindings;
}

async function removeSecret(appCluster: KubeClient, name: string): Promise<void> {
  const key = { namespace: KLUTCH_NAMESPACE, name };
  // The failure that led here is the one to report; the signal may have fired, so this has a deadline of its own.
  await appCluster.api(SECRETS).delete(key, {}, AbortSignal.timeout(5000)).catch(() => {});
}
