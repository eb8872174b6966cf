import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import { API_SERVICE_NAMESPACE_ANNOTATION, MAPPED_NAMESPACE_FINALIZER, ORPHANS_ANNOTATION } from "../crds/names.ts";
import type { Namespace } from "../kube/resources.ts";
import { annotationOf, formatKey, hasFinalizer, isDeleting, type ObjectKey } from "../kube/types.ts";
import { namespaceNames } from "./bounded_name.ts";

/**
 * Names that the mapped namespace of a consumer namespace may have, in the order in which they are tried: the plain one,
 * which data of today lives under, and one with a hash for when the plain one is too long, or taken by somebody else:
 * `a` + `b-c` and `a-b` + `c` are both `a-b-c`.
 *
 * @param key of the APIServiceNamespace: cluster namespace and consumer namespace
 */
export const mappedNamespaceNames = (key: ObjectKey): string[] =>
  namespaceNames(`${key.namespace}-${key.name}`, formatKey(key));

/** Value of the annotation by which a mapped namespace says whose it is. */
export const ownerOf = (namespace: Namespace): string | undefined =>
  annotationOf(namespace, API_SERVICE_NAMESPACE_ANNOTATION);

/** What is known about one consumer namespace's counterpart. */
export interface MappingView {
  key: ObjectKey;
  request?: APIServiceNamespace;
  /** Namespaces that say they belong to this key. */
  owned: Namespace[];
  /** Whether another's namespace has this name. */
  isForeign: (name: string) => boolean;
  /** Whether all requests are about to vanish, with the definition of their kind. */
  isKindDeleted?: boolean;
}

export type MappingPlan =
  /** Keeps the request from vanishing before its namespace does. */
  | { do: "hold" }
  | { do: "create"; name: string }
  | { do: "prepare"; namespace: Namespace }
  | { do: "delete"; namespaces: Namespace[] }
  /** Lets the request go. */
  | { do: "release" }
  /** Tells about namespaces that are left without their request. */
  | { do: "report"; namespaces: Namespace[] }
  | { do: "wait"; requeueAfterMs?: number; why?: string };

/**
 * What to do for one consumer namespace: its mapped namespace exists as long as its APIServiceNamespace does, which a
 * finalizer holds until the namespace is gone, so that no deletion is missed. Only namespaces that say they belong to it
 * are touched. One without its request, which a restored backup may bring, is deleted when somebody asks for it.
 */
export function planMapping({ key, request, owned, isForeign, isKindDeleted }: MappingView): MappingPlan {
  const present = owned.filter((namespace) => !isDeleting(namespace));
  if (!request) {
    const unwanted = present.filter((namespace) => annotationOf(namespace, ORPHANS_ANNOTATION) === "delete");
    if (unwanted.length > 0) return { do: "delete", namespaces: unwanted };
    return present.length > 0 ? { do: "report", namespaces: present } : { do: "wait" };
  }
  if (isDeleting(request)) {
    if (owned.length === 0) return { do: hasFinalizer(request, MAPPED_NAMESPACE_FINALIZER) ? "release" : "wait" };
    if (isKindDeleted) return { do: "wait", why: "the definition of APIServiceNamespaces is being deleted" };
    return present.length > 0 ? { do: "delete", namespaces: present } : { do: "wait" };
  }
  if (!hasFinalizer(request, MAPPED_NAMESPACE_FINALIZER)) return { do: "hold" };
  const mine = owned.find(({ metadata }) => metadata.name === request.status?.namespace) ?? owned[0];
  if (mine) return isDeleting(mine) ? { do: "wait" } : { do: "prepare", namespace: mine };
  const names = [...(request.status?.namespace ? [request.status.namespace] : []), ...mappedNamespaceNames(key)];
  const name = names.find((name) => !isForeign(name));
  if (name) return { do: "create", name };
  const why = `the names ${names.join(", ")} are taken by namespaces that do not belong to it`;
  return { do: "wait", why, requeueAfterMs: 60_000 };
}

/** The namespace that mirrors one of an app cluster. */
export const newMappedNamespace = (name: string, key: ObjectKey): Namespace => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, annotations: { [API_SERVICE_NAMESPACE_ANNOTATION]: formatKey(key) } },
});

/** Index of namespaces by the APIServiceNamespace that they say they belong to. */
export const NAMESPACES_BY_OWNER = "owner";

export const ownerIndexer = {
  [NAMESPACES_BY_OWNER]: (namespace: Namespace): string[] => {
    const owner = ownerOf(namespace);
    return owner === undefined ? [] : [owner];
  },
};

/** The key that a mapped namespace belongs to. */
export function mappedKeyOf(namespace: Namespace): ObjectKey | undefined {
  const [, clusterNamespace, name] = /^([^/]+)\/([^/]+)$/.exec(ownerOf(namespace) ?? "") ?? [];
  return clusterNamespace && name ? { namespace: clusterNamespace, name } : undefined;
}
