import {
  API_SERVICE_EXPORT_REQUESTS,
  API_SERVICE_EXPORTS,
  API_SERVICE_NAMESPACES,
  CLUSTER_BINDINGS,
  GROUP,
} from "../crds/names.ts";
import type { PermissionClaim } from "../crds/shared.ts";
import type { PolicyRule } from "../kube/resources.ts";
import { deletesSources, isForbiddenNamespace, listedNames, listedNamespaces, ownersOf } from "./claim_rules.ts";
import type { SyncDefinition } from "./definition.ts";

/** What may be done with one resource, in the words of RBAC. */
export interface Right {
  group: string;
  /** `mangodbs`, or `mangodbs/status`. */
  resource: string;
  verbs: readonly string[];
  /** In these alone; everywhere when absent. */
  namespaces?: readonly string[];
  /** Of the objects that are called so; of all when absent. */
  names?: readonly string[];
}

export const ruleOf = ({ group, resource, verbs, names }: Right): PolicyRule => ({
  apiGroups: [group],
  resources: [resource],
  verbs: [...verbs],
  ...(names && { resourceNames: [...names] }),
});

const OWN = ["create", "delete", "patch", "update", "get", "list", "watch"];
const STATUS = ["get", "patch", "update"];
const READ = ["get", "watch", "list"];

/** What every app cluster may do on the provider in the namespace that is its own, and nowhere else. */
export const CONTRACT_RIGHTS: readonly Right[] = [
  { group: GROUP, resource: API_SERVICE_EXPORT_REQUESTS.plural, verbs: OWN },
  { group: "", resource: "namespaces", verbs: ["get"] },
  { group: "", resource: "secrets", verbs: READ },
  { group: GROUP, resource: CLUSTER_BINDINGS.plural, verbs: READ },
  { group: GROUP, resource: `${CLUSTER_BINDINGS.plural}/status`, verbs: STATUS },
  { group: GROUP, resource: API_SERVICE_EXPORTS.plural, verbs: READ },
  { group: GROUP, resource: `${API_SERVICE_EXPORTS.plural}/status`, verbs: STATUS },
  { group: GROUP, resource: API_SERVICE_NAMESPACES.plural, verbs: OWN },
];

const COPIED = ["get", "list", "watch", "create", "patch", "delete"];
/** Sources are marked with their owner. */
const SOURCE = ["get", "list", "watch", "patch"];
/** Verbs that reach single objects; for the others API servers know no name, or are told none. */
const NAMEABLE = new Set(["get", "update", "patch", "delete"]);

export const isNameable = (verb: string): boolean => NAMEABLE.has(verb);

/** What the konnector has to be allowed with the objects of one bound API. */
export const instanceRights = (
  side: "consumer" | "provider",
  { resource: { group, plural }, hasStatusSubresource }: Pick<SyncDefinition, "resource" | "hasStatusSubresource">,
): Right[] => [
  { group, resource: plural, verbs: COPIED },
  ...(side === "consumer" && hasStatusSubresource ? [{ group, resource: `${plural}/status`, verbs: ["patch"] }] : []),
];

/**
 * What it has to be allowed with the objects of one accepted claim. On the provider that is so in mapped namespaces; on
 * the consumer in those that the claim lists and may reach, but copies are watched across namespaces.
 */
export function claimRights(side: "consumer" | "provider", claim: PermissionClaim): Right[] {
  const { group, resource } = claim;
  const isCopied = ownersOf(claim).some((owner) => (owner === "Provider") === (side === "consumer"));
  const verbs = isCopied ? COPIED : deletesSources(claim) ? [...SOURCE, "delete"] : SOURCE;
  const rights = limitToNames({ group, resource, verbs }, listedNames(claim));
  const namespaces = side === "consumer" ? listedNamespaces(claim) : undefined;
  if (!namespaces) return rights;
  return [
    ...(isCopied ? [{ group, resource, verbs: ["list", "watch"] }] : []),
    ...rights.map((right) => ({ ...right, namespaces: namespaces.filter((name) => !isForbiddenNamespace(name)) })),
  ];
}

/** One right, as one for the verbs that reach single objects and one for the others. */
export function limitToNames({ verbs, ...right }: Right, names: readonly string[] | undefined): Right[] {
  if (!names) return [{ ...right, verbs }];
  const [named, others] = [true, false].map((isNamed) => verbs.filter((verb) => isNameable(verb) === isNamed));
  return [{ ...right, verbs: others! }, { ...right, verbs: named!, names }];
}
