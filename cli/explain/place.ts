import type { KubeClient } from "../../kube/client.ts";
import { type Namespace, NAMESPACES } from "../../kube/resources.ts";
import { formatKey, isDeleting, type ObjectKey } from "../../kube/types.ts";
import type { SyncDefinition } from "../../sync/definition.ts";
import { type Mapping, whyUnmapped } from "../../sync/mapping.ts";
import { type Finding, passed, stopped } from "../diagnosis/finding.ts";
import { mappingOf, type ProviderSide } from "../diagnosis/provider_side.ts";

/** Where an object is, or is to be, on the provider. */
export interface Place {
  key: ObjectKey;
  mapping: Mapping;
}

/** Finds the object's place on the provider; there is none while its namespace has no counterpart. */
export async function placeOf(
  appCluster: KubeClient,
  side: ProviderSide,
  definition: SyncDefinition,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<{ place?: Place; finding: Finding }> {
  const { contract, clusterNamespace } = side;
  const [mapping, own] = await Promise.all([
    mappingOf(side, definition, signal),
    definition.resource.namespaced
      ? appCluster.api<Namespace>(NAMESPACES).find({ name: key.namespace! }, signal)
      : undefined,
  ]);
  const providerKey = mapping.toProvider(key);
  if (own && isDeleting(own)) {
    const what = `Namespace "${key.namespace}" of this cluster is being deleted`;
    return {
      place: providerKey && { key: providerKey, mapping },
      finding: stopped("Namespace", "NamespaceTerminating", what),
    };
  }
  if (!providerKey) {
    const { reason, what } = whyUnmapped(contract.namespaces, { namespace: clusterNamespace, name: key.namespace! });
    return { finding: stopped("Namespace", reason, what) };
  }
  return {
    place: { key: providerKey, mapping },
    finding: passed("Namespace", `on the provider it is "${formatKey(providerKey)}"`),
  };
}
