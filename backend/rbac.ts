import type { APIServiceExport } from "../crds/api_service_export.ts";
import {
  API_SERVICE_EXPORT_REQUESTS,
  API_SERVICE_EXPORTS,
  API_SERVICE_NAMESPACES,
  BINDER,
  binderRoleName,
  CLUSTER_BINDINGS,
  GROUP,
} from "../crds/names.ts";
import type { PermissionClaim } from "../crds/shared.ts";
import type { PolicyRule, Role, RoleBinding, RoleSubject } from "../kube/resources.ts";
import type { OwnerReference } from "../kube/types.ts";
import type { ConsumerScope } from "./options.ts";

const RBAC_GROUP = "rbac.authorization.k8s.io";
const RBAC_VERSION = `${RBAC_GROUP}/v1`;

/** What a konnector does with instances and claimed objects. */
const OBJECT_VERBS = ["get", "list", "watch", "update", "patch", "delete", "create"];
const READ_VERBS = ["get", "watch", "list"];
const STATUS_VERBS = ["get", "patch", "update"];
const OWN_VERBS = ["create", "delete", "patch", "update", "get", "list", "watch"];

/** What every app cluster may do in the namespace that is its own, and nowhere else. */
export const BINDER_ROLE: Role = {
  apiVersion: RBAC_VERSION,
  kind: "ClusterRole",
  metadata: { name: BINDER },
  rules: [
    { apiGroups: [GROUP], resources: [API_SERVICE_EXPORT_REQUESTS.plural], verbs: OWN_VERBS },
    { apiGroups: [""], resources: ["namespaces"], verbs: ["get"] },
    { apiGroups: [""], resources: ["secrets"], verbs: ["get", "watch", "list"] },
    { apiGroups: [GROUP], resources: [CLUSTER_BINDINGS.plural], verbs: READ_VERBS },
    { apiGroups: [GROUP], resources: [`${CLUSTER_BINDINGS.plural}/status`], verbs: STATUS_VERBS },
    { apiGroups: [GROUP], resources: [API_SERVICE_EXPORTS.plural], verbs: READ_VERBS },
    { apiGroups: [GROUP], resources: [`${API_SERVICE_EXPORTS.plural}/status`], verbs: STATUS_VERBS },
    { apiGroups: [GROUP], resources: [API_SERVICE_NAMESPACES.plural], verbs: OWN_VERBS },
  ],
};

/** Rights of one app cluster outside the namespace that is its own. */
export interface ContractRules {
  /** On the whole provider; always empty with scope `Namespaced`. */
  everywhere: PolicyRule[];
  /** In each mapped namespace. */
  mappedNamespaces: PolicyRule[];
}

/**
 * The rights that the exports of one contract need, in an order that depends on nothing else. With scope `Cluster` only
 * what is watched provider-wide is granted provider-wide: a claim on Secrets of namespaces stays within the mapped ones.
 */
export function contractRules(exports: Iterable<APIServiceExport>, scope: ConsumerScope): ContractRules {
  const everywhere = new Map<string, PolicyRule>();
  const mappedNamespaces = new Map<string, PolicyRule>();
  for (const { spec: { group, names, informerScope, permissionClaims = [] } } of exports) {
    const isWide = scope === "Cluster" && informerScope === "Cluster";
    grant(isWide ? everywhere : mappedNamespaces, group, names.plural);
    for (const claim of permissionClaims) {
      grant(isWide && reachesBeyondNamespaces(claim) ? everywhere : mappedNamespaces, claim.group, claim.resource);
    }
  }
  return { everywhere: sorted(everywhere), mappedNamespaces: sorted(mappedNamespaces) };
}

/** A claim without namespaces is one on a cluster-scoped resource; konnectors watch it on the whole provider. */
const reachesBeyondNamespaces = ({ selector }: PermissionClaim): boolean =>
  selector !== undefined && (selector.namespaces ?? []).length === 0;

function grant(rules: Map<string, PolicyRule>, group: string, resource: string): void {
  rules.set(`${group}/${resource}`, { apiGroups: [group], resources: [resource], verbs: OBJECT_VERBS });
}

const sorted = (rules: Map<string, PolicyRule>): PolicyRule[] =>
  [...rules].sort(([a], [b]) => a < b ? -1 : 1).map(([, rule]) => rule);

/** Name of the ClusterRole whose rights a contract has in each mapped namespace; no namespace's name holds a colon. */
export const mappedRoleName = (clusterNamespace: string, scope: ConsumerScope): string =>
  scope === "Namespaced" ? binderRoleName(clusterNamespace) : `${binderRoleName(clusterNamespace)}:mapped`;

/** The ServiceAccount that an app cluster acts as. */
const binderOf = (clusterNamespace: string): RoleSubject => ({
  kind: "ServiceAccount",
  namespace: clusterNamespace,
  name: BINDER,
});

/** @param owner the cluster namespace, with which the role goes */
export const clusterRole = (name: string, owner: OwnerReference, rules: PolicyRule[]): Role => ({
  apiVersion: RBAC_VERSION,
  kind: "ClusterRole",
  metadata: { name, ownerReferences: [owner] },
  rules,
});

/** Grants a ClusterRole of the same name on the whole provider; for scope `Cluster` only. */
export const clusterRoleBinding = (name: string, clusterNamespace: string, owner: OwnerReference): RoleBinding => ({
  apiVersion: RBAC_VERSION,
  kind: "ClusterRoleBinding",
  metadata: { name, ownerReferences: [owner] },
  subjects: [binderOf(clusterNamespace)],
  roleRef: { apiGroup: RBAC_GROUP, kind: "ClusterRole", name },
});

/** Grants a ClusterRole to an app cluster in one namespace. */
export const binderRoleBinding = (namespace: string, role: string, clusterNamespace: string): RoleBinding => ({
  apiVersion: RBAC_VERSION,
  kind: "RoleBinding",
  metadata: { namespace, name: BINDER },
  subjects: [binderOf(clusterNamespace)],
  roleRef: { apiGroup: RBAC_GROUP, kind: "ClusterRole", name: role },
});

/** The cluster namespace that a ClusterRole or ClusterRoleBinding of ours belongs to, by its name. */
export function clusterNamespaceOfRole(role: string): string | undefined {
  const prefix = binderRoleName("");
  return role.startsWith(prefix) ? role.slice(prefix.length).split(":", 1)[0] : undefined;
}
