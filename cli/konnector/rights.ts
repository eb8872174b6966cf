import { API_SERVICE_BINDINGS, GROUP, KLUTCH_NAMESPACE } from "../../crds/names.ts";
import type { AcceptablePermissionClaim, PermissionClaim } from "../../crds/shared.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type PolicyRule } from "../../kube/resources.ts";
import { resourceName } from "../../kube/types.ts";
import { judgeClaims } from "../../sync/claim_judgement.ts";
import { mayBeBound } from "../../sync/protected_apis.ts";
import { claimRights, instanceRights, type Right, ruleOf } from "../../sync/rights.ts";
import type { Grant } from "../rbac/compare.ts";
import { publishedTagOf } from "./image.ts";

/** What the konnector may do on the app cluster. */
export interface KonnectorRights {
  everywhere: PolicyRule[];
  /** By namespace. */
  namespaces: Map<string, PolicyRule[]>;
  /** Namespaces that claims list, and that get their rules once they are there. */
  absent: string[];
  /** Made for what is bound; otherwise everything is allowed. */
  isBounded: boolean;
}

/** What the konnector of Klutch's Go implementation needs, as it watches whatever there is. */
export const ALL_RIGHTS: KonnectorRights = {
  everywhere: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }],
  namespaces: new Map(),
  absent: [],
  isBounded: false,
};

/** Whether an image is that of the Go implementation. */
export const needsAllRights = (image: string): boolean => publishedTagOf(image) !== undefined;

export const grantsOf = ({ everywhere, namespaces }: KonnectorRights): Grant[] => [
  { rules: everywhere },
  ...[...namespaces].map(([namespace, rules]) => ({ namespace, rules })),
];

/** As much of a binding as rights depend on. */
export interface BoundApi {
  /** `<resource>.<group>` */
  name: string;
  /** In our namespace. */
  secretName: string;
  claims: AcceptablePermissionClaim[];
}

/**
 * The least that the konnector can do its work with: the kinds that are bound, the claims that are accepted, the Secrets
 * with kubeconfigs, and its own objects. A claim on listed namespaces is granted in these alone.
 */
export function boundRights(apis: readonly BoundApi[]): KonnectorRights {
  const { bindable = [], refused = [] } = Object.groupBy(apis, (api) => isBindable(api) ? "bindable" : "refused");
  const names = namesOf(bindable);
  const everywhere: PolicyRule[] = [
    ruleOf({ group: "apiextensions.k8s.io", resource: "customresourcedefinitions", verbs: ["create"] }),
    {
      ...ruleOf({ group: "apiextensions.k8s.io", resource: CUSTOM_RESOURCE_DEFINITIONS.plural, verbs: OWN_CRD_VERBS }),
      resourceNames: [resourceName(API_SERVICE_BINDINGS), ...names],
    },
    ruleOf({ group: GROUP, resource: API_SERVICE_BINDINGS.plural, verbs: ["get", "list", "watch", "update", "patch"] }),
    ruleOf({ group: GROUP, resource: `${API_SERVICE_BINDINGS.plural}/status`, verbs: ["patch"] }),
    ruleOf({ group: "", resource: "namespaces", verbs: ["get", "list", "watch"] }),
    ruleOf({ group: "", resource: "events", verbs: ["create", "patch"] }),
  ];
  if (names.length > 0) everywhere.push({ ...ruleOf(DELETED_CRDS), resourceNames: names }); // no names would mean all
  if (refused.length > 0) everywhere.push({ ...ruleOf(SEEN_CRDS), resourceNames: namesOf(refused) });
  const secretNames = [...new Set(bindable.map(({ secretName }) => secretName))].sort();
  const namespaces = new Map<string, PolicyRule[]>([[KLUTCH_NAMESPACE, [
    ruleOf({ group: "coordination.k8s.io", resource: "leases", verbs: ["get", "create", "update"] }),
    ...(secretNames.length > 0
      ? [{
        ...ruleOf({ group: "", resource: "secrets", verbs: ["get", "list", "watch", "patch"] }),
        resourceNames: secretNames,
      }]
      : []),
  ]]]);
  for (const name of names) everywhere.push(...instanceRights("consumer", kindOf(name)).map(ruleOf));
  const bound = new Set(names);
  for (const { claims: permissionClaims } of bindable) {
    for (const claim of judgeClaims({ spec: { permissionClaims } }, bound).effective) {
      grantClaim({ everywhere, namespaces }, claim);
    }
  }
  return {
    everywhere: unique(everywhere),
    namespaces: new Map([...namespaces].map(([one, rules]) => [one, unique(rules)])),
    absent: [],
    isBounded: true,
  };
}

const isBindable = ({ name }: BoundApi): boolean => mayBeBound(kindOf(name).resource.group);
const namesOf = (apis: readonly BoundApi[]): string[] => [...new Set(apis.map(({ name }) => name))].sort();

const OWN_CRD_VERBS = ["get", "list", "watch", "update", "patch"];
/** With the last binding of an API goes its CRD, unless there are objects of it. */
const DELETED_CRDS: Right = { group: "apiextensions.k8s.io", resource: "customresourcedefinitions", verbs: ["delete"] };
/** A binding that is refused is nevertheless let go in order, for which the konnector looks for its CRD. */
const SEEN_CRDS: Right = { ...DELETED_CRDS, verbs: ["get"] };

/** Whether a kind has the status subresource only its schema knows; the right to a part that is not there does nothing. */
function kindOf(name: string) {
  const [plural = "", ...group] = name.split(".");
  return {
    resource: { group: group.join("."), version: "", plural, kind: "", namespaced: true },
    hasStatusSubresource: true,
  };
}

function grantClaim(
  { everywhere, namespaces }: Pick<KonnectorRights, "everywhere" | "namespaces">,
  claim: PermissionClaim,
): void {
  for (const { namespaces: only, ...right } of claimRights("consumer", claim)) {
    if (!only) everywhere.push(ruleOf(right));
    for (const one of only ?? []) namespaces.set(one, [...namespaces.get(one) ?? [], ruleOf(right)]);
  }
}

const unique = (
  rules: PolicyRule[],
): PolicyRule[] => [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
