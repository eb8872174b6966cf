import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { BINDER, binderRoleName, ORPHANS_ANNOTATION } from "../crds/names.ts";
import { setCondition, summarize } from "../kube/conditions.ts";
import type { Outcome } from "../kube/controller.ts";
import type { Informer } from "../kube/informer.ts";
import { deepEqual } from "../kube/json.ts";
import type { Log } from "../kube/log.ts";
import type { Namespace, Role, RoleBinding } from "../kube/resources.ts";
import type { Recorder } from "../kube/recorder.ts";
import { BY_NAMESPACE } from "../kube/store.ts";
import { annotationOf, formatKey, isDeleting, type ObjectKey, type OwnerReference } from "../kube/types.ts";
import type { Audit } from "./audit.ts";
import type { Census } from "./census.ts";
import { isFromControlPlane, planHealth } from "./cluster_binding_plan.ts";
import { ensureRole, ensureRoleBinding } from "./ensure.ts";
import { identityOf } from "./identity.ts";
import type { ConsumerScope } from "./options.ts";
import { binderRoleBinding, clusterRole, clusterRoleBinding, contractRules, mappedRoleName, ruleText } from "./rbac.ts";
import { patchStatus } from "./status.ts";
import { QUARREL, type WriteGuard } from "./write_guard.ts";

export interface ClusterBindingDeps {
  clusterBindings: Informer<ClusterBinding>;
  /** Indexed by `namespaceIndexer`. */
  exports: Informer<APIServiceExport>;
  namespaces: Informer<Namespace>;
  roleBindings: Informer<RoleBinding>;
  clusterRoles: Informer<Role>;
  clusterRoleBindings: Informer<RoleBinding>;
  guard: WriteGuard;
  census: Census;
  recorder: Recorder;
  consumerScope: ConsumerScope;
  tokenLifetimeMs: number;
  audit: Audit;
  log: Log;
  now?: () => Date;
}

/**
 * Keeps the rights of one app cluster equal to what its exports need, and says whether its konnector is alive. Rights
 * are not taken and given back on the way: what is right already is not written.
 */
export async function reconcileClusterBinding(
  deps: ClusterBindingDeps,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<Outcome> {
  const { clusterBindings, namespaces, census, recorder, now = () => new Date() } = deps;
  const binding = clusterBindings.store.get(key);
  const namespace = namespaces.store.get({ name: key.namespace! });
  // Without its namespace everything else goes as well: all of it is owned by the namespace.
  if (!binding || isDeleting(binding) || !namespace || isDeleting(namespace)) {
    return census.report(formatKey(key), undefined);
  }
  const pauseMs = await ensureRights(deps, namespace, signal);

  const { condition, recheckAfterMs } = planHealth(binding, deps.tokenLifetimeMs, now());
  census.report(formatKey(key), condition.reason ?? "Healthy");
  if (condition.reason === "AppClusterVanished") {
    if (isUnwanted(binding)) {
      await namespaces.api.delete({ name: namespace.metadata.name }, { uid: namespace.metadata.uid }, signal);
      const whose = { namespace: key.namespace, identity: identityOf(namespace) };
      return deps.audit("contract of a vanished app cluster ended on request", whose);
    }
    recorder.event(binding, { type: "Warning", reason: condition.reason, message: condition.message! });
  }
  const conditions = summarize(setCondition(binding.status?.conditions, condition, now()), now());
  if (!deepEqual(conditions, binding.status?.conditions)) {
    await patchStatus(clusterBindings.api, binding, { ...binding.status, conditions }, signal);
  }
  const requeueAfterMs = Math.min(pauseMs || Infinity, recheckAfterMs ?? Infinity);
  if (requeueAfterMs !== Infinity) return { requeueAfterMs };
}

/** What an AppClusterBinding made ends with it, and not before. */
const isUnwanted = (binding: ClusterBinding): boolean =>
  annotationOf(binding, ORPHANS_ANNOTATION) === "delete" && !isFromControlPlane(binding);

/** @returns milliseconds after which it has to be called again; 0 when all is right */
async function ensureRights(deps: ClusterBindingDeps, namespace: Namespace, signal: AbortSignal): Promise<number> {
  const { exports, roleBindings, clusterRoles, clusterRoleBindings, guard, consumerScope: scope, audit, log } = deps;
  const { now = () => new Date() } = deps;
  const { name, uid } = namespace.metadata;
  const pauseMs = guard.pauseMs(name, now());
  if (pauseMs > 0) {
    log.error(QUARREL, { namespace: name, pauseMs });
    return pauseMs;
  }
  const written = (what: string, details?: Record<string, unknown>) => {
    guard.count(name, now());
    audit(what, { namespace: name, identity: identityOf(namespace), ...details });
  };
  const owner: OwnerReference = { apiVersion: "v1", kind: "Namespace", name, uid: uid!, controller: true };
  const alive = exports.store.by(BY_NAMESPACE, name).filter((one) => !isDeleting(one));
  const { everywhere, mappedNamespaces } = contractRules(alive, scope);
  const mainRole = binderRoleName(name);

  const inside = binderRoleBinding(name, BINDER, name);
  const known = roleBindings.store.get({ namespace: name, name: BINDER });
  if (await ensureRoleBinding(roleBindings.api, known, inside, signal)) written("rights in its namespace granted");

  const wide = clusterRoleBindings.store.get({ name: mainRole });
  if (scope === "Namespaced" && wide) { // of a backend before us
    await clusterRoleBindings.api.delete({ name: mainRole }, { uid: wide.metadata.uid }, signal);
    written("rights on the whole provider taken back", { clusterRoleBinding: mainRole });
  }
  const roles = [clusterRole(mappedRoleName(name, scope), owner, mappedNamespaces)];
  if (scope === "Cluster") roles.push(clusterRole(mainRole, owner, everywhere));
  for (const role of roles) {
    const current = clusterRoles.store.get({ name: role.metadata.name });
    if (await ensureRole(clusterRoles.api, current, role, signal)) {
      written("rights follow the exports", { clusterRole: role.metadata.name, rules: role.rules!.map(ruleText) });
    }
  }
  if (scope === "Cluster") {
    const wanted = clusterRoleBinding(mainRole, name, owner);
    if (await ensureRoleBinding(clusterRoleBindings.api, wide, wanted, signal)) {
      written("rights on the whole provider granted", { clusterRoleBinding: mainRole });
    }
  }
  return 0;
}
