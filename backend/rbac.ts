import type { APIServiceExport } from "../crds/api_service_export.ts";
import { BINDER, BINDER_CLAIMS, binderRoleName } from "../crds/names.ts";
import type { PermissionClaim } from "../crds/shared.ts";
import type { PolicyRule, Role, RoleBinding, RoleSubject } from "../kube/resources.ts";
import type { OwnerReference } from "../kube/types.ts";
import { deletesSources, listedNames, listedNamespaces, ownersOf } from "../sync/claim_rules.ts";
import { CONTRACT_RIGHTS, isNameable, ruleOf } from "../sync/rights.ts";
import type { ConsumerScope } from "./options.ts";

const RBAC_GROUP = "rbac.authorization.k8s.io";
const RBAC_VERSION = `${RBAC_GROUP}/v1`;

/** What a konnector does with instances and claimed objects. */
const OBJECT_VERBS = ["get", "list", "watch", "update", "patch", "delete", "create"];
/** What it does with claimed objects that the provider owns: it copies them, and marks them as copied. */
const SOURCE_VERBS = ["get", "list", "watch", "update", "patch"];

/** What every app cluster may do in the namespace that is its own, and nowhere else. */
export const BINDER_ROLE: Role = {
  apiVersion: RBAC_VERSION,
  kind: "ClusterRole",
  metadata: { name: BINDER },
  rules: CONTRACT_RIGHTS.map(ruleOf),
};

/** Rights of one app cluster outside the namespace that is its own. */
export interface ContractRules {
  /** On the whole provider; always empty with scope `Namespaced`. */
  everywhere: PolicyRule[];
  /** In each mapped namespace. */
  mappedNamespaces: PolicyRule[];
  /** Beyond that in the counterparts of single namespaces, by their name on the app cluster. */
  singleNamespaces: ReadonlyMap<string, PolicyRule[]>;
}

/**
 * The rights that the exports of one contract need, in an order that depends on nothing else. With scope `Cluster` only
 * what is watched provider-wide is granted provider-wide: a claim on Secrets of namespaces stays within the mapped ones.
 */
export function contractRules(exports: Iterable<APIServiceExport>, scope: ConsumerScope): ContractRules {
  const everywhere = new Rights();
  const mapped = new Rights();
  const single = new Map<string, Rights>();
  const inNamespace = (name: string) => {
    const rights = single.get(name) ?? new Rights();
    single.set(name, rights);
    return rights;
  };
  for (const { spec: { group, names, informerScope, permissionClaims = [] } } of exports) {
    const isWide = scope === "Cluster" && informerScope === "Cluster";
    (isWide ? everywhere : mapped).grant(group, names.plural, OBJECT_VERBS);
    for (const claim of permissionClaims) {
      const places = isWide && reachesBeyondNamespaces(claim)
        ? [everywhere]
        : listedNamespaces(claim)?.map(inNamespace) ?? [mapped];
      for (const rights of places) {
        rights.grant(claim.group, claim.resource, verbsOf(claim), listedNames(claim));
      }
    }
  }
  return {
    everywhere: everywhere.rules,
    mappedNamespaces: mapped.rules,
    singleNamespaces: new Map([...single].map(([name, rights]) => [name, rights.rules])),
  };
}

/** What the provider owns is not made by app clusters, and deleted by them only where the claim says so. */
function verbsOf(claim: PermissionClaim): readonly string[] {
  if (ownersOf(claim).includes("Consumer")) return OBJECT_VERBS;
  return deletesSources(claim) ? [...SOURCE_VERBS, "delete"] : SOURCE_VERBS;
}

/**
 * A claim without namespaces is one on a cluster-scoped resource; konnectors watch it on the whole provider. Those of
 * Kubernetes itself are never for app clusters, and the others there are in namespaces, whatever the claim says.
 */
const reachesBeyondNamespaces = ({ group, selector }: PermissionClaim): boolean =>
  selector !== undefined && (selector.namespaces ?? []).length === 0 && group.includes(".") &&
  !group.endsWith(".k8s.io");

/** Verbs by resource and, where the claim and the verb allow it, by the names of objects. */
class Rights {
  readonly #resources = new Map<string, { group: string; resource: string; byName: Map<string, Set<string>> }>();

  /** @param names absent: of all objects */
  grant(group: string, resource: string, verbs: readonly string[], names?: readonly string[]): void {
    const id = `${group}/${resource}`;
    const { byName } = this.#resources.get(id) ?? { byName: new Map<string, Set<string>>() };
    this.#resources.set(id, { group, resource, byName });
    for (const verb of verbs) {
      for (const name of names && isNameable(verb) ? names : [ANY]) {
        byName.set(name, (byName.get(name) ?? new Set()).add(verb));
      }
    }
  }

  get rules(): PolicyRule[] {
    return [...this.#resources].sort(([a], [b]) => a < b ? -1 : 1)
      .flatMap(([, { group, resource, byName }]) => {
        const onAny = byName.get(ANY) ?? new Set();
        const namesByVerbs = new Map<string, string[]>();
        for (const [name, verbs] of [...byName].sort(([a], [b]) => a < b ? -1 : 1)) {
          const more = name === ANY ? verbs : verbs.difference(onAny);
          const text = OBJECT_VERBS.filter((verb) => more.has(verb)).join();
          if (text) namesByVerbs.set(text, [...namesByVerbs.get(text) ?? [], name]);
        }
        return [...namesByVerbs].map(([verbs, names]): PolicyRule => ({
          apiGroups: [group],
          resources: [resource],
          verbs: verbs.split(","),
          ...(names[0] !== ANY && { resourceNames: names }),
        }));
      });
  }
}

/** Stands for the names of all objects; sorts before each of them. */
const ANY = "";

/** A rule as text, e.g. `get,list,watch secrets "db-password"`; for the audit log. */
export const ruleText = ({ apiGroups = [], resources = [], resourceNames, verbs }: PolicyRule): string =>
  `${verbs} ${resources.map((resource) => [resource, ...apiGroups.filter(Boolean)].join("."))}` +
  (resourceNames ? ` "${resourceNames}"` : "");

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

/** What single claims allow in one mapped namespace beyond what is allowed in all of them. */
export const claimsRole = (namespace: string, rules: PolicyRule[]): Role => ({
  apiVersion: RBAC_VERSION,
  kind: "Role",
  metadata: { namespace, name: BINDER_CLAIMS },
  rules,
});

/** Grants `claimsRole`. */
export const claimsRoleBinding = (namespace: string, clusterNamespace: string): RoleBinding => ({
  apiVersion: RBAC_VERSION,
  kind: "RoleBinding",
  metadata: { namespace, name: BINDER_CLAIMS },
  subjects: [binderOf(clusterNamespace)],
  roleRef: { apiGroup: RBAC_GROUP, kind: "Role", name: BINDER_CLAIMS },
});

/** The cluster namespace that a ClusterRole or ClusterRoleBinding of ours belongs to, by its name. */
export function clusterNamespaceOfRole(role: string): string | undefined {
  const prefix = binderRoleName("");
  return role.startsWith(prefix) ? role.slice(prefix.length).split(":", 1)[0] : undefined;
}
