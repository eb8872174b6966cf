import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import { API_SERVICE_NAMESPACES, BINDER, BINDER_CLAIMS, MAPPED_NAMESPACE_FINALIZER } from "../crds/names.ts";
import type { Outcome } from "../kube/controller.ts";
import { isAlreadyExists } from "../kube/errors.ts";
import { addFinalizer, removeFinalizer } from "../kube/finalizer.ts";
import type { Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import type { Recorder } from "../kube/recorder.ts";
import type { CustomResourceDefinition, Namespace, PolicyRule, Role, RoleBinding } from "../kube/resources.ts";
import { patchStatus } from "../kube/status.ts";
import { BY_NAMESPACE } from "../kube/store.ts";
import { formatKey, isDeleting, type ObjectKey, resourceName } from "../kube/types.ts";
import { type Audit, whoseOf } from "./audit.ts";
import type { ServedApi } from "./catalogue.ts";
import type { Census } from "./census.ts";
import { ensureRole, ensureRoleBinding } from "./ensure.ts";
import type { ConsumerScope } from "./options.ts";
import { binderRoleBinding, claimsRole, claimsRoleBinding, contractRules, mappedRoleName, ruleText } from "./rbac.ts";
import {
  mappedNamespaceNames,
  type MappingView,
  NAMESPACES_BY_OWNER,
  newMappedNamespace,
  ownerOf,
  planMapping,
} from "./service_namespace_plan.ts";
import { QUARREL, type WriteGuard } from "./write_guard.ts";

export interface ServiceNamespaceDeps {
  requests: Informer<APIServiceNamespace>;
  /** Indexed by `ownerIndexer`. */
  namespaces: Informer<Namespace>;
  apis: Informer<CustomResourceDefinition, ServedApi>;
  /** Indexed by `namespaceIndexer`. */
  exports: Informer<APIServiceExport>;
  roleBindings: Informer<RoleBinding>;
  claimsRoles: Informer<Role>;
  claimsRoleBindings: Informer<RoleBinding>;
  guard: WriteGuard;
  census: Census;
  recorder: Recorder;
  consumerScope: ConsumerScope;
  audit: Audit;
  log: Log;
  now?: () => Date;
}

/** Gives one namespace of an app cluster its counterpart on the provider, and takes it away with everything in it. */
export async function reconcileServiceNamespace(
  deps: ServiceNamespaceDeps,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<Outcome> {
  const { requests, namespaces, census, recorder } = deps;
  const log = deps.log.with({ mapping: key });
  let view = readView(deps, key);
  let plan = planMapping(view);
  if (plan.do === "delete" && !view.request) {
    // A list, since a missing CRD must not look like a missing object: everything would be deleted.
    const fieldSelector = `metadata.name=${key.name}`;
    const { items } = await requests.api.list({ namespace: key.namespace, fieldSelector }, signal);
    if (items[0]) plan = planMapping(view = { ...view, request: items[0] });
  }
  census.report(formatKey(key), plan.do === "report" ? "orphaned" : view.owned.length > 0 ? "mapped" : undefined);
  switch (plan.do) {
    case "wait":
      if (plan.why) {
        log.warn("mapped namespace not provided", { why: plan.why });
        recorder.event(view.request!, { type: "Warning", reason: "NamespaceNotProvided", message: plan.why });
      }
      return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
    case "report":
      for (const namespace of plan.namespaces) recorder.event(namespace, ORPHANED);
      return log.warn("mapped namespace is left without its APIServiceNamespace", { namespaces: plan.namespaces });
    case "hold":
      return void await addFinalizer(requests.api, view.request!, MAPPED_NAMESPACE_FINALIZER, signal);
    case "release":
      if (await isSomethingLeft(deps, key, view.request!, signal)) return { requeueAfterMs: 1000 };
      return await removeFinalizer(requests.api, view.request!, MAPPED_NAMESPACE_FINALIZER, signal);
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
      return await prepare(deps, key, view.request!, plan.namespace, signal);
    case "delete":
      for (const { metadata: { name, uid } } of plan.namespaces) {
        await namespaces.api.delete({ name }, { uid }, signal);
        log.info("mapped namespace deleted", { namespace: name });
      }
  }
}

const ORPHANED = {
  type: "Warning",
  reason: "OrphanedNamespace",
  message: "The APIServiceNamespace that this namespace was made for is gone. If nobody needs the data, annotate the " +
    "namespace with klutch.anynines.com/orphans=delete",
} as const;

function readView({ requests, namespaces, apis }: ServiceNamespaceDeps, key: ObjectKey): MappingView {
  return {
    key,
    request: requests.store.get(key),
    owned: namespaces.store.by(NAMESPACES_BY_OWNER, formatKey(key)),
    isForeign: (name) => {
      const namespace = namespaces.store.get({ name });
      return namespace !== undefined && ownerOf(namespace) !== formatKey(key);
    },
    isKindDeleted: apis.store.get({ name: resourceName(API_SERVICE_NAMESPACES) })?.isDeleting,
  };
}

/** A namespace that was made just now may not be in the cache yet. */
async function isSomethingLeft(
  { namespaces }: ServiceNamespaceDeps,
  key: ObjectKey,
  { status }: APIServiceNamespace,
  signal: AbortSignal,
): Promise<boolean> {
  const names = new Set([...mappedNamespaceNames(key), ...(status?.namespace ? [status.namespace] : [])]);
  const found = await Promise.all([...names].map((name) => namespaces.api.find({ name }, signal)));
  return found.some((namespace) => namespace && ownerOf(namespace) === formatKey(key));
}

/** Grants the rights first: the konnector starts to work as soon as the status names the namespace. */
async function prepare(
  deps: ServiceNamespaceDeps,
  key: ObjectKey,
  request: APIServiceNamespace,
  { metadata: { name } }: Namespace,
  signal: AbortSignal,
): Promise<Outcome> {
  const { guard, log, now = () => new Date() } = deps;
  const pauseMs = guard.pauseMs(name, now());
  if (pauseMs > 0) {
    log.error(QUARREL, { namespace: name, pauseMs });
    return { requeueAfterMs: pauseMs };
  }
  await ensureRights(deps, key, name, signal);
  if (request.status?.namespace === name) return;
  await patchStatus(deps.requests.api, request, { ...request.status, namespace: name }, signal);
  log.info("mapped namespace ready", { mapping: key, namespace: name });
}

async function ensureRights(
  deps: ServiceNamespaceDeps,
  { namespace: clusterNamespace = "", name: consumerNamespace }: ObjectKey,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const { exports, namespaces, roleBindings, claimsRoles, claimsRoleBindings, consumerScope, guard, audit } = deps;
  const { now = () => new Date() } = deps;
  const written = (what: string, rules?: PolicyRule[]) => {
    guard.count(name, now());
    audit(what, {
      ...whoseOf(namespaces.store, clusterNamespace),
      in: name,
      ...(rules && { rules: rules.map(ruleText) }),
    });
  };
  const wanted = binderRoleBinding(name, mappedRoleName(clusterNamespace, consumerScope), clusterNamespace);
  const known = roleBindings.store.get({ namespace: name, name: BINDER });
  if (await ensureRoleBinding(roleBindings.api, known, wanted, signal)) written("rights in a mapped namespace granted");

  const alive = exports.store.by(BY_NAMESPACE, clusterNamespace).filter((one) => !isDeleting(one));
  const rules = contractRules(alive, consumerScope).singleNamespaces.get(consumerNamespace);
  const claimsKey = { namespace: name, name: BINDER_CLAIMS };
  const [role, binding] = [claimsRoles.store.get(claimsKey), claimsRoleBindings.store.get(claimsKey)];
  if (rules) {
    if (await ensureRole(claimsRoles.api, role, claimsRole(name, rules), signal)) {
      written("rights to claimed objects follow the exports", rules);
    }
    const wanted = claimsRoleBinding(name, clusterNamespace);
    if (await ensureRoleBinding(claimsRoleBindings.api, binding, wanted, signal)) {
      written("rights to claimed objects granted");
    }
  } else if (role || binding) {
    await claimsRoleBindings.api.delete(claimsKey, {}, signal);
    await claimsRoles.api.delete(claimsKey, {}, signal);
    written("rights to claimed objects taken back");
  }
}
