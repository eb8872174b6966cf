import type { AppClusterBinding } from "../crds/app_cluster_binding.ts";
import {
  API_SERVICE_BINDINGS,
  API_SERVICE_EXPORT_REQUESTS,
  API_SERVICE_EXPORTS,
  API_SERVICE_NAMESPACES,
  APP_CLUSTER_BINDING_FINALIZER,
  BINDING_FINALIZER,
  CLUSTER_BINDING_NAME,
  CLUSTER_BINDINGS,
} from "../crds/names.ts";
import { setCondition, summarize } from "../kube/conditions.ts";
import type { Outcome } from "../kube/controller.ts";
import { removeFinalizer } from "../kube/finalizer.ts";
import { deepEqual } from "../kube/json.ts";
import { DEPLOYMENTS, NAMESPACES, ROLE_BINDINGS, ROLES, SECRETS, SERVICE_ACCOUNTS } from "../kube/resources.ts";
import { patchStatus } from "../kube/status.ts";
import { formatKey, keyOf, type KubeObject } from "../kube/types.ts";
import { type AppClusterDeps, rootsOf } from "./app_cluster_caches.ts";
import { planRelease, type Remains } from "./app_cluster_release_plan.ts";
import { mappedKeyOf } from "./service_namespace_plan.ts";

/** How soon it is looked again at what nobody tells about. */
const RECHECK_MS = 5_000;

/** Takes back what was made for an AppClusterBinding, stage by stage, and lets it go when nothing remains. */
export async function releaseAppCluster(
  deps: AppClusterDeps,
  binding: AppClusterBinding,
  signal: AbortSignal,
): Promise<Outcome> {
  const { client, appClusterBindings, audit, log, now = () => new Date() } = deps;
  const remains = await readRemains(deps, binding, signal);
  const stage = planRelease(binding, remains);
  if (!stage) {
    await removeFinalizer(appClusterBindings.api, binding, APP_CLUSTER_BINDING_FINALIZER, signal);
    return log.info("app cluster released", { deletionPolicy: binding.spec.deletionPolicy ?? "Delete" });
  }
  for (const object of stage.doomed) {
    const resource = RESOURCES.find(({ kind }) => kind === object.kind)!;
    await client.api(resource).delete(keyOf(object), {
      uid: object.metadata.uid,
      propagationPolicy: object.kind === "Deployment" ? "Foreground" : undefined, // gone with its pods, not before
    }, signal);
    const { namespace = object.metadata.name, name } = object.metadata;
    const whose = { namespace, appClusterBinding: formatKey(keyOf(binding)) };
    audit("taken back with its AppClusterBinding", { ...whose, kind: object.kind, name });
  }
  for (const object of stage.abandoned) {
    await removeFinalizer<KubeObject>(client.api(API_SERVICE_BINDINGS), object, BINDING_FINALIZER, signal);
    log.warn("binding given up: its app cluster is gone for good", { binding: keyOf(object) });
  }
  const conditions = summarize(setCondition(binding.status?.conditions, stage.condition, now()), now());
  if (!deepEqual(conditions, binding.status?.conditions)) {
    await patchStatus(appClusterBindings.api, binding, { ...binding.status, conditions }, signal);
  }
  return { requeueAfterMs: RECHECK_MS };
}

/** Bindings and service namespaces are read from the server: their absence in a cache must not cost anybody's data. */
async function readRemains(deps: AppClusterDeps, binding: AppClusterBinding, signal: AbortSignal): Promise<Remains> {
  const { namespaces, bindings, serviceNamespaces, clusterBindings, exports, requests } = deps;
  const roots = rootsOf(deps, binding);
  const remains: Remains = {
    bindings: [],
    deployments: [],
    serviceNamespaces: [],
    mappedNamespaces: [],
    grants: [],
    roots,
  };
  for (const { metadata: { name: namespace } } of roots) {
    remains.bindings.push(...(await bindings.api.list({ namespace }, signal)).items);
    remains.serviceNamespaces.push(...(await serviceNamespaces.api.list({ namespace }, signal)).items);
    remains.deployments.push(...deps.deployments?.store.list(namespace) ?? []);
    for (const one of namespaces.store.list()) {
      if (mappedKeyOf(one)?.namespace === namespace) remains.mappedNamespaces.push(one);
    }
    const contract = clusterBindings.store.get({ namespace, name: CLUSTER_BINDING_NAME });
    remains.grants.push(
      ...requests.store.list(namespace),
      ...exports.store.list(namespace),
      ...deps.mirrors.store.list(namespace),
      ...deps.connectorRoleBindings.store.list(namespace),
      ...deps.connectorRoles.store.list(namespace),
      ...deps.accounts.store.list(namespace),
      ...(contract ? [contract] : []),
    );
  }
  return remains;
}

/** Everything that is deleted here. */
const RESOURCES = [
  API_SERVICE_BINDINGS,
  API_SERVICE_EXPORT_REQUESTS,
  API_SERVICE_EXPORTS,
  API_SERVICE_NAMESPACES,
  CLUSTER_BINDINGS,
  DEPLOYMENTS,
  NAMESPACES,
  ROLE_BINDINGS,
  ROLES,
  SECRETS,
  SERVICE_ACCOUNTS,
];
