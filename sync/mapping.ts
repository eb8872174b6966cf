import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import type { Obstacle } from "../crds/checkpoints.ts";
import { API_SERVICE_NAMESPACES, CLUSTER_NAMESPACE_ANNOTATION } from "../crds/names.ts";
import type { Store } from "../kube/store.ts";
import {
  annotationOf,
  apiVersionOf,
  type DynamicObject,
  isDeleting,
  type KubeObject,
  type ObjectKey,
} from "../kube/types.ts";
import type { Marks } from "./instance_plan.ts";

/** Name of the store index by which a mapped namespace finds its APIServiceNamespace. */
export const BY_MAPPED_NAMESPACE = "mappedNamespace";

/** The index for a store of APIServiceNamespaces that `mapNamespaces` looks into. */
export const mappedNamespaceIndex = {
  [BY_MAPPED_NAMESPACE]: (object: APIServiceNamespace) => object.status?.namespace ? [object.status.namespace] : [],
};

/** Which object on the other cluster an object corresponds to. */
export interface Mapping {
  /** Undefined while the consumer's namespace has no counterpart yet. */
  toProvider(key: ObjectKey): ObjectKey | undefined;
  /** Undefined for objects of nobody or of somebody else. */
  toConsumer(key: ObjectKey): ObjectKey | undefined;
  /** What a new object on the provider carries to say whose it is. */
  marks: Marks;
  /** Whether an object on the provider belongs to somebody else for all its name says. */
  isForeign(object: DynamicObject): boolean;
}

/** The mapping of namespaced kinds: names stay, namespaces are what the backend wrote into APIServiceNamespaces. */
export function mapNamespaces(namespaces: Store<APIServiceNamespace>, clusterNamespace: string): Mapping {
  return {
    toProvider({ namespace, name }) {
      const mapped = namespaces.get({ namespace: clusterNamespace, name: namespace! })?.status?.namespace;
      return mapped ? { namespace: mapped, name } : undefined;
    },
    toConsumer({ namespace, name }) {
      const owners = namespaces.keysBy(BY_MAPPED_NAMESPACE, namespace!);
      // Two consumer namespaces on one provider namespace: nobody knows whose object it is, so nobody touches it.
      return owners.length === 1 ? { namespace: owners[0]!.name, name } : undefined;
    },
    marks: {},
    isForeign: () => false,
  };
}

/** Asks the backend for a counterpart of a namespace of the consumer. */
export const namespaceRequest = (clusterNamespace: string, name: string): APIServiceNamespace => ({
  apiVersion: apiVersionOf(API_SERVICE_NAMESPACES),
  kind: API_SERVICE_NAMESPACES.kind,
  metadata: { namespace: clusterNamespace, name },
  spec: {},
});

/** The longest name of a namespace. */
const MAX_NAMESPACE_LENGTH = 63;

/** Why a namespace of the consumer has no counterpart yet. */
export function whyUnmapped(
  namespaces: Store<APIServiceNamespace>,
  { namespace: clusterNamespace, name }: { namespace: string; name: string },
): { reason: Obstacle<"Namespace">; what: string } {
  const request = namespaces.get({ namespace: clusterNamespace, name });
  if (!request) {
    const what = `Nobody has asked the provider to make a namespace for "${name}" yet`;
    return { reason: "NamespacePending", what };
  }
  if (isDeleting(request)) {
    const what = "The namespace for this object on the provider is being deleted";
    return { reason: "NamespaceTerminating", what };
  }
  const what = `The provider has not made a namespace for "${name}" yet`;
  const mapped = `${clusterNamespace}-${name}`;
  if (mapped.length <= MAX_NAMESPACE_LENGTH) return { reason: "NamespacePending", what };
  const hint = `a backend that would call it "${mapped}" cannot, as that has ${mapped.length} characters and ` +
    `${MAX_NAMESPACE_LENGTH} are allowed`;
  return { reason: "NamespaceNameTooLong", what: `${what}; ${hint}` };
}

export type Isolation = NonNullable<APIServiceExport["spec"]["clusterScopedIsolation"]>;

/**
 * The mapping of cluster-scoped kinds. With `Prefixed` the provider's names begin with the cluster namespace, with
 * `Namespaced` the provider's kind is namespaced and its objects live in the cluster namespace, with `None` names are
 * the same. Objects outside of namespaces carry an annotation that says whose they are; without it they are nobody's
 * we may touch.
 *
 * @param owner the cluster namespace: with it go all its objects
 */
export function mapClusterScoped(isolation: Isolation, owner: KubeObject): Mapping {
  const { name: clusterNamespace, uid } = owner.metadata;
  const prefix = isolation === "Prefixed" ? `${clusterNamespace}-` : "";
  const namespace = isolation === "Namespaced" ? clusterNamespace : undefined;
  return {
    toProvider: ({ name }) => ({ ...(namespace && { namespace }), name: prefix + name }),
    toConsumer: (key) =>
      key.namespace === namespace && key.name.startsWith(prefix) ? { name: key.name.slice(prefix.length) } : undefined,
    marks: {
      annotations: { [CLUSTER_NAMESPACE_ANNOTATION]: clusterNamespace },
      ownerReferences: [{ apiVersion: "v1", kind: "Namespace", name: clusterNamespace, uid: uid! }],
    },
    isForeign: (object) => !namespace && annotationOf(object, CLUSTER_NAMESPACE_ANNOTATION) !== clusterNamespace,
  };
}
