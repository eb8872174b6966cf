import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import type { Store } from "../kube/store.ts";
import type { ObjectKey } from "../kube/types.ts";

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
  };
}
