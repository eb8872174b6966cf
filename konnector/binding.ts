import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { BINDING_FINALIZER } from "../crds/names.ts";
import type { Api } from "../kube/api.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Outcome } from "../kube/controller.ts";
import { isAlreadyExists, isRefusal, messageOf } from "../kube/errors.ts";
import { addFinalizer } from "../kube/finalizer.ts";
import type { Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition, type Secret } from "../kube/resources.ts";
import type { Scopes } from "../kube/scopes.ts";
import { formatKey, hasFinalizer, isDeleting, type ObjectKey } from "../kube/types.ts";
import { toConsumerCrd } from "../sync/consumer_crd.ts";
import type { SyncDefinition } from "../sync/definition.ts";
import { endBinding } from "./binding_end.ts";
import { type BindingView, planBinding, withCondition } from "./binding_plan.ts";
import { writeExportStatus, writeStatus } from "./binding_status.ts";
import { closeSync, followClaims, followSync, syncNewsOf } from "./binding_sync.ts";
import { BY_NAME, isLetGo, readBinding } from "./binding_view.ts";
import type { Claims } from "./claims.ts";
import { type Connection, connectionId, type Connections, type ConnectionTarget } from "./connection.ts";
import type { InstanceSync } from "./instance_sync.ts";
import { unbindModeOf, unknownMode } from "./unbind_plan.ts";

export interface BindingDeps {
  bindings: Informer<APIServiceBinding>;
  /** Secrets that bindings refer to, on the cluster of the bindings; watched one by one. */
  secrets: { informer: Informer<Secret>; scopes: Scopes };
  /** CRDs that bindings are about, on the app cluster; watched one by one. */
  crds: { informer: Informer<CustomResourceDefinition>; scopes: Scopes };
  consumer: KubeClient;
  /** Why the app cluster does not answer, where it can be told about. */
  consumerTrouble(): string | undefined;
  connections: Connections;
  /** What a kubeconfig leads to. @throws {ConfigError} */
  targetOf(binding: APIServiceBinding, kubeconfig: string): ConnectionTarget;
  openSync(connection: Connection, definition: SyncDefinition, binding: SyncBinding): InstanceSync;
  syncs: Map<string, InstanceSync>;
  claims: Claims;
  /** Adds the key to the queue again. */
  wake(key: string, afterMs?: number): void;
  log: Log;
  now: () => Date;
}

/** What a sync needs of its binding. */
export interface SyncBinding {
  /** The binding has to be looked at again. */
  wake(): void;
  mayDeleteOrphans(): boolean;
}

/** A policy or a right that stands in the way may change without anything here noticing. */
const REFUSAL_RETRY_MS = 15_000;

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
  Object.assign(view, syncNewsOf(deps, id));
  let plan = planBinding({ ...view, connection }, deps.now());
  const mode = isDeleting(binding) && unbindModeOf(binding);
  if (mode) return await endBinding(deps, { ...view, connection, plan, mode }, signal);
  if (plan.crd) {
    const written = await writeCrd(deps, view, plan.crd, signal);
    Object.assign(view, written);
    plan = planBinding({ ...view, connection }, deps.now());
  }
  if (isDeleting(binding)) plan.conditions = withCondition(plan.conditions, unknownMode(binding), deps.now());
  await followSync(deps, id, plan.sync, connection);
  const claims = followClaims(deps, binding, plan, connection);
  await writeStatus(deps.bindings, binding, claims, connection, signal);
  if (connection && !connection.trouble && view.export) {
    const consumer = { conditions: claims.conditions, crd: view.crd, schema: plan.schema };
    await writeExportStatus(connection, view.export, consumer, deps.now(), signal);
  }
  if (view.refusal) return { requeueAfterMs: REFUSAL_RETRY_MS };
}

/** Before anything is done for a binding, so that it can be undone. */
async function hold({ bindings }: BindingDeps, binding: APIServiceBinding, signal: AbortSignal) {
  if (hasFinalizer(binding, BINDING_FINALIZER)) return binding;
  const held = await addFinalizer(bindings.api, binding, BINDING_FINALIZER, signal);
  bindings.accept(held);
  return held;
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
    if (isRefusal(error)) return { crd, refusal: { step, message: messageOf(error) } };
    // Made by somebody else a moment ago: its event, or this look, tells whose it is.
    if (isAlreadyExists(error)) return { crd: await api.find({ name: binding.metadata.name }, signal) };
    throw error;
  }
}

/** Stops watching what only this binding needed. */
function dropScopes({ bindings, secrets, crds }: BindingDeps, { name }: ObjectKey): void {
  if (bindings.store.keysBy(BY_NAME, name).length === 0) crds.scopes.drop(name);
  const needed = new Set(
    [...bindings.store.list()].flatMap(({ spec }) => spec ? [connectionId(spec.kubeconfigSecretRef)] : []),
  );
  for (const scope of [...secrets.scopes.ids]) if (!needed.has(scope)) secrets.scopes.drop(scope);
}
