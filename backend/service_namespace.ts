import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { BINDER, CLUSTER_BINDING_NAME } from "../crds/names.ts";
import type { Outcome } from "../kube/controller.ts";
import { isAlreadyExists } from "../kube/errors.ts";
import type { Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import type { Namespace, RoleBinding } from "../kube/resources.ts";
import { formatKey, type ObjectKey } from "../kube/types.ts";
import { ensureRoleBinding } from "./ensure.ts";
import type { ConsumerScope } from "./options.ts";
import { binderRoleBinding, mappedRoleName } from "./rbac.ts";
import {
  type MappingView,
  NAMESPACES_BY_OWNER,
  newMappedNamespace,
  ownerOf,
  planMapping,
} from "./service_namespace_plan.ts";
import { patchStatus } from "./status.ts";
import { QUARREL, type WriteGuard } from "./write_guard.ts";

export interface ServiceNamespaceDeps {
  requests: Informer<APIServiceNamespace>;
  /** Indexed by `ownerIndexer`. */
  namespaces: Informer<Namespace>;
  clusterBindings: Informer<ClusterBinding>;
  roleBindings: Informer<RoleBinding>;
  orphans: Orphans;
  guard: WriteGuard;
  consumerScope: ConsumerScope;
  log: Log;
  now?: () => Date;
}

/** Remembers whose deletion was seen, and since when mapped namespaces without a request are known. */
export class Orphans {
  readonly #deleted = new Set<string>();
  readonly #since = new Map<string, number>();

  /** To be called with every change of a request. */
  observe(key: ObjectKey, exists: boolean): void {
    if (exists) this.forget(key);
    else this.#deleted.add(formatKey(key));
  }

  /** How long a mapped namespace has been without its request; undefined when the request's deletion was seen. */
  ageMs(key: ObjectKey, now: Date): number | undefined {
    const text = formatKey(key);
    if (this.#deleted.has(text)) return undefined;
    const since = this.#since.get(text) ?? now.getTime();
    this.#since.set(text, since);
    return now.getTime() - since;
  }

  forget(key: ObjectKey): void {
    this.#deleted.delete(formatKey(key));
    this.#since.delete(formatKey(key));
  }
}

/** Gives one namespace of an app cluster its counterpart on the provider, and takes it away with everything in it. */
export async function reconcileServiceNamespace(
  deps: ServiceNamespaceDeps,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<Outcome> {
  const { requests, namespaces, orphans, now = () => new Date() } = deps;
  const log = deps.log.with({ mapping: key });
  const view = readView(deps, key, now());
  let plan = planMapping(view);
  if (plan.do === "delete" && !view.request) {
    // A list, since a missing CRD must not look like a missing object: everything would be deleted.
    const fieldSelector = `metadata.name=${key.name}`;
    const { items } = await requests.api.list({ namespace: key.namespace, fieldSelector }, signal);
    if (items[0]) plan = planMapping({ ...view, request: items[0] });
  }
  switch (plan.do) {
    case "wait":
      if (plan.why) log.warn("mapped namespace left alone", { why: plan.why });
      if (view.owned.length === 0 && !view.request) orphans.forget(key);
      return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
    case "create":
      try {
        await namespaces.api.create(newMappedNamespace(plan.name, key), signal);
        log.info("mapped namespace created", { namespace: plan.name });
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
        return { requeueAfterMs: 1000 }; // the cache will know whose it is
      }
      return; // its event adds the key again
    case "prepare":
      return await prepare(deps, key, view, plan.namespace, log, signal);
    case "delete":
      for (const { metadata: { name, uid } } of plan.namespaces) {
        await namespaces.api.delete({ name }, { uid }, signal);
        log.info("mapped namespace deleted", { namespace: name });
      }
  }
}

function readView({ requests, namespaces, clusterBindings, orphans }: ServiceNamespaceDeps, key: ObjectKey, now: Date) {
  const request = requests.store.get(key);
  const view: MappingView = {
    key,
    request,
    owned: namespaces.store.by(NAMESPACES_BY_OWNER, formatKey(key)),
    isForeign: (name) => {
      const namespace = namespaces.store.get({ name });
      return namespace !== undefined && ownerOf(namespace) !== formatKey(key);
    },
    orphanedForMs: request ? undefined : orphans.ageMs(key, now),
    hasContract: clusterBindings.store.get({ namespace: key.namespace, name: CLUSTER_BINDING_NAME }) !== undefined,
  };
  return view;
}

/** Grants the rights first: the konnector starts to work as soon as the status names the namespace. */
async function prepare(
  { requests, roleBindings, guard, consumerScope, now = () => new Date() }: ServiceNamespaceDeps,
  key: ObjectKey,
  { request }: MappingView,
  { metadata: { name } }: Namespace,
  log: Log,
  signal: AbortSignal,
): Promise<Outcome> {
  const clusterNamespace = key.namespace!;
  const pauseMs = guard.pauseMs(name, now());
  if (pauseMs > 0) {
    log.error(QUARREL, { pauseMs });
    return { requeueAfterMs: pauseMs };
  }
  const wanted = binderRoleBinding(name, mappedRoleName(clusterNamespace, consumerScope), clusterNamespace);
  const known = roleBindings.store.get({ namespace: name, name: BINDER });
  if (await ensureRoleBinding(roleBindings.api, known, wanted, signal)) {
    guard.count(name, now());
    log.info("rights in the mapped namespace granted", { namespace: name });
  }
  if (request!.status?.namespace === name) return;
  await patchStatus(requests.api, request!, { namespace: name }, signal);
  log.info("mapped namespace ready", { namespace: name });
}
