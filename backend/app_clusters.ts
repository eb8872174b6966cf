import { groupResourceName } from "../crds/shared.ts";
import { runController } from "../kube/controller.ts";
import type { Informer } from "../kube/informer.ts";
import { WorkQueue } from "../kube/queue.ts";
import type { Namespace } from "../kube/resources.ts";
import type { TaskGroup } from "../kube/tasks.ts";
import { formatKey, keyOf, type KubeObject, type ObjectKey, parseKey } from "../kube/types.ts";
import { reconcileAppClusterBinding } from "./app_cluster_binding.ts";
import { rootOwner } from "./app_cluster_binding_plan.ts";
import { type AppClusterDeps, BY_API, BY_OWNER_TERM, BY_SECRET, watchAppClusters } from "./app_cluster_caches.ts";
import { ownerTerm } from "./app_cluster_objects.ts";
import type { ControllersDeps } from "./controllers.ts";
import type { ProviderCaches } from "./provider_caches.ts";
import { mappedKeyOf } from "./service_namespace_plan.ts";
import { WriteGuard } from "./write_guard.ts";

/** App clusters that are connected at the same time. */
const WORKERS = 4;

/** Control-plane mode: follows all AppClusterBindings as long as the tasks run; settles once everything is known. */
export async function startAppClusters(
  base: ControllersDeps & { konnectorImage: string },
  provider: ProviderCaches,
  tasks: TaskGroup,
): Promise<void> {
  const { client, log, metrics } = base;
  const { signal } = tasks;
  const caches = await watchAppClusters({ client, log, metrics }, tasks);
  const deps: AppClusterDeps = { ...base, ...provider, ...caches, guard: new WriteGuard() };
  const { appClusterBindings: { store } } = caches;
  const queue = new WorkQueue();
  const add = (keys: Iterable<ObjectKey | undefined>, { fresh }: { fresh: boolean }) => {
    for (const key of keys) if (key) queue.add(formatKey(key), { priority: fresh ? "fresh" : "backlog" });
  };
  /** What a change is about, before and after it. */
  const follow = <T extends KubeObject>(informer: Informer<T>, keysOf: (object: T) => (ObjectKey | undefined)[]) =>
    informer.subscribe((change) => {
      for (const object of [change.before, change.after]) if (object) add(keysOf(object), change);
    }, signal);

  follow(caches.appClusterBindings, (binding) => [keyOf(binding)]);
  follow(caches.sources.informer, (secret) => store.keysBy(BY_SECRET, formatKey(keyOf(secret))));
  follow(
    provider.templates,
    ({ spec }) => store.keysBy(BY_API, groupResourceName(spec.APIServiceSelector)),
  );
  const byLabels = (object: KubeObject): ObjectKey[] => {
    const term = ownerTerm(object);
    return term === undefined ? [] : store.keysBy(BY_OWNER_TERM, term);
  };
  follow(caches.bindings, byLabels);
  follow(caches.mirrors, byLabels);
  follow(caches.accounts, byLabels);
  follow(caches.connectorRoles, byLabels);
  follow(caches.connectorRoleBindings, byLabels);
  if (caches.deployments) follow(caches.deployments, byLabels);
  follow(provider.clusterBindings, byLabels);
  follow(provider.requests, byLabels);

  // The rest carries no labels of ours, but belongs to a root namespace, or is one.
  const ownerOf = (namespace: Namespace | undefined) => {
    const owner = namespace && rootOwner(namespace);
    return owner ? parseKey(owner) : undefined;
  };
  const byRoot = (name: string | undefined) => [ownerOf(name ? provider.namespaces.store.get({ name }) : undefined)];
  follow(provider.exports, ({ metadata }) => byRoot(metadata.namespace));
  follow(provider.serviceNamespaces, ({ metadata }) => byRoot(metadata.namespace));
  follow(provider.namespaces, (namespace) => [ownerOf(namespace), ...byRoot(mappedKeyOf(namespace)?.namespace)]);

  const reconcile = (key: ObjectKey, signal: AbortSignal) => reconcileAppClusterBinding(deps, key, signal);
  tasks.run((signal) =>
    runController({ name: "app clusters", queue, reconcile, workers: WORKERS, log, metrics }, signal)
  );
}
