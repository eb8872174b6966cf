import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { CrdVersion, CustomResourceDefinition } from "../kube/resources.ts";
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
  /** Living objects are left alone; only deletions under way are brought to their end. */
  onlyDeletions?: boolean;
}

/** What CRDs and exports say alike about an API. */
type ApiSpec = Pick<CustomResourceDefinition["spec"], "group" | "scope"> & {
  names: { kind: string; plural: string };
  versions: Pick<CrdVersion, "name" | "served" | "storage">[];
};

/** The version stored, if it is served, otherwise the first one: all others are made from it. */
const versionToSync = <V extends ApiSpec["versions"][number]>(versions: V[]): V => {
  const served = versions.filter((version) => version.served);
  return served.find((version) => version.storage) ?? served[0] ?? versions[0]!;
};

/** How the objects of an API are reached. */
export const resourceOf = ({ group, names, scope, versions }: ApiSpec): Resource => ({
  group,
  version: versionToSync(versions).name,
  plural: names.plural,
  kind: names.kind,
  namespaced: scope === "Namespaced",
});

export const definitionOf = ({ spec }: APIServiceExport): SyncDefinition => ({
  resource: resourceOf(spec),
  informerScope: spec.informerScope,
  isolation: spec.scope === "Cluster" ? spec.clusterScopedIsolation ?? "Prefixed" : undefined,
  hasStatusSubresource: versionToSync(spec.versions).subresources?.status !== undefined,
});

/** Isolation by namespaces needs a kind that is namespaced on the provider. */
export const providerResource = ({ resource, isolation }: SyncDefinition): Resource =>
  isolation === "Namespaced" ? { ...resource, namespaced: true } : resource;
