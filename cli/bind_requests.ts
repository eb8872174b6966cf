import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { KLUTCH_NAMESPACE } from "../crds/names.ts";
import { KubeClient } from "../kube/client.ts";
import { isForbidden } from "../kube/errors.ts";
import { CUSTOM_RESOURCE_DEFINITIONS } from "../kube/resources.ts";
import {
  type BindingApi,
  checkProvider,
  describeProgress,
  ensureBinding,
  findBindingApi,
  findBindings,
  type MakeBinding,
  resourcesOf,
  waitUntilReady,
  type WantedBinding,
} from "./api_service_binding.ts";
import { Checklist } from "./checklist.ts";
import { deployKonnector, type KonnectorChoice, waitForBindingApi } from "./deploy_konnector.ts";
import { type ExportRequest, requestExports } from "./export_requests.ts";
import { answerClaims, checkPolicy, type ClaimPolicy } from "./permission_prompt.ts";
import { describeProvider, type ReceivedKubeconfig } from "./remote_kubeconfig.ts";
import { ensureNamespace, findKubeconfigSecret, isBroken, storeKubeconfig } from "./secret.ts";
import { describeAbsent, RIGHTS_HIDDEN, updateRights } from "./konnector/update_rights.ts";
import type { TakeBack } from "./take_back.ts";
import { takeBackBinding } from "./take_back_binding.ts";
import type { Terminal } from "./terminal.ts";
import { WaitTimeoutError } from "./wait.ts";

export interface BindDeps {
  appCluster: KubeClient;
  terminal: Terminal;
  /** Told of all that is made. */
  takeBack: TakeBack;
  claims: ClaimPolicy;
  konnector: KonnectorChoice;
  /** How long to wait for the konnector, and then for each binding to become Ready; 0 does not wait for the latter. */
  waitTimeoutMs: number;
  userAgent: string;
}

/**
 * Binds what the requests ask for, with the rights of this kubeconfig. Everything that can be refused is found out
 * before the app cluster is changed: bindings of other providers, the answers about claims, the provider's answer.
 *
 * @throws {WaitTimeoutError} when not all is Ready in time; what was made stays then, as it may still become so
 */
export async function bindRequests(
  deps: BindDeps,
  kubeconfig: ReceivedKubeconfig,
  requests: readonly ExportRequest[],
  signal: AbortSignal,
): Promise<APIServiceBinding[]> {
  const { appCluster, terminal, takeBack, waitTimeoutMs: timeoutMs } = deps;
  const decision = await decide(deps, kubeconfig, requests, signal);

  const access = { side: "provider", userAgent: deps.userAgent };
  const provider = takeBack.use(new KubeClient(kubeconfig.config, access));
  for (const request of requests) await requestExports(provider, kubeconfig.namespace, request, { takeBack }, signal);

  const { created } = await ensureNamespace(appCluster, takeBack, signal);
  if (created) terminal.say(`📦 Created ${KLUTCH_NAMESPACE} namespace.`);
  await deployKonnector(appCluster, deps.konnector, terminal, { timeoutMs, takeBack }, signal);
  const api = await waitForBindingApi(appCluster, terminal, { timeoutMs }, signal);
  const bindings = await createBindings(deps, api, kubeconfig, decision, signal);
  return timeoutMs === 0 ? bindings : await untilReady(deps, api, bindings, signal);
}

async function untilReady(
  { terminal, takeBack, waitTimeoutMs: timeoutMs }: BindDeps,
  api: BindingApi,
  bindings: readonly APIServiceBinding[],
  signal: AbortSignal,
): Promise<APIServiceBinding[]> {
  const names = bindings.map(({ metadata }) => metadata.name);
  const checklist = new Checklist(terminal);
  const onState = (name: string, binding: APIServiceBinding) => checklist.set(name, describeProgress(name, binding));
  try {
    return await waitUntilReady(api, names, { timeoutMs, onState }, signal);
  } catch (error) {
    if (error instanceof WaitTimeoutError) {
      takeBack.keep();
      terminal.say("What was made stays: it may still become Ready, and bind can be run again to wait for that.");
    }
    throw error;
  }
}

interface Decision {
  wanted: WantedBinding[];
  /** Name of the Secret that bindings already refer to, although it leads nowhere: it is to be mended. */
  brokenSecret?: string;
}

/** What to bind, with the person's answers about claims; of bindings that exist nothing is asked again. */
async function decide(
  { appCluster, terminal, claims: policy }: BindDeps,
  kubeconfig: ReceivedKubeconfig,
  requests: readonly ExportRequest[],
  signal: AbortSignal,
): Promise<Decision> {
  const resources = new Map(resourcesOf(requests).map((resource) => [resource.name, resource]));
  const api = await findBindingApi(appCluster, signal);
  const existing = await findBindings(api, [...resources.keys()], signal);
  const secret = await findKubeconfigSecret(appCluster, kubeconfig, signal);
  const brokenSecret = secret ? undefined : await brokenSecretOf(appCluster, existing, signal);
  for (const binding of existing) checkProvider(binding, secret?.metadata.name ?? brokenSecret);

  checkPolicy(policy, [...resources.values()].flatMap(({ claims }) => claims));
  const bound = new Set(existing.map(({ metadata }) => metadata.name));
  const wanted: WantedBinding[] = [];
  for (const { name, claims } of resources.values()) {
    const open = { name, claims: bound.has(name) ? [] : claims };
    wanted.push({ name, claims: await answerClaims(open, policy, terminal, signal) });
  }
  return { wanted, brokenSecret };
}

/** The first Secret of these bindings, in our namespace, that leads nowhere. */
async function brokenSecretOf(
  appCluster: KubeClient,
  bindings: readonly APIServiceBinding[],
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const { spec } of bindings) {
    const { namespace, name } = spec?.kubeconfigSecretRef ?? {};
    if (name !== undefined && namespace === KLUTCH_NAMESPACE && await isBroken(appCluster, name, signal)) return name;
  }
}

async function createBindings(
  { appCluster, terminal, takeBack, userAgent }: BindDeps,
  api: BindingApi,
  kubeconfig: ReceivedKubeconfig,
  { wanted, brokenSecret }: Decision,
  signal: AbortSignal,
): Promise<APIServiceBinding[]> {
  const { name: secretName, change } = await storeKubeconfig(appCluster, kubeconfig, brokenSecret, takeBack, signal);
  if (change !== "none") {
    const done = change === "created" ? "Created" : "Updated";
    terminal.say(`🔒 ${done} secret ${KLUTCH_NAMESPACE}/${secretName} for ${describeProvider(kubeconfig)}`);
  }
  const apis = wanted.map((one) => ({ ...one, secretName }));
  const rights = await updateRights(appCluster, apis, { takeBack }, signal);
  const news = rights === "forbidden" ? [RIGHTS_HIDDEN] : describeAbsent(rights?.absent ?? []);
  for (const line of news) terminal.say(`ℹ️ ${line}`);
  const crds = appCluster.api(CUSTOM_RESOURCE_DEFINITIONS);
  const made: MakeBinding = async (create, name) => {
    const hadCrd = await mayLook(crds.find({ name }, signal)) !== undefined;
    const undoOf = (binding: APIServiceBinding) => ({
      what: `APIServiceBinding ${name}`,
      undo: (signal: AbortSignal) => takeBackBinding(appCluster, binding, { hadCrd, terminal, userAgent }, signal),
    });
    return (await takeBack.make(create, undoOf, signal))!;
  };
  const bindings: APIServiceBinding[] = [];
  for (const one of wanted) bindings.push(await ensureBinding(api, one, secretName, { terminal, made }, signal));
  return bindings;
}

/** Who may not see CRDs may not delete them either, so for them it is as if they had been there. */
async function mayLook<T>(looking: Promise<T>): Promise<T | "forbidden"> {
  try {
    return await looking;
  } catch (error) {
    if (isForbidden(error)) return "forbidden";
    throw error;
  }
}
