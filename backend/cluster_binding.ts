import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { setCondition, summarize } from "../kube/conditions.ts";
import type { Outcome } from "../kube/controller.ts";
import type { Informer } from "../kube/informer.ts";
import { deepEqual } from "../kube/json.ts";
import type { Namespace } from "../kube/resources.ts";
import type { Recorder } from "../kube/recorder.ts";
import { patchStatus } from "../kube/status.ts";
import { formatKey, isDeleting, keyOf, type ObjectKey } from "../kube/types.ts";
import { whoseOf } from "./audit.ts";
import type { Census } from "./census.ts";
import { isOver, planHealth } from "./cluster_binding_plan.ts";
import { type ClusterRightsDeps, ensureClusterRights } from "./cluster_rights.ts";

export interface ClusterBindingDeps extends ClusterRightsDeps {
  clusterBindings: Informer<ClusterBinding>;
  census: Census;
  recorder: Recorder;
  tokenLifetimeMs: number;
}

/** Keeps the rights of one app cluster, says whether its konnector is alive, and ends its contract on request. */
export async function reconcileClusterBinding(
  deps: ClusterBindingDeps,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<Outcome> {
  const { clusterBindings, namespaces, census, tokenLifetimeMs, now = () => new Date() } = deps;
  const binding = clusterBindings.store.get(key);
  const namespace = namespaces.store.get({ name: key.namespace! });
  // Without its namespace everything else goes as well: all of it is owned by the namespace.
  if (!binding || isDeleting(binding) || !namespace || isDeleting(namespace)) {
    return census.report(formatKey(key), undefined);
  }
  if (isOver(binding, tokenLifetimeMs, now())) return await endContract(deps, binding, namespace, signal);

  const pauseMs = await ensureClusterRights(deps, namespace, signal);
  const recheckAfterMs = await reportHealth(deps, binding, signal);
  const requeueAfterMs = Math.min(pauseMs || Infinity, recheckAfterMs ?? Infinity);
  if (requeueAfterMs !== Infinity) return { requeueAfterMs };
}

/** Deletes the namespace with all data, unless the cache is late: somebody may have thought better of it, or come back. */
async function endContract(
  { clusterBindings, namespaces, audit, tokenLifetimeMs, now = () => new Date() }: ClusterBindingDeps,
  binding: ClusterBinding,
  { metadata: { name, uid } }: Namespace,
  signal: AbortSignal,
): Promise<void> {
  const live = await clusterBindings.api.find(keyOf(binding), signal);
  if (!live || !isOver(live, tokenLifetimeMs, now())) return; // its event adds the key again
  await namespaces.api.delete({ name }, { uid }, signal);
  audit("contract of a vanished app cluster ended on request", whoseOf(namespaces.store, name));
}

/** @returns milliseconds after which time alone makes it wrong */
async function reportHealth(
  { clusterBindings, census, recorder, tokenLifetimeMs, now = () => new Date() }: ClusterBindingDeps,
  binding: ClusterBinding,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { condition, recheckAfterMs } = planHealth(binding, tokenLifetimeMs, now());
  census.report(formatKey(keyOf(binding)), condition.reason ?? "Healthy");
  if (condition.reason === "AppClusterVanished") {
    recorder.event(binding, { type: "Warning", reason: condition.reason, message: condition.message! });
  }
  const conditions = summarize(setCondition(binding.status?.conditions, condition, now()), now());
  if (!deepEqual(conditions, binding.status?.conditions)) {
    await patchStatus(clusterBindings.api, binding, { ...binding.status, conditions }, signal);
  }
  return recheckAfterMs;
}
