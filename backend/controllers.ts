import type { KubeClient } from "../kube/client.ts";
import { type Outcome, runController } from "../kube/controller.ts";
import type { Log } from "../kube/log.ts";
import type { Metrics } from "../kube/metrics.ts";
import { WorkQueue } from "../kube/queue.ts";
import type { Recorder } from "../kube/recorder.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../kube/resources.ts";
import type { TaskGroup } from "../kube/tasks.ts";
import { formatKey, type ObjectKey } from "../kube/types.ts";
import type { Audit } from "./audit.ts";
import type { Census } from "./census.ts";
import { reconcileClusterBinding } from "./cluster_binding.ts";
import { CrdSource } from "./crd_source.ts";
import { reconcileCredential } from "./credential.ts";
import { reconcileExportRequest } from "./export_request.ts";
import { reconcileExportTemplate } from "./export_template.ts";
import { auditLosses } from "./losses.ts";
import type { ConsumerScope, Isolation } from "./options.ts";
import type { ProviderCaches } from "./provider_caches.ts";
import { SchemaChanges } from "./schema_change.ts";
import { reconcileSchemaCheck } from "./schema_check.ts";
import { Snapshots } from "./schema_snapshots.ts";
import { reconcileServiceExport } from "./service_export.ts";
import { reconcileServiceNamespace } from "./service_namespace.ts";
import {
  type Add,
  type Subscribe,
  subscribeBindings,
  subscribeChecks,
  subscribeCredentials,
  subscribeExports,
  subscribeMappings,
  subscribeRequests,
  subscribeTemplates,
} from "./subscriptions.ts";
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

/** Most of the time they wait for the API server, on which many app clusters that come at once have to wait less. */
const WORKERS = 8;

/** Runs all controllers; the caches have to be complete by then, since absence of an object is acted upon. */
export function startControllers(deps: ControllersDeps, caches: ProviderCaches, tasks: TaskGroup): void {
  const { client, censuses, log, metrics } = deps;
  const shared = {
    ...deps,
    ...caches,
    source: new CrdSource(client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS)),
    snapshots: new Snapshots(caches.snapshots),
    guard: new WriteGuard(),
    changes: new SchemaChanges(),
  };
  const bindingDeps = { ...shared, census: censuses.appClusters };
  const mappingDeps = { ...shared, requests: caches.serviceNamespaces, census: censuses.namespaces };
  const { signal } = tasks;
  signal.addEventListener("abort", () => Object.values(censuses).forEach((census) => census.clear()), { once: true });
  caches.namespaces.subscribe(({ key, after }) => {
    if (!after) shared.guard.forget(key.name);
  }, signal);
  auditLosses(shared, signal);

  type Reconcile = (key: ObjectKey, signal: AbortSignal) => Promise<Outcome>;
  const start = (name: string, workers: number, subscribe: Subscribe, reconcile: Reconcile) => {
    const queue = new WorkQueue();
    tasks.run((signal) => runController({ name, queue, reconcile, workers, log, metrics }, signal));
    const add: Add = (key, { fresh }, afterMs = 0) =>
      queue.add(formatKey(key), { priority: fresh ? "fresh" : "backlog", afterMs });
    subscribe(caches, add, signal);
  };
  start("exports", 16, subscribeExports, (...work) => reconcileServiceExport(shared, ...work));
  start("export requests", WORKERS, subscribeRequests, (...work) => reconcileExportRequest(shared, ...work));
  start("templates", 1, subscribeTemplates, (...work) => reconcileExportTemplate(shared, ...work));
  start("schema checks", 1, subscribeChecks, (...work) => reconcileSchemaCheck(shared, ...work));
  start("cluster bindings", WORKERS, subscribeBindings, (...work) => reconcileClusterBinding(bindingDeps, ...work));
  start("credentials", WORKERS, subscribeCredentials, (...work) => reconcileCredential(shared, ...work));
  start("namespaces", WORKERS, subscribeMappings, (...work) => reconcileServiceNamespace(mappingDeps, ...work));
}
