import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { Resource } from "../kube/types.ts";
import type { Isolation } from "./mapping.ts";

/** What of an export the sync of its objects depends on; schemas change without disturbing it. */
export interface SyncDefinition {
  resource: Resource;
  /** Whether the provider may be watched as a whole, or each mapped namespace alone. */
  informerScope: APIServiceExport["spec"]["informerScope"];
  /** How objects of cluster-scoped kinds are kept apart from those of other app clusters. */
  isolation?: Isolation;
  hasStatusSubresource: boolean;
}

/** The version stored, if it is served, otherwise the first one: all others are made from it. */
export function definitionOf(
  { spec: { group, names, scope, versions, informerScope, clusterScopedIsolation = "Prefixed" } }: APIServiceExport,
): SyncDefinition {
  const served = versions.filter((version) => version.served);
  const version = served.find((version) => version.storage) ?? served[0] ?? versions[0]!;
  return {
    resource: {
      group,
      version: version.name,
      plural: names.plural,
      kind: names.kind,
      namespaced: scope === "Namespaced",
    },
    informerScope,
    isolation: scope === "Cluster" ? clusterScopedIsolation : undefined,
    hasStatusSubresource: version.subresources?.status !== undefined,
  };
}
