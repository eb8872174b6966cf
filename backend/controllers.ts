import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceExportRequest } from "../crds/api_service_export_request.ts";
import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import {
  API_SERVICE_EXPORT_REQUESTS,
  API_SERVICE_EXPORT_TEMPLATES,
  API_SERVICE_EXPORTS,
  API_SERVICE_NAMESPACES,
  BINDER,
  BINDER_CLAIMS,
  CLUSTER_BINDING_NAME,
  CLUSTER_BINDINGS,
  KUBECONFIG,
  SCHEMA_LABEL,
} from "../crds/names.ts";
import type { ExportCrdSpec } from "../crds/export_schema.ts";
import { groupResourceName } from "../crds/shared.ts";
import type { KubeClient } from "../kube/client.ts";
import { type Outcome, runController } from "../kube/controller.ts";
import { type Change, Informer, type Scope } from "../kube/informer.ts";
import { deepEqual } from "../kube/json.ts";
import type { Log } from "../kube/log.ts";
import type { Metrics } from "../kube/metrics.ts";
import { WorkQueue } from "../kube/queue.ts";
import type { Recorder } from "../kube/recorder.ts";
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
import { BY_NAMESPACE, namespaceIndexer } from "../kube/store.ts";
import type { TaskGroup } from "../kube/tasks.ts";
import { formatKey, keyOf, type KubeObject, type ObjectKey, parseKey } from "../kube/types.ts";
import { rootIndexer } from "./app_cluster_caches.ts";
import type { Audit } from "./audit.ts";
import { Catalogue, type ServedApi, templateIndexers, TEMPLATES_BY_API, toServedApi } from "./catalogue.ts";
import type { Census } from "./census.ts";
import { reconcileClusterBinding } from "./cluster_binding.ts";
import { CrdSource } from "./crd_source.ts";
import { reconcileCredential, toLegacyToken } from "./credential.ts";
import type { LegacyToken } from "./credential_plan.ts";
import { reconcileExportRequest, requestIndexers, REQUESTS_BY_API } from "./export_request.ts";
import { reconcileExportTemplate } from "./export_template.ts";
import { identityIndexer } from "./identity.ts";
import type { ConsumerScope, Isolation } from "./options.ts";
import { clusterNamespaceOfRole } from "./rbac.ts";
import { auditLosses, type HeldCredential, toHeldCredential } from "./losses.ts";
import { SchemaChanges } from "./schema_change.ts";
import { reconcileSchemaCheck } from "./schema_check.ts";
import { exportIndexers, EXPORTS_BY_NAME, isCanary } from "./schema_rollout.ts";
import { snapshotIndexers, type SnapshotInformer, Snapshots, toSnapshot } from "./schema_snapshots.ts";
import { reconcileServiceExport } from "./service_export.ts";
import { reconcileServiceNamespace } from "./service_namespace.ts";
import { mappedKeyOf, ownerIndexer } from "./service_namespace_plan.ts";
import type { ExternalAccess } from "./tenant_kubeconfig.ts";
import { WriteGuard } from "./write_guard.ts";

export interface ControllersDeps {
  client: KubeClient;
  consumerScope: ConsumerScope;
  clusterScopedIsolation: Isolation;
  /** What kubeconfigs of app clusters say. */
  external: ExternalAccess;
  tokenLifetimeMs: number;
  /** What becomes of app clusters and of their mapped namespaces. */
  censuses: { appClusters: Census; namespaces: Census };
  /** Tells those who run the platform of schemas that go out or wait, and of what nobody needs any more. */
  recorder: Recorder;
  audit: Audit;
  log: Log;
  metrics?: Metrics;
  now?: () => Date;
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
export function createCaches({ client, consumerScope, log, metrics }: ControllersDeps): ProviderCaches {
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

/** What many exports have to tell comes together. */
const EXPORT_NEWS_MS = 1_000;
/** So does what happens to a contract in its first moments: each look at its credential is a request. */
const CREDENTIAL_NEWS_MS = 1_000;

/** Most of the time they wait for the API server, on which many app clusters that come at once have to wait less. */
const WORKERS = 8;

/** Runs all controllers; the caches have to be complete by then, since absence of an object is acted upon. */
export function startControllers(deps: ControllersDeps, caches: ProviderCaches, tasks: TaskGroup): void {
  const { client, censuses, log, metrics } = deps;
  const { templates, apis, exports, requests, serviceNamespaces, clusterBindings, namespaces } = caches;
  const source = new CrdSource(client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS));
  const guard = new WriteGuard();
  const snapshots = new Snapshots(caches.snapshots);
  const shared = { ...deps, ...caches, source, snapshots, guard, changes: new SchemaChanges() };
  const { signal } = tasks;
  signal.addEventListener("abort", () => Object.values(censuses).forEach((census) => census.clear()), { once: true });

  const start = (
    name: string,
    workers: number,
    reconcile: (key: ObjectKey, signal: AbortSignal) => Promise<Outcome>,
  ) => {
    const queue = new WorkQueue();
    tasks.run((signal) => runController({ name, queue, reconcile, workers, log, metrics }, signal));
    return (key: ObjectKey, { fresh }: { fresh: boolean }, afterMs = 0) =>
      queue.add(formatKey(key), { priority: fresh ? "fresh" : "backlog", afterMs });
  };

  const addExport = start("exports", 16, (key, signal) => reconcileServiceExport(shared, key, signal));
  exports.subscribe((change) => addExport(change.key, change), signal);
  const addExportsOf = (name: string, change: Change<unknown>) => {
    for (const one of exports.store.by(EXPORTS_BY_NAME, name)) addExport(keyOf(one), change);
  };
  exports.subscribe((change) => {
    const { name } = change.key;
    if (change.after && isCanary(caches, change.after, caches.catalogue.templateOf(name))) addExportsOf(name, change);
  }, signal);

  clusterBindings.subscribe((change) => {
    if (deepEqual(change.before?.metadata.labels, change.after?.metadata.labels)) return;
    for (const { metadata: { namespace, name } } of exports.store.list()) {
      if (namespace === change.key.namespace) addExportsOf(name, change);
    }
  }, signal);

  const addRequest = start("export requests", WORKERS, (key, signal) => reconcileExportRequest(shared, key, signal));
  requests.subscribe((change) => addRequest(change.key, change), signal);
  const addRequestsFor = (name: string, change: Change<unknown>) => {
    for (const one of requests.store.by(REQUESTS_BY_API, name)) addRequest(keyOf(one), change);
  };
  apis.subscribe((change) => {
    addExportsOf(change.key.name, change);
    addRequestsFor(change.key.name, change);
  }, signal);
  templates.subscribe((change) => {
    if (deepEqual(decisiveOf(change.before), decisiveOf(change.after))) return;
    for (const template of [change.before, change.after]) {
      if (!template) continue;
      const name = groupResourceName(template.spec.APIServiceSelector);
      addExportsOf(name, change);
      addRequestsFor(name, change);
    }
  }, signal);

  const addTemplate = start("templates", 1, (key, signal) => reconcileExportTemplate(shared, key, signal));
  const addTemplatesOf = (name: string, change: Change<unknown>, afterMs?: number) => {
    for (const key of templates.store.keysBy(TEMPLATES_BY_API, name)) addTemplate(key, change, afterMs);
  };
  templates.subscribe((change) => {
    for (const template of [change.before, change.after]) {
      if (template) addTemplatesOf(groupResourceName(template.spec.APIServiceSelector), change);
    }
  }, signal);
  apis.subscribe((change) => addTemplatesOf(change.key.name, change), signal);
  exports.subscribe((change) => addTemplatesOf(change.key.name, change, EXPORT_NEWS_MS), signal);

  caches.snapshots.subscribe(({ before, after, fresh }) => {
    const { template } = after ?? before!;
    addTemplate(parseKey(template), { fresh });
  }, signal);

  const addCheck = start("schema checks", 1, (key, signal) => reconcileSchemaCheck(shared, key, signal));
  templates.subscribe((change) => addCheck(change.key, change), signal);

  const bindingDeps = { ...shared, census: censuses.appClusters };
  const addBinding = start(
    "cluster bindings",
    WORKERS,
    (key, signal) => reconcileClusterBinding(bindingDeps, key, signal),
  );
  const addBindingIn = (namespace: string | undefined, change: Change<unknown>) => {
    const key = { namespace, name: CLUSTER_BINDING_NAME };
    if (clusterBindings.store.get(key)) addBinding(key, change);
  };
  clusterBindings.subscribe((change) => addBinding(change.key, change), signal);
  exports.subscribe((change) => addBindingIn(change.key.namespace, change), signal);
  namespaces.subscribe((change) => {
    if (!change.after) guard.forget(change.key.name);
    addBindingIn(change.key.name, change);
  }, signal);
  for (const roles of [caches.clusterRoles, caches.clusterRoleBindings]) {
    const onChange = (change: Change<KubeObject>) => {
      const namespace = clusterNamespaceOfRole(change.key.name);
      if (namespace) addBindingIn(namespace, change);
    };
    roles.subscribe(onChange, signal);
  }

  auditLosses(shared, signal);

  const addCredential = start("credentials", WORKERS, (key, signal) => reconcileCredential(shared, key, signal));
  clusterBindings.subscribe((change) => addCredential(change.key, change, CREDENTIAL_NEWS_MS), signal);
  caches.legacyTokens.subscribe((change) => {
    addCredential({ namespace: change.key.namespace, name: CLUSTER_BINDING_NAME }, change);
  }, signal);

  const mappingDeps = { ...shared, requests: serviceNamespaces, census: censuses.namespaces };
  const addMapping = start("namespaces", WORKERS, (key, signal) => reconcileServiceNamespace(mappingDeps, key, signal));
  serviceNamespaces.subscribe((change) => addMapping(change.key, change), signal);
  exports.subscribe((change) => {
    for (const key of serviceNamespaces.store.keysBy(BY_NAMESPACE, change.key.namespace!)) addMapping(key, change);
  }, signal);
  const addMappingOf = (namespace: Namespace | undefined, change: Change<unknown>) => {
    const key = namespace && mappedKeyOf(namespace);
    if (key) addMapping(key, change);
  };
  namespaces.subscribe((change) => {
    addMappingOf(change.before, change);
    addMappingOf(change.after, change);
  }, signal);
  caches.roleBindings.subscribe((change) => addBindingIn(change.key.namespace, change), signal);
  for (const rights of [caches.roleBindings, caches.claimsRoles, caches.claimsRoleBindings]) {
    const onChange = (change: Change<KubeObject>) =>
      addMappingOf(namespaces.store.get({ name: change.key.namespace! }), change);
    rights.subscribe(onChange, signal);
  }
}

/** What exports and requests go by; the rest of a template's status counts them, and changes with each of them. */
function decisiveOf(template: APIServiceExportTemplate | undefined) {
  if (!template) return undefined;
  const { metadata: { annotations, labels, deletionTimestamp }, spec, status } = template;
  return { annotations, labels, deletionTimestamp, spec, impact: status?.schema?.impact };
}
