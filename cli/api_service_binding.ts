import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { API_SERVICE_BINDINGS, API_VERSION, KLUTCH_NAMESPACE, KUBECONFIG } from "../crds/names.ts";
import { adviceOn } from "../crds/reasons.ts";
import { type AcceptablePermissionClaim, groupResourceName, type PermissionClaim } from "../crds/shared.ts";
import type { ExportRequest } from "./export_requests.ts";
import type { Api } from "../kube/api.ts";
import type { KubeClient } from "../kube/client.ts";
import { conditionFalse, isTrue, READY, setCondition } from "../kube/conditions.ts";
import { isNotServed, KubeError } from "../kube/errors.ts";
import type { ObjectKey } from "../kube/types.ts";
import { printable } from "../printable.ts";
import type { Terminal } from "./terminal.ts";
import { waitForObject, WaitTimeoutError } from "./wait.ts";

/** What is to be bound, and what the person has answered about its claims. */
export interface WantedBinding {
  /** `<resource>.<group>`, the name of CRD, export and binding. */
  name: string;
  claims: AcceptablePermissionClaim[];
}

/** What a request asks for, resource by resource. */
export const resourcesOf = (
  requests: readonly Pick<ExportRequest, "spec">[],
): { name: string; claims: PermissionClaim[] }[] =>
  requests.flatMap(({ spec }) =>
    spec.resources.map((resource) => ({
      name: groupResourceName(resource),
      claims: resource.permissionClaims ?? [],
    }))
  );

/** APIServiceBindings as one app cluster serves them. */
export type BindingApi = Api<APIServiceBinding>;

/**
 * Finds out how the app cluster serves APIServiceBindings: Klutch up to 1.5 made them cluster-scoped.
 *
 * @returns undefined when it does not serve them, because no konnector has run there yet
 */
export async function findBindingApi(appCluster: KubeClient, signal: AbortSignal): Promise<BindingApi | undefined> {
  let served: { resources?: { name: string; namespaced: boolean }[] };
  try {
    served = await appCluster.request("GET", `/apis/${API_VERSION}`, {}, signal);
  } catch (error) {
    if (isNotServed(error)) return undefined;
    throw error;
  }
  const found = served.resources?.find(({ name }) => name === API_SERVICE_BINDINGS.plural);
  return found && appCluster.api({ ...API_SERVICE_BINDINGS, namespaced: found.namespaced });
}

const keyOf = ({ resource }: BindingApi, name: string): ObjectKey =>
  resource.namespaced ? { namespace: KLUTCH_NAMESPACE, name } : { name };

/** The bindings of these names that are there. */
export async function findBindings(
  api: BindingApi | undefined,
  names: readonly string[],
  signal: AbortSignal,
): Promise<APIServiceBinding[]> {
  if (!api) return [];
  const found: APIServiceBinding[] = [];
  for (const name of names) {
    const binding = await api.find(keyOf(api, name), signal);
    if (binding) found.push(binding);
  }
  return found;
}

/**
 * Makes sure that a binding leads to the provider behind this Secret.
 *
 * @param secretName undefined when the app cluster does not know the provider yet
 * @throws {Error} when it leads to another one
 */
export function checkProvider(binding: APIServiceBinding, secretName: string | undefined): void {
  const { namespace, name } = binding.spec?.kubeconfigSecretRef ?? {};
  if (namespace === KLUTCH_NAMESPACE && name === secretName) return;
  throw new Error(
    `found existing APIServiceBinding ${binding.metadata.name} not from this service provider ` +
      `(it uses Secret ${namespace}/${name}); delete that binding first to change the provider`,
  );
}

/** Runs what makes a binding, and sees to it that it can be taken back. */
export type MakeBinding = (
  create: (signal: AbortSignal) => Promise<APIServiceBinding>,
  name: string,
) => Promise<APIServiceBinding>;

/** Makes sure of one binding; an existing one of the same provider stays as it is. */
export async function ensureBinding(
  api: BindingApi,
  { name, claims }: WantedBinding,
  secretName: string,
  { terminal, made }: { terminal: Terminal; made: MakeBinding },
  signal: AbortSignal,
): Promise<APIServiceBinding> {
  const existing = await api.find(keyOf(api, name), signal);
  if (existing) {
    checkProvider(existing, secretName);
    terminal.say(`✅ Updating existing APIServiceBinding ${name}.`);
    return existing;
  }
  const kubeconfigSecretRef = { name: secretName, key: KUBECONFIG, namespace: KLUTCH_NAMESPACE } as const;
  const created = await made((signal) =>
    api.create({
      apiVersion: API_VERSION,
      kind: API_SERVICE_BINDINGS.kind,
      metadata: keyOf(api, name),
      spec: { kubeconfigSecretRef, ...(claims.length > 0 && { permissionClaims: claims }) },
    }, signal), name);
  await markPending(api, created, signal);
  terminal.say(`✅ Created APIServiceBinding ${name}`);
  return created;
}

/** Says that nobody has looked at the binding yet, unless the konnector was faster. */
async function markPending(api: BindingApi, binding: APIServiceBinding, signal: AbortSignal): Promise<void> {
  const { uid, resourceVersion } = binding.metadata;
  const conditions = setCondition([], conditionFalse(READY, "Pending", "Info", "Pending"), new Date());
  try {
    const patch = { metadata: { uid, resourceVersion }, status: { conditions } };
    await api.mergePatch(binding.metadata, patch, { subresource: "status" }, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof KubeError)) throw error; // a note for readers, no more: binding works without it
  }
}

/**
 * Waits until all these bindings are Ready.
 *
 * @param onState called with each state of a binding
 * @throws {WaitTimeoutError} saying which conditions keep them from being so
 */
export async function waitUntilReady(
  api: BindingApi,
  names: readonly string[],
  { timeoutMs, onState }: { timeoutMs: number; onState: (name: string, binding: APIServiceBinding) => void },
  signal: AbortSignal,
): Promise<APIServiceBinding[]> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const outcomes = await Promise.allSettled(names.map(async (name) => {
    try {
      return await untilReady(api, name, { timeoutMs, onState }, either);
    } catch (error) {
      // Those that wait as long as this one shall say themselves what they lack.
      if (!(error instanceof WaitTimeoutError)) failed.abort(error);
      throw error;
    }
  }));
  signal.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
  const late = outcomes.filter((outcome) => outcome.status === "rejected").map(({ reason }) => reason.message);
  if (late.length > 0) throw new WaitTimeoutError(late.join("\n"));
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<APIServiceBinding>).value);
}

async function untilReady(
  api: BindingApi,
  name: string,
  { timeoutMs, onState }: { timeoutMs: number; onState: (name: string, binding: APIServiceBinding) => void },
  signal: AbortSignal,
): Promise<APIServiceBinding> {
  let last: APIServiceBinding | undefined;
  const decide = (binding: APIServiceBinding | undefined) => {
    if (!binding) throw new Error(`APIServiceBinding ${name} was deleted while waiting for it`);
    onState(name, last = binding);
    return isTrue(binding.status?.conditions, READY) ? binding : undefined;
  };
  const goal = `see APIServiceBinding ${name} become Ready`;
  try {
    return await waitForObject(api, keyOf(api, name), decide, { timeoutMs, goal }, signal);
  } catch (error) {
    if (!(error instanceof WaitTimeoutError)) throw error;
    throw new WaitTimeoutError([error.message, ...describeUnready(last)].join("\n  "));
  }
}

/** How far a binding has come, in a line. */
export function describeProgress(name: string, binding: APIServiceBinding): string {
  const conditions = binding.status?.conditions ?? [];
  if (isTrue(conditions, READY)) return `✅ APIServiceBinding ${name} is Ready: this cluster now serves ${name}.`;
  const met = conditions.filter(({ status }) => status === "True").map(({ type }) => `✓ ${printable(type, 50)}`);
  const [first] = describeUnready(binding);
  return `⏳ ${name}: ${[...met, `… ${first}`].join("  ")}`;
}

/** A line for each condition that is not True, the summary `Ready` left out where others explain it. */
export function describeUnready(binding: APIServiceBinding | undefined): string[] {
  const unmet = (binding?.status?.conditions ?? []).filter(({ status }) => status !== "True");
  const causes = unmet.filter(({ type }) => type !== READY);
  const shown = causes.length > 0 ? causes : unmet;
  const untouched = shown.length === 0 || (causes.length === 0 && unmet[0]?.reason === "Pending");
  if (untouched) return ["no konnector has looked at it yet; is one running for this cluster?"];
  return shown.map(({ type, status, reason = "", message = "" }) => {
    const advice = adviceOn(API_SERVICE_BINDINGS.kind, type, reason) ?? "";
    const more = message.includes(advice) ? "" : `. ${advice}`; // our own konnector has put it there already
    return printable(`${type}=${status} ${reason}`.trimEnd() + (message ? `: ${message}${more}` : more));
  });
}
