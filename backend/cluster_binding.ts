import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { BINDER, binderRoleName } from "../crds/names.ts";
import { setCondition, summarize } from "../kube/conditions.ts";
import type { Outcome } from "../kube/controller.ts";
import type { Informer } from "../kube/informer.ts";
import { deepEqual } from "../kube/json.ts";
import type { Log } from "../kube/log.ts";
import type { Namespace, Role, RoleBinding } from "../kube/resources.ts";
import { isDeleting, type ObjectKey, type OwnerReference } from "../kube/types.ts";
import { planHealth } from "./cluster_binding_plan.ts";
import { ensureRole, ensureRoleBinding } from "./ensure.ts";
import type { ConsumerScope } from "./options.ts";
import { binderRoleBinding, clusterRole, clusterRoleBinding, contractRules, mappedRoleName } from "./rbac.ts";
import { patchStatus } from "./status.ts";

export interface ClusterBindingDeps {
  clusterBindings: Informer<ClusterBinding>;
  exports: Informer<APIServiceExport>;
  namespaces: Informer<Namespace>;
  roleBindings: Informer<RoleBinding>;
  clusterRoles: Informer<Role>;
  clusterRoleBindings: Informer<RoleBinding>;
  consumerScope: ConsumerScope;
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
  const { clusterBindings, namespaces, now = () => new Date() } = deps;
  const binding = clusterBindings.store.get(key);
  const namespace = namespaces.store.get({ name: key.namespace! });
  // Without its namespace everything else goes as well: all of it is owned by the namespace.
  if (!binding || isDeleting(binding) || !namespace || isDeleting(namespace)) return;
  await ensureRights(deps, namespace, signal);

  const { condition, recheckAfterMs } = planHealth(binding, now());
  const conditions = summarize(setCondition(binding.status?.conditions, condition, now()), now());
  if (!deepEqual(conditions, binding.status?.conditions)) {
    await patchStatus(clusterBindings.api, binding, { ...binding.status, conditions }, signal);
  }
  if (recheckAfterMs !== undefined) return { requeueAfterMs: recheckAfterMs };
}

async function ensureRights(deps: ClusterBindingDeps, namespace: Namespace, signal: AbortSignal): Promise<void> {
  const { exports, roleBindings, clusterRoles, clusterRoleBindings, consumerScope: scope } = deps;
  const { name, uid } = namespace.metadata;
  const log = deps.log.with({ namespace: name });
  const owner: OwnerReference = { apiVersion: "v1", kind: "Namespace", name, uid: uid!, controller: true };
  const alive = Array.from(exports.store.list(name)).filter((one) => !isDeleting(one));
  const { everywhere, mappedNamespaces } = contractRules(alive, scope);
  const mainRole = binderRoleName(name);

  const inside = binderRoleBinding(name, BINDER, name);
  const known = roleBindings.store.get({ namespace: name, name: BINDER });
  if (await ensureRoleBinding(roleBindings.api, known, inside, signal)) log.info("rights in its namespace granted");

  if (scope === "Namespaced") {
    // First of all: a backend of before may have left one.
    const wide = clusterRoleBindings.store.get({ name: mainRole });
    if (wide) {
      await clusterRoleBindings.api.delete({ name: mainRole }, { uid: wide.metadata.uid }, signal);
      log.warn("rights on the whole provider taken back", { clusterRoleBinding: mainRole });
    }
  }
  const roles = [clusterRole(mappedRoleName(name, scope), owner, mappedNamespaces)];
  if (scope === "Cluster") roles.push(clusterRole(mainRole, owner, everywhere));
  for (const role of roles) {
    const current = clusterRoles.store.get({ name: role.metadata.name });
    if (await ensureRole(clusterRoles.api, current, role, signal)) {
      log.info("rights follow the exports", { clusterRole: role.metadata.name, rules: role.rules?.length });
    }
  }
  if (scope === "Cluster") {
    const wanted = clusterRoleBinding(mainRole, name, owner);
    const current = clusterRoleBindings.store.get({ name: mainRole });
    if (await ensureRoleBinding(clusterRoleBindings.api, current, wanted, signal)) {
      log.info("rights on the whole provider granted", { clusterRoleBinding: mainRole });
    }
  }
}
