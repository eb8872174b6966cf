import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceExportRequest } from "../crds/api_service_export_request.ts";
import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import type { ExportCrdSpec } from "../crds/export_schema.ts";
import {
  API_SERVICE_EXPORT_REQUESTS,
  API_SERVICE_EXPORT_TEMPLATES,
  API_SERVICE_EXPORTS,
  API_SERVICE_NAMESPACES,
  BINDER,
  BINDER_CLAIMS,
  CLUSTER_BINDINGS,
  KUBECONFIG,
  SCHEMA_LABEL,
} from "../crds/names.ts";
import type { KubeClient } from "../kube/client.ts";
import { Informer, type Scope } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import type { Metrics } from "../kube/metrics.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CONTROLLER_REVISIONS,
  type ControllerRevision,
  CUSTOM_RESOURCE_DEFINITIONS,
  type CustomResourceDefinition,
  type Namespace,
  NAMESPACES,
  type Role,
  ROLE_BINDINGS,
  type RoleBinding,
  ROLES,
  type Secret,
  SECRETS,
} from "../kube/resources.ts";
import { namespaceIndexer } from "../kube/store.ts";
import type { TaskGroup } from "../kube/tasks.ts";
import { rootIndexer } from "./app_cluster_caches.ts";
import { Catalogue, type ServedApi, templateIndexers, toServedApi } from "./catalogue.ts";
import { toLegacyToken } from "./credential.ts";
import type { LegacyToken } from "./credential_plan.ts";
import { requestIndexers } from "./export_request.ts";
import { identityIndexer } from "./identity.ts";
import { type HeldCredential, toHeldCredential } from "./losses.ts";
import type { ConsumerScope } from "./options.ts";
import { exportIndexers } from "./schema_rollout.ts";
import { snapshotIndexers, type SnapshotInformer, toSnapshot } from "./schema_snapshots.ts";
import { ownerIndexer } from "./service_namespace_plan.ts";

export interface CachesDeps {
  client: KubeClient;
  consumerScope: ConsumerScope;
  log: Log;
  metrics?: Metrics;
}

/** What is known of the provider's cluster, kept up to date by watches. */
export interface ProviderCaches {
  templates: Informer<APIServiceExportTemplate>;
  apis: Informer<CustomResourceDefinition, ServedApi>;
  snapshots: SnapshotInformer;
  exports: Informer<APIServiceExport>;
  requests: Informer<APIServiceExportRequest>;
  serviceNamespaces: Informer<APIServiceNamespace>;
  clusterBindings: Informer<ClusterBinding>;
  namespaces: Informer<Namespace>;
  credentials: Informer<Secret, HeldCredential>;
  legacyTokens: Informer<Secret, LegacyToken>;
  roleBindings: Informer<RoleBinding>;
  claimsRoles: Informer<Role>;
  claimsRoleBindings: Informer<RoleBinding>;
  clusterRoles: Informer<Role>;
  clusterRoleBindings: Informer<RoleBinding>;
  catalogue: Catalogue;
}

/** Caches of the provider's cluster, empty until they are watched. */
export function createCaches({ client, consumerScope, log, metrics }: CachesDeps): ProviderCaches {
  const options = { log, metrics };
  const templates = new Informer(client.api<APIServiceExportTemplate>(API_SERVICE_EXPORT_TEMPLATES), {
    ...options,
    indexers: templateIndexers,
  });
  const apis = new Informer(client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS), {
    ...options,
    project: toServedApi,
  });
  return {
    templates,
    apis,
    catalogue: new Catalogue(apis.store, templates.store, consumerScope),
    snapshots: new Informer(client.api<ControllerRevision<ExportCrdSpec>>(CONTROLLER_REVISIONS), {
      ...options,
      indexers: snapshotIndexers,
      project: toSnapshot,
    }),
    exports: new Informer(client.api<APIServiceExport>(API_SERVICE_EXPORTS), {
      ...options,
      indexers: { ...exportIndexers, ...namespaceIndexer },
    }),
    requests: new Informer(client.api<APIServiceExportRequest>(API_SERVICE_EXPORT_REQUESTS), {
      ...options,
      indexers: requestIndexers,
    }),
    serviceNamespaces: new Informer<APIServiceNamespace>(client.api(API_SERVICE_NAMESPACES), {
      ...options,
      indexers: namespaceIndexer,
    }),
    clusterBindings: new Informer(client.api<ClusterBinding>(CLUSTER_BINDINGS), options),
    namespaces: new Informer(client.api<Namespace>(NAMESPACES), {
      ...options,
      indexers: { ...identityIndexer, ...ownerIndexer, ...rootIndexer },
    }),
    credentials: new Informer(client.api<Secret>(SECRETS), { ...options, project: toHeldCredential }),
    legacyTokens: new Informer(client.api<Secret>(SECRETS), { ...options, project: toLegacyToken }),
    roleBindings: new Informer(client.api<RoleBinding>(ROLE_BINDINGS), options),
    claimsRoles: new Informer(client.api<Role>(ROLES), options),
    claimsRoleBindings: new Informer(client.api<RoleBinding>(ROLE_BINDINGS), options),
    clusterRoles: new Informer(client.api<Role>(CLUSTER_ROLES), options),
    clusterRoleBindings: new Informer(client.api<RoleBinding>(CLUSTER_ROLE_BINDINGS), options),
  };
}

/** What is watched of a kind; without an entry, all of it. */
export type CacheScopes = Partial<Record<keyof ProviderCaches, Scope>>;

/** Of all the objects of these kinds in a cluster, those of one name concern us. */
export const SCOPES: CacheScopes = {
  snapshots: { labelSelector: SCHEMA_LABEL },
  credentials: { fieldSelector: `metadata.name=${KUBECONFIG}` },
  legacyTokens: { fieldSelector: `metadata.name=${BINDER},type=kubernetes.io/service-account-token` },
  roleBindings: { fieldSelector: `metadata.name=${BINDER}` },
  claimsRoles: { fieldSelector: `metadata.name=${BINDER_CLAIMS}` },
  claimsRoleBindings: { fieldSelector: `metadata.name=${BINDER_CLAIMS}` },
};

/** Watches the provider's cluster as long as the tasks run; settles once all caches are complete. */
export async function watchCaches(
  { catalogue: _, ...informers }: ProviderCaches,
  tasks: TaskGroup,
  scopes: CacheScopes = SCOPES,
): Promise<void> {
  for (const [name, informer] of Object.entries(informers)) {
    tasks.run((signal) => informer.watch(scopes[name as keyof ProviderCaches] ?? {}, signal));
  }
  await Promise.all(Object.values(informers).map((informer) => informer.synced(tasks.signal)));
}
