import type { KubeClient } from "../../kube/client.ts";
import { type Namespace, NAMESPACES } from "../../kube/resources.ts";
import { type DynamicObject, keyOf } from "../../kube/types.ts";
import { providerResource, type SyncDefinition } from "../../sync/definition.ts";
import { mapClusterScoped, mapNamespaces, type Mapping } from "../../sync/mapping.ts";
import type { Contract, ProviderView } from "./provider.ts";

/** A provider that answers. */
export interface ProviderSide {
  client: KubeClient;
  contract: Contract;
  clusterNamespace: string;
}

/** Undefined for a provider that does not answer. */
export const sideOf = ({ client, contract, namespace }: ProviderView): ProviderSide | undefined =>
  client && contract && namespace ? { client, contract, clusterNamespace: namespace } : undefined;

/** Where objects of an API are on the provider. */
export async function mappingOf(
  { client, contract, clusterNamespace }: ProviderSide,
  { resource, isolation }: SyncDefinition,
  signal: AbortSignal,
): Promise<Mapping> {
  if (resource.namespaced) return mapNamespaces(contract.namespaces, clusterNamespace);
  const owner = await client.api<Namespace>(NAMESPACES).get({ name: clusterNamespace }, signal);
  return mapClusterScoped(isolation ?? "Prefixed", owner);
}

/** The provider's namespaces that mirror namespaces of the app cluster. */
export const mappedNamespaces = ({ contract }: ProviderSide): string[] => [
  ...new Set([...contract.namespaces.list()].flatMap(({ status }) => status?.namespace ?? [])),
];

/** Objects of an API on the provider that are the counterparts of this cluster's, or would be. */
export async function listOnProvider(
  side: ProviderSide,
  definition: SyncDefinition,
  mapping: Mapping,
  signal: AbortSignal,
): Promise<DynamicObject[]> {
  const { resource, isolation } = definition;
  const api = side.client.api(providerResource(definition));
  const namespaces = resource.namespaced
    ? mappedNamespaces(side)
    : [isolation === "Namespaced" ? side.clusterNamespace : undefined];
  const lists = await Promise.all(namespaces.map((namespace) => api.list({ namespace }, signal)));
  return lists.flatMap(({ items }) => items)
    .filter((object) => mapping.toConsumer(keyOf(object)) && !mapping.isForeign(object));
}
