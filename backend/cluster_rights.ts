import type { APIServiceExport } from "../crds/api_service_export.ts";
import { BINDER, binderRoleName } from "../crds/names.ts";
import type { Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import type { Namespace, Role, RoleBinding } from "../kube/resources.ts";
import { BY_NAMESPACE } from "../kube/store.ts";
import { isDeleting, type OwnerReference } from "../kube/types.ts";
import { type Audit, whoseOf } from "./audit.ts";
import { ensureRole, ensureRoleBinding } from "./ensure.ts";
import type { ConsumerScope } from "./options.ts";
import { binderRoleBinding, clusterRole, clusterRoleBinding, contractRules, mappedRoleName, ruleText } from "./rbac.ts";
import { QUARREL, type WriteGuard } from "./write_guard.ts";

export interface ClusterRightsDeps {
  /** Indexed by `namespaceIndexer`. */
  exports: Informer<APIServiceExport>;
  namespaces: Informer<Namespace>;
  roleBindings: Informer<RoleBinding>;
  clusterRoles: Informer<Role>;
  clusterRoleBindings: Informer<RoleBinding>;
  guard: WriteGuard;
  consumerScope: ConsumerScope;
  audit: Audit;
  log: Log;
  now?: () => Date;
}

/**
 * Keeps the rights of one app cluster equal to what its exports need. They are not taken and given back on the way: what
 * is right already is not written.
 *
 * @param namespace the cluster namespace
 * @returns milliseconds after which it has to be called again; 0 when all is right
 */
export async function ensureClusterRights(
  deps: ClusterRightsDeps,
  namespace: Namespace,
  signal: AbortSignal,
): Promise<number> {
  const { namespaces, exports, roleBindings, clusterRoles, clusterRoleBindings, guard, audit, log } = deps;
  const { consumerScope: scope, now = () => new Date() } = deps;
  const { name, uid } = namespace.metadata;
  const pauseMs = guard.pauseMs(name, now());
  if (pauseMs > 0) {
    log.error(QUARREL, { namespace: name, pauseMs });
    return pauseMs;
  }
  const written = (what: string, details?: Record<string, unknown>) => {
    guard.count(name, now());
    audit(what, { ...whoseOf(namespaces.store, name), ...details });
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
