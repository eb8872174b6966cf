import { groupResourceName } from "../crds/shared.ts";
import { runController } from "../kube/controller.ts";
import type { Change, Informer } from "../kube/informer.ts";
import { WorkQueue } from "../kube/queue.ts";
import type { TaskGroup } from "../kube/tasks.ts";
import { formatKey, type KubeObject, type ObjectKey } from "../kube/types.ts";
import { reconcileAppClusterBinding } from "./app_cluster_binding.ts";
import { rootOwner } from "./app_cluster_binding_plan.ts";
import { type AppClusterDeps, BY_API, BY_OWNER_TERM, BY_SECRET, watchAppClusters } from "./app_cluster_caches.ts";
import { ownerTerm } from "./app_cluster_objects.ts";
import type { ControllersDeps, ProviderCaches } from "./controllers.ts";
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
  const add = (key: ObjectKey, { fresh }: { fresh: boolean }) =>
    queue.add(formatKey(key), { priority: fresh ? "fresh" : "backlog" });

  caches.appClusterBindings.subscribe((change) => add(change.key, change), signal);
  caches.sources.informer.subscribe((change) => {
    for (const key of store.keysBy(BY_SECRET, formatKey(change.key))) add(key, change);
  }, signal);
  provider.templates.subscribe((change) => {
    for (const template of [change.before, change.after]) {
      if (!template) continue;
      for (const key of store.keysBy(BY_API, groupResourceName(template.spec.APIServiceSelector))) add(key, change);
    }
  }, signal);

  const ownersOf = (object: KubeObject): ObjectKey[] => {
    const term = ownerTerm(object);
    return term === undefined ? [] : store.keysBy(BY_OWNER_TERM, term);
  };
  const follow = <T extends KubeObject>(informer: Informer<T>) =>
    informer.subscribe((change: Change<T>) => {
      for (const object of [change.before, change.after]) {
        if (object) { for (const key of ownersOf(object)) add(key, change); }
      }
    }, signal);
  follow(caches.bindings);
  follow(caches.mirrors);
  follow(caches.accounts);
  follow(caches.connectorRoles);
  follow(caches.connectorRoleBindings);
  if (caches.deployments) follow(caches.deployments);
  follow(provider.clusterBindings);
  follow(provider.requests);

  // The rest carries no labels of ours, but is in a root namespace, or is one.
  const ownerOf = (namespace: string | undefined) => {
    const root = namespace && provider.namespaces.store.get({ name: namespace });
    const owner = root && rootOwner(root);
    return owner ? owner : undefined;
  };
  const addOwner = (owner: string | undefined, change: { fresh: boolean }) => {
    if (owner) queue.add(owner, { priority: change.fresh ? "fresh" : "backlog" });
  };
  provider.exports.subscribe((change) => addOwner(ownerOf(change.key.namespace), change), signal);
  provider.serviceNamespaces.subscribe((change) => addOwner(ownerOf(change.key.namespace), change), signal);
  provider.namespaces.subscribe((change) => {
    for (const namespace of [change.before, change.after]) addOwner(namespace && rootOwner(namespace), change);
  }, signal);

  const reconcile = (key: ObjectKey, signal: AbortSignal) => reconcileAppClusterBinding(deps, key, signal);
  tasks.run((signal) =>
    runController({ name: "app clusters", queue, reconcile, workers: WORKERS, log, metrics }, signal)
  );
}
