import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { ORPHANS_ANNOTATION } from "../crds/names.ts";
import type { Api, KubeClient } from "../kube/client.ts";
import type { Outcome } from "../kube/controller.ts";
import { isAlreadyExists, isInvalid, messageOf } from "../kube/errors.ts";
import type { Informer } from "../kube/informer.ts";
import { deepEqual } from "../kube/json.ts";
import type { Log } from "../kube/log.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition, type Secret } from "../kube/resources.ts";
import type { Scopes } from "../kube/scopes.ts";
import { annotationOf, formatKey, keyOf, type ObjectKey, parseKey } from "../kube/types.ts";
import { judgeClaims } from "../sync/claim_judgement.ts";
import { toConsumerCrd } from "../sync/consumer_crd.ts";
import type { SyncDefinition } from "../sync/definition.ts";
import { kubeconfigText } from "../sync/kubeconfig_secret.ts";
import { type BindingPlan, type BindingView, planBinding } from "./binding_plan.ts";
import { type ClaimPart, claimStatus, leavingClaims } from "./claim_status.ts";
import type { Claims } from "./claims.ts";
import { type Connection, connectionId, type Connections, type ConnectionTarget } from "./connection.ts";
import { exportStatus } from "./export_status.ts";
import type { InstanceSync } from "./instance_sync.ts";

export interface BindingDeps {
  bindings: Informer<APIServiceBinding>;
  /** Secrets that bindings refer to, on the cluster of the bindings; watched one by one. */
  secrets: { informer: Informer<Secret>; scopes: Scopes };
  /** CRDs that bindings are about, on the app cluster; watched one by one. */
  crds: { informer: Informer<CustomResourceDefinition>; scopes: Scopes };
  consumer: KubeClient;
  connections: Connections;
  /** What a kubeconfig leads to. @throws {ConfigError} */
  targetOf(binding: APIServiceBinding, kubeconfig: string): ConnectionTarget;
  openSync(connection: Connection, definition: SyncDefinition, binding: SyncBinding): InstanceSync;
  syncs: Map<string, InstanceSync>;
  claims: Claims;
  /** Adds the key to the queue again. */
  wake(key: string, afterMs?: number): void;
  log: Log;
  now?: () => Date;
}

/** What a sync needs of its binding. */
export interface SyncBinding {
  /** The binding has to be looked at again. */
  wake(): void;
  mayDeleteOrphans(): boolean;
}

/** What a sync has to tell about many objects comes together. */
const SYNC_NEWS_MS = 500;
/** How soon a provider that does not answer is looked at again, to tell about it. */
const TROUBLE_CHECK_MS = 5_000;

/**
 * Follows one APIServiceBinding: its kubeconfig, the connection, the export, the CRD on the app cluster, the sync of its
 * objects, and the conditions on both clusters. Without the binding, its sync ends; the CRD and the objects stay.
 */
export async function reconcileBinding(deps: BindingDeps, key: ObjectKey, signal: AbortSignal): Promise<Outcome> {
  const id = formatKey(key);
  const binding = deps.bindings.store.get(key);
  if (!binding?.spec) {
    await closeSync(deps, id);
    deps.claims.release(id);
    deps.connections.release(id);
    if (!binding) dropScopes(deps, id, key);
    return;
  }
  const { connection, ...view } = await readBinding(deps, binding, signal);
  view.orphans = deps.syncs.get(id)?.orphans;
  let plan = planBinding({ ...view, connection }, now(deps));
  if (plan.crd) {
    const written = await writeCrd(deps, view, plan.crd, signal);
    Object.assign(view, written);
    plan = planBinding({ ...view, connection }, now(deps));
  }
  await followSync(deps, id, plan, connection);
  const claims = followClaims(deps, binding, plan, connection);
  plan.conditions = claims.conditions;
  await writeStatus(deps, binding, claims, connection, signal);
  if (connection && !connection.trouble && view.export) await writeExportStatus(deps, connection, view, plan, signal);
  if (connection && !connection.isSynced) return { requeueAfterMs: TROUBLE_CHECK_MS };
  if (view.refusal) return { requeueAfterMs: 60_000 };
}

const now = ({ now }: BindingDeps) => now?.() ?? new Date();

async function readBinding(
  deps: BindingDeps,
  binding: APIServiceBinding,
  signal: AbortSignal,
): Promise<Omit<BindingView, "connection"> & { connection?: Connection }> {
  const id = formatKey(keyOf(binding));
  const ref = binding.spec.kubeconfigSecretRef;
  const secretKey = { namespace: ref.namespace, name: ref.name };
  deps.secrets.scopes.add(connectionId(ref), {
    namespace: ref.namespace,
    fieldSelector: `metadata.name=${ref.name}`,
  });
  deps.crds.scopes.add(binding.metadata.name, { fieldSelector: `metadata.name=${binding.metadata.name}` });

  const trouble = (reason: "KubeconfigSecretNotFound" | "KubeconfigSecretInvalid", message: string) => {
    deps.connections.release(id);
    return { binding, kubeconfigTrouble: { reason, message } };
  };
  const secret = await known(deps.secrets.informer, secretKey, signal);
  const described = `Secret "${formatKey(secretKey)}"`;
  if (!secret) return trouble("KubeconfigSecretNotFound", `${described} does not exist; bind again to create it`);
  const text = kubeconfigText(secret, ref.key);
  if (text === undefined) return trouble("KubeconfigSecretInvalid", `${described} has no text under "${ref.key}"`);
  let target: ConnectionTarget;
  try {
    target = deps.targetOf(binding, text);
  } catch (error) {
    return trouble("KubeconfigSecretInvalid", `${described}: ${messageOf(error)}`);
  }
  const connection = deps.connections.use(id, connectionId(ref), text, target, deps.wake);
  if (!connection.isSynced) return { binding, connection };
  return {
    binding,
    connection,
    export: connection.exports.store.get({ namespace: connection.namespace, name: binding.metadata.name }),
    crd: await known(deps.crds.informer, { name: binding.metadata.name }, signal),
  };
}

/** From the cache, or from the server while the cache may not have it yet. */
async function known<T extends Secret | CustomResourceDefinition>(
  informer: Informer<T>,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<T | undefined> {
  return informer.store.get(key) ?? await informer.api.find(key, signal);
}

async function writeCrd(
  deps: BindingDeps,
  { binding, export: exported, crd }: BindingView,
  step: "create" | "update",
  signal: AbortSignal,
): Promise<Pick<BindingView, "crd" | "refusal">> {
  const api: Api<CustomResourceDefinition> = deps.consumer.api(CUSTOM_RESOURCE_DEFINITIONS);
  const desired = toConsumerCrd(exported!, binding, crd);
  try {
    const written = step === "create" ? await api.create(desired, signal) : await api.replace(desired, signal);
    deps.log.info("custom resource definition written", { step, crd: binding.metadata.name });
    return { crd: written };
  } catch (error) {
    if (isInvalid(error)) return { crd, refusal: { step, message: messageOf(error) } };
    // Made by somebody else a moment ago: its event, or this look, tells whose it is.
    if (isAlreadyExists(error)) return { crd: await api.find({ name: binding.metadata.name }, signal) };
    throw error;
  }
}

/** Starts, restarts or ends the sync of the binding's objects. */
async function followSync(deps: BindingDeps, id: string, { sync }: BindingPlan, connection: Connection | undefined) {
  const running = deps.syncs.get(id);
  const mayDeleteOrphans = () => mayDeleteOrphansOf(deps, id);
  if (sync && connection && running?.matches(sync, connection)) {
    if (mayDeleteOrphans()) running.reviewOrphans();
    return;
  }
  // A provider that is out of reach for a while changes nothing about what is to be synced.
  if (!sync && connection && !connection.isSynced && running?.connection === connection) return;
  await closeSync(deps, id);
  if (sync && connection) {
    deps.syncs.set(id, deps.openSync(connection, sync, { wake: () => deps.wake(id, SYNC_NEWS_MS), mayDeleteOrphans }));
  }
}

/** Claims are in effect while instances are synced, and as long. */
function followClaims(
  deps: BindingDeps,
  binding: APIServiceBinding,
  { sync, conditions }: BindingPlan,
  connection: Connection | undefined,
): ClaimPart {
  const id = formatKey(keyOf(binding));
  const isRunning = connection !== undefined && deps.syncs.get(id)?.connection === connection;
  if (!sync || !connection) {
    if (!isRunning) deps.claims.release(id);
    return { conditions, claims: binding.status?.claims };
  }
  const bound = new Set(Array.from(deps.bindings.store.keys(), ({ name }) => name));
  const judgement = judgeClaims(binding, bound);
  const { effective } = judgement;
  deps.claims.follow(id, { connection, effective, leaving: leavingClaims(binding, effective) });
  return claimStatus(binding, conditions, judgement, deps.claims.outcomes(id), now(deps));
}

/** As the binding says now, not as it said when its sync began. */
function mayDeleteOrphansOf({ bindings }: BindingDeps, id: string): boolean {
  const binding = bindings.store.get(parseKey(id));
  return binding !== undefined && annotationOf(binding, ORPHANS_ANNOTATION) === "delete";
}

async function closeSync({ syncs }: BindingDeps, id: string): Promise<void> {
  const running = syncs.get(id);
  syncs.delete(id);
  await running?.[Symbol.asyncDispose]();
}

/** Stops watching what only this binding needed. */
function dropScopes({ bindings, secrets, crds }: BindingDeps, _id: string, { name }: ObjectKey): void {
  crds.scopes.drop(name);
  const needed = new Set(
    [...bindings.store.list()].flatMap(({ spec }) => spec ? [connectionId(spec.kubeconfigSecretRef)] : []),
  );
  for (const scope of [...secrets.scopes.ids]) if (!needed.has(scope)) secrets.scopes.drop(scope);
}

async function writeStatus(
  deps: BindingDeps,
  binding: APIServiceBinding,
  { conditions, claims }: ClaimPart,
  connection: Connection | undefined,
  signal: AbortSignal,
): Promise<void> {
  const clusterBinding = [...connection?.clusterBindings.store.list() ?? []][0];
  const providerPrettyName = clusterBinding?.spec.providerPrettyName ?? binding.status?.providerPrettyName;
  const status = { ...binding.status, ...(providerPrettyName && { providerPrettyName }), conditions, claims };
  if (deepEqual(status, binding.status)) return;
  const { uid, resourceVersion } = binding.metadata;
  const patch = { metadata: { uid, resourceVersion }, status: { ...status, claims: claims ?? null } };
  await deps.bindings.api.mergePatch(keyOf(binding), patch, { subresource: "status" }, signal);
}

async function writeExportStatus(
  deps: BindingDeps,
  connection: Connection,
  view: BindingView,
  plan: BindingPlan,
  signal: AbortSignal,
): Promise<void> {
  const exported = view.export!;
  const status = exportStatus(exported, { conditions: plan.conditions, crd: view.crd }, now(deps));
  if (deepEqual(status, exported.status)) return;
  const { uid, resourceVersion } = exported.metadata;
  const patch = { metadata: { uid, resourceVersion }, status };
  await connection.exports.api.mergePatch(keyOf(exported), patch, { subresource: "status" }, signal);
}
