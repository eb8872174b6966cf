import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceExportRequest } from "../crds/api_service_export_request.ts";
import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import type { AppClusterBinding } from "../crds/app_cluster_binding.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { API_SERVICE_BINDINGS, APP_CLUSTER_BINDING_NAME_LABEL, APP_CLUSTER_BINDINGS } from "../crds/names.ts";
import { groupResourceName } from "../crds/shared.ts";
import type { KubeClient } from "../kube/client.ts";
import { discover } from "../kube/discovery.ts";
import { Informer, type InformerOptions } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import type { Metrics } from "../kube/metrics.ts";
import {
  DEPLOYMENTS,
  type Namespace,
  type Role,
  ROLE_BINDINGS,
  type RoleBinding,
  ROLES,
  type Secret,
  SECRETS,
  SERVICE_ACCOUNTS,
  type ServiceAccount,
} from "../kube/resources.ts";
import { Scopes } from "../kube/scopes.ts";
import type { TaskGroup } from "../kube/tasks.ts";
import { formatKey, keyOf, type KubeObject, type Resource } from "../kube/types.ts";
import { rootOwner } from "./app_cluster_binding_plan.ts";
import { ownerTermOf } from "./app_cluster_objects.ts";
import type { Audit } from "./audit.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Deployment } from "./konnector_deployment.ts";
import type { WriteGuard } from "./write_guard.ts";

/** Index of AppClusterBindings by what their objects carry. */
export const BY_OWNER_TERM = "ownerTerm";
/** Index of AppClusterBindings by the Secret that they name. */
export const BY_SECRET = "secret";
/** Index of AppClusterBindings by the APIs that they bind. */
export const BY_API = "api";

const indexers = {
  [BY_OWNER_TERM]: (binding: AppClusterBinding) => [ownerTermOf(keyOf(binding))],
  [BY_SECRET]: ({ spec }: AppClusterBinding) => {
    const { namespace, name } = spec?.kubeconfigSecretRef ?? {};
    return namespace && name ? [formatKey({ namespace, name })] : [];
  },
  [BY_API]: ({ spec }: AppClusterBinding) => (spec?.apiExports ?? []).map(groupResourceName),
};

/** What is made for AppClusterBindings, as far as it carries their labels. */
export interface OwnedCaches {
  bindings: Informer<APIServiceBinding>;
  mirrors: Informer<Secret>;
  accounts: Informer<ServiceAccount>;
  connectorRoles: Informer<Role>;
  connectorRoleBindings: Informer<RoleBinding>;
  /** Absent where the control plane knows no Deployments, as it runs no pods. */
  deployments?: Informer<Deployment>;
}

/** What control-plane mode knows of the provider's cluster in addition. */
export interface AppClusterCaches extends OwnedCaches {
  appClusterBindings: Informer<AppClusterBinding>;
  /** Secrets that AppClusterBindings name; watched one by one, as those of others are none of our business. */
  sources: { informer: Informer<Secret>; scopes: Scopes };
}

/** What reconcilers of AppClusterBindings work with. */
export interface AppClusterDeps extends AppClusterCaches {
  client: KubeClient;
  /** Indexed by `rootIndexer`. */
  namespaces: Informer<Namespace>;
  clusterBindings: Informer<ClusterBinding>;
  exports: Informer<APIServiceExport>;
  requests: Informer<APIServiceExportRequest>;
  serviceNamespaces: Informer<APIServiceNamespace>;
  catalogue: Catalogue;
  guard: WriteGuard;
  audit: Audit;
  /** What konnectors run, unless an AppClusterBinding says otherwise. */
  konnectorImage: string;
  log: Log;
  now?: () => Date;
}

/** Index of namespaces by the AppClusterBinding that they say they are the root of. */
export const NAMESPACES_BY_ROOT = "root";

export const rootIndexer = {
  [NAMESPACES_BY_ROOT]: (namespace: Namespace): string[] => {
    const owner = rootOwner(namespace);
    return owner === undefined ? [] : [owner];
  },
};

/** The root namespaces of an AppClusterBinding: one, as a rule. */
export const rootsOf = ({ namespaces }: AppClusterDeps, binding: AppClusterBinding): Namespace[] =>
  namespaces.store.by(NAMESPACES_BY_ROOT, formatKey(keyOf(binding)));

/** Watches all of it as long as the tasks run; settles once the caches are complete. */
export async function watchAppClusters(
  { client, log, metrics }: { client: KubeClient; log: Log; metrics?: Metrics },
  tasks: TaskGroup,
): Promise<AppClusterCaches> {
  const { signal } = tasks;
  const watched: { synced(signal: AbortSignal): Promise<void> }[] = [];
  const watch = <T extends KubeObject>(
    resource: Resource,
    labelSelector?: string,
    options?: Partial<InformerOptions<T, T>>,
  ) => {
    const informer = new Informer<T>(client.api<T>(resource), { log, metrics, ...options });
    tasks.run((signal) => informer.watch({ labelSelector }, signal));
    watched.push(informer);
    return informer;
  };
  const own = APP_CLUSTER_BINDING_NAME_LABEL;
  const { group, plural } = DEPLOYMENTS;
  const sources = new Informer<Secret>(client.api(SECRETS), { log, metrics });
  const scopes = new Scopes(sources, tasks);
  const caches: AppClusterCaches = {
    appClusterBindings: watch<AppClusterBinding>(APP_CLUSTER_BINDINGS, undefined, { indexers }),
    bindings: watch<APIServiceBinding>(API_SERVICE_BINDINGS, own),
    mirrors: watch<Secret>(SECRETS, own),
    accounts: watch<ServiceAccount>(SERVICE_ACCOUNTS, own),
    connectorRoles: watch<Role>(ROLES, own),
    connectorRoleBindings: watch<RoleBinding>(ROLE_BINDINGS, own),
    deployments: (await discover(client, signal)).find({ group, plural })
      ? watch<Deployment>(DEPLOYMENTS, own)
      : undefined,
    sources: { informer: sources, scopes },
  };
  await Promise.all(watched.map((informer) => informer.synced(signal)));
  return caches;
}
