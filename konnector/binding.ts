import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { BINDING_FINALIZER, ORPHANS_ANNOTATION } from "../crds/names.ts";
import type { Condition } from "../crds/shared.ts";
import type { Api, KubeClient } from "../kube/client.ts";
import { type ConditionState, findCondition, setCondition, summarize } from "../kube/conditions.ts";
import type { Outcome } from "../kube/controller.ts";
import { isAlreadyExists, isConflict, isInvalid, messageOf } from "../kube/errors.ts";
import { addFinalizer, removeFinalizer } from "../kube/finalizer.ts";
import type { Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition, type Secret } from "../kube/resources.ts";
import type { Scopes } from "../kube/scopes.ts";
import { annotationOf, formatKey, hasFinalizer, isDeleting, keyOf, type ObjectKey, parseKey } from "../kube/types.ts";
import { judgeClaims } from "../sync/claim_judgement.ts";
import { toConsumerCrd } from "../sync/consumer_crd.ts";
import type { SyncDefinition } from "../sync/definition.ts";
import { type BindingPlan, type BindingView, planBinding } from "./binding_plan.ts";
import { writeExportStatus, writeStatus } from "./binding_status.ts";
import { BY_NAME, isLetGo, readBinding } from "./binding_view.ts";
import { type ClaimPart, claimStatus, leavingClaims } from "./claim_status.ts";
import type { Claims } from "./claims.ts";
import { type Connection, connectionId, type Connections, type ConnectionTarget } from "./connection.ts";
import type { InstanceSync } from "./instance_sync.ts";
import { unbind } from "./unbind.ts";
import { type UnbindMode, unbindModeOf, unknownMode } from "./unbind_plan.ts";

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
/** How soon what an unbinding waits for is looked at again: not at once, where there are many objects to look at. */
const UNBIND_CHECK_MS = 1_000;
const UNBIND_CHECK_MS_PER_OBJECT = 1;
/** A provider that is gone for good may not even refuse to answer. */
const TELL_WITHIN_MS = 5_000;

/**
 * Follows one APIServiceBinding: its kubeconfig, the connection, the export, the CRD on the app cluster, the sync of its
 * objects, and the conditions on both clusters. A finalizer keeps it until its API has been let go.
 */
export async function reconcileBinding(deps: BindingDeps, key: ObjectKey, signal: AbortSignal): Promise<Outcome> {
  const id = formatKey(key);
  let binding = deps.bindings.store.get(key);
  if (!binding || isLetGo(binding)) {
    await closeSync(deps, id);
    deps.claims.release(id);
    deps.connections.release(id);
    if (!binding) dropScopes(deps, key);
    return;
  }
  const { connection, ...view } = await readBinding(deps, binding, signal);
  if (!view.rival && !isDeleting(binding)) binding = view.binding = await hold(deps, binding, signal);
  view.orphans = deps.syncs.get(id)?.orphans;
  let plan = planBinding({ ...view, connection }, now(deps));
  const mode = isDeleting(binding) && unbindModeOf(binding);
  if (mode) return await endBinding(deps, { ...view, connection, plan, mode }, signal);
  if (plan.crd) {
    const written = await writeCrd(deps, view, plan.crd, signal);
    Object.assign(view, written);
    plan = planBinding({ ...view, connection }, now(deps));
  }
  if (isDeleting(binding)) plan.conditions = withCondition(plan.conditions, unknownMode(binding), now(deps));
  await followSync(deps, id, plan.sync, connection);
  const claims = followClaims(deps, binding, plan, connection);
  await writeStatus(deps.bindings, binding, claims, connection, signal);
  if (connection && !connection.trouble && view.export) {
    const { conditions } = claims;
    await writeExportStatus(connection, view.export, { conditions, crd: view.crd }, now(deps), signal);
  }
  if (connection && !connection.isSynced) return { requeueAfterMs: TROUBLE_CHECK_MS };
  if (view.refusal) return { requeueAfterMs: 60_000 };
}

const now = ({ now }: BindingDeps) => now?.() ?? new Date();

const withCondition = (conditions: Condition[], state: ConditionState, now: Date) =>
  summarize(setCondition(conditions, state, now), now);

/** Before anything is done for a binding, so that it can be undone. */
async function hold({ bindings }: BindingDeps, binding: APIServiceBinding, signal: AbortSignal) {
  if (hasFinalizer(binding, BINDING_FINALIZER)) return binding;
  const held = await addFinalizer(bindings.api, binding, BINDING_FINALIZER, signal);
  bindings.accept(held);
  return held;
}

interface Ending extends Omit<BindingView, "connection"> {
  connection?: Connection;
  plan: BindingPlan;
  mode: UnbindMode;
}

/** One pass over the end of a binding: lets its API go, says what that waits for, and at last lets the binding go. */
async function endBinding(deps: BindingDeps, ending: Ending, signal: AbortSignal): Promise<Outcome> {
  const { binding, rival, plan, mode, connection } = ending;
  const id = formatKey(keyOf(binding));
  let { conditions } = plan;
  let claims = binding.status?.claims;
  if (mode === "drain") {
    await followSync(deps, id, plan.sync, connection);
    ({ conditions, claims } = followClaims(deps, binding, plan, connection));
  } else {
    deps.claims.release(id);
    if (mode === "force" || !deps.syncs.get(id)?.definition.onlyDeletions) await closeSync(deps, id);
  }
  const unbinding = {
    binding,
    mode,
    consumer: deps.consumer,
    isSyncing: deps.syncs.get(id)?.isOpen ?? false,
    obstacle: obstacleTo(plan),
    log: deps.log,
  };
  const awaited = rival ? undefined : await unbind(unbinding, signal);
  if (awaited) {
    if (mode === "orphan") {
      await followSync(deps, id, plan.sync && { ...plan.sync, onlyDeletions: true }, connection);
    }
    conditions = withCondition(conditions, awaited.condition, now(deps));
    await writeStatus(deps.bindings, binding, { conditions, claims }, connection, signal);
    return { requeueAfterMs: Math.max(UNBIND_CHECK_MS, awaited.objects * UNBIND_CHECK_MS_PER_OBJECT) };
  }
  if (mode !== "force" && connection && !connection.isSynced && !connection.trouble) {
    return { requeueAfterMs: TROUBLE_CHECK_MS }; // its provider is about to hear of it
  }
  await closeSync(deps, id);
  if (!rival) await tellExport(deps, ending, signal);
  await removeFinalizer(deps.bindings.api, binding, BINDING_FINALIZER, signal);
  deps.log.info("binding let go", { binding: id, mode });
}

/** Why objects cannot be deleted on the provider: the first of the conditions on the way there that does not hold. */
function obstacleTo({ conditions }: BindingPlan): string | undefined {
  const broken = ["SecretValid", "InformersSynced", "Connected"]
    .flatMap((type) => findCondition(conditions, type) ?? [])
    .find(({ status }) => status === "False");
  return broken && `${broken.type} is False: ${broken.reason}`;
}

/** A provider that cannot be told will not keep anybody from leaving it. */
async function tellExport(deps: BindingDeps, { connection, export: exported }: Ending, signal: AbortSignal) {
  if (!connection || connection.trouble || !exported) return;
  const soon = AbortSignal.any([signal, AbortSignal.timeout(TELL_WITHIN_MS)]);
  try {
    await writeExportStatus(connection, exported, undefined, now(deps), soon);
  } catch (error) {
    if (signal.aborted || isConflict(error)) throw error;
    deps.log.warn("the provider was not told that its API is not bound any more", { error });
  }
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
async function followSync(
  deps: BindingDeps,
  id: string,
  sync: SyncDefinition | undefined,
  connection: Connection | undefined,
): Promise<void> {
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
function dropScopes({ bindings, secrets, crds }: BindingDeps, { name }: ObjectKey): void {
  if (bindings.store.keysBy(BY_NAME, name).length === 0) crds.scopes.drop(name);
  const needed = new Set(
    [...bindings.store.list()].flatMap(({ spec }) => spec ? [connectionId(spec.kubeconfigSecretRef)] : []),
  );
  for (const scope of [...secrets.scopes.ids]) if (!needed.has(scope)) secrets.scopes.drop(scope);
}
