import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import { API_SERVICE_NAMESPACE_ANNOTATION } from "../crds/names.ts";
import type { Namespace } from "../kube/resources.ts";
import { annotationOf, formatKey, isDeleting, type ObjectKey } from "../kube/types.ts";
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
  /** How long a mapped namespace without its request has been seen; absent when its deletion was seen. */
  orphanedForMs?: number;
  /** Whether the app cluster still has its contract. */
  hasContract: boolean;
}

export type MappingPlan =
  | { do: "create"; name: string }
  | { do: "prepare"; namespace: Namespace }
  | { do: "delete"; namespaces: Namespace[] }
  | { do: "wait"; requeueAfterMs?: number; why?: string };

/** A restored backup may bring namespaces back before their requests. */
export const ORPHAN_GRACE_MS = 10 * 60_000;

/**
 * What to do for one consumer namespace: its mapped namespace exists as long as its APIServiceNamespace does. Only
 * namespaces that say they belong to it are touched. A deletion that nobody saw, because the backend was down, is made up
 * for after a while, but never for an app cluster whose contract has vanished altogether.
 */
export function planMapping(view: MappingView): MappingPlan {
  const { key, request, owned, isForeign, orphanedForMs, hasContract } = view;
  if (!request || isDeleting(request)) {
    const doomed = owned.filter((namespace) => !isDeleting(namespace));
    if (doomed.length === 0) return { do: "wait" };
    if (request || orphanedForMs === undefined) return { do: "delete", namespaces: doomed };
    if (!hasContract) {
      return { do: "wait", why: "its app cluster has no contract any more; delete the namespace if its data can go" };
    }
    const restMs = ORPHAN_GRACE_MS - orphanedForMs;
    return restMs > 0 ? { do: "wait", requeueAfterMs: restMs } : { do: "delete", namespaces: doomed };
  }
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
