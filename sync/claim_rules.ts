import { KLUTCH_NAMESPACE } from "../crds/names.ts";
import { groupResourceName, type PermissionClaim } from "../crds/shared.ts";
import { isJsonObject } from "../kube/json.ts";
import type { DynamicObject, ObjectKey } from "../kube/types.ts";
import { mayBeClaimed } from "./protected_apis.ts";

/** Whose object a claimed one is: the side it was made on, and is copied from. */
export type Owner = "Provider" | "Consumer";

export const OWNERS: readonly Owner[] = ["Provider", "Consumer"];

/** Whose objects a claim is about. */
export const ownersOf = ({ selector }: PermissionClaim): readonly Owner[] =>
  selector?.owner ? [selector.owner] : OWNERS;

/** Whether an object of the provider's is deleted with its copy on the consumer, which otherwise is made again. */
export const deletesSources = (claim: PermissionClaim): boolean =>
  ownersOf(claim).includes("Provider") && claim.onConflict?.recreateWhenConsumerSideDeleted === false;

/** Namespaces on either cluster that no claim reaches, whatever it says. */
const FORBIDDEN_NAMESPACES = new Set(["kube-system", "kube-public", "kube-node-lease", KLUTCH_NAMESPACE]);

export const isForbiddenNamespace = (name: string): boolean => FORBIDDEN_NAMESPACES.has(name);

/**
 * Why a kind may not be claimed, whoever agreed to it.
 *
 * @param bound names of the bound APIs, whose objects are synced as such
 */
export function refusalOf({ group, resource }: PermissionClaim, bound: ReadonlySet<string>): string | undefined {
  const name = groupResourceName({ group, resource });
  if (resource.includes("/")) return `${name} are parts of objects, and no objects that could be copied`;
  if (!mayBeClaimed({ group, resource })) return `${name} may never be claimed`;
  if (bound.has(name)) return `${name} is a bound API itself`;
}

/** Parts of a claim that are not acted upon, as paths below the claim, e.g. `update.fields`. */
export interface Unsupported {
  /** The claim works, without what these say. */
  ignored: string[];
  /** Without them more would be copied than was agreed, so nothing is. */
  restricting: string[];
}

export function unsupportedParts(
  { selector, read = {}, update = {}, autoAdopt, autoDonate }: PermissionClaim,
): Unsupported {
  const asked = (path: string, values: unknown[] | undefined) => values?.length ? [path] : [];
  const { labels, annotations, labelsOnProviderOwnedObjects, overrideAnnotations } = read;
  const { alwaysRecreate: _supported, ...changes } = update;
  return {
    ignored: [
      ...(autoAdopt ? ["autoAdopt"] : []),
      ...(autoDonate ? ["autoDonate"] : []),
      ...asked("read.labelsOnProviderOwnedObjects", labelsOnProviderOwnedObjects),
      ...asked("read.overrideAnnotations", overrideAnnotations),
      ...Object.entries(changes).flatMap(([field, values]) => asked(`update.${field}`, values)),
    ],
    restricting: [
      ...asked("selector.fieldSelectors", selector?.fieldSelectors),
      ...asked("read.labels", labels),
      ...asked("read.annotations", annotations),
    ],
  };
}

/** Undefined stands for all of them. */
const listed = (values: string[] | undefined): string[] | undefined =>
  values && values.length > 0 && !values.includes("*") ? values : undefined;

/** The namespaces of the consumer that a claim is about; undefined stands for all of them. */
export const listedNamespaces = ({ selector }: PermissionClaim): string[] | undefined => listed(selector?.namespaces);

/** What the objects are called that a claim is about; undefined stands for all of them. */
export const listedNames = ({ selector }: PermissionClaim): string[] | undefined => listed(selector?.names);

/** Whether a claim is about a namespace of the consumer. */
export const reachesNamespace = (claim: PermissionClaim, namespace: string): boolean =>
  !isForbiddenNamespace(namespace) && (listedNamespaces(claim)?.includes(namespace) ?? true);

/** Whether a claim may be about what has this key on the consumer, as far as keys tell. */
export const reachesKey = (claim: PermissionClaim, { namespace = "", name }: ObjectKey): boolean =>
  reachesNamespace(claim, namespace) && (listedNames(claim)?.includes(name) ?? true);

/**
 * Whether a claim is about an object: its name, its namespace on the consumer and its labels.
 *
 * @param key on the consumer
 */
export function isSelected(claim: PermissionClaim, key: ObjectKey, object: DynamicObject): boolean {
  const { labelSelectors = [] } = claim.selector ?? {};
  const labels = object.metadata.labels ?? {};
  return reachesKey(claim, key) &&
    (labelSelectors.length === 0 ||
      labelSelectors.some((wanted) =>
        Object.entries(wanted).every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value)
      )) &&
    !isPrivate(object);
}

const SERVICE_ACCOUNT_TOKEN = "kubernetes.io/service-account-token";

/** Objects that every cluster makes for itself, or that are keys to one. */
function isPrivate({ apiVersion, kind, type, metadata }: DynamicObject): boolean {
  if (apiVersion !== "v1") return false;
  switch (kind) {
    case "Secret":
      return type === SERVICE_ACCOUNT_TOKEN || type === "bootstrap.kubernetes.io/token";
    case "ConfigMap":
      return metadata.name === "kube-root-ca.crt";
    case "ServiceAccount":
      return metadata.name === "default";
    default:
      return false;
  }
}

/** What to ask an API server for in one namespace; together all that a claim is about, and as little else as can be. */
export interface ClaimRequests {
  /** Each needs a store of its own, because an object may fit several of them. */
  labelSelectors: (string | undefined)[];
  fieldSelectors: (string | undefined)[];
}

/** More requests than this per namespace cost more than they spare. */
const MAX_REQUESTS = 4;

export function requestsOf(claim: PermissionClaim): ClaimRequests {
  const { group, resource, selector } = claim;
  const alternatives = selector?.labelSelectors ?? [];
  const names = listedNames(claim) ?? [];
  const type = group === "" && resource === "secrets" ? [`type!=${SERVICE_ACCOUNT_TOKEN}`] : [];
  const byName = names.length <= MAX_REQUESTS ? [...new Set(names)].map((name) => [`metadata.name=${name}`]) : [];
  const isNarrow = alternatives.length > 0 && alternatives.length <= MAX_REQUESTS &&
    alternatives.every((labels) => isJsonObject(labels) && Object.keys(labels).length > 0);
  return {
    labelSelectors: isNarrow ? alternatives.map(labelSelectorText) : [undefined],
    fieldSelectors: (byName.length > 0 ? byName : [[]]).map((terms) => [...terms, ...type].join(",") || undefined),
  };
}

const labelSelectorText = (labels: Record<string, string>): string =>
  Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(",");
