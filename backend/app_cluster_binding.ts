import { AppClusterBinding } from "../crds/app_cluster_binding.ts";
import { check } from "../crds/check.ts";
import { APP_CLUSTER_BINDING_ANNOTATION, APP_CLUSTER_BINDING_FINALIZER, CLUSTER_BINDING_NAME } from "../crds/names.ts";
import { fails, holds } from "../crds/reasons.ts";
import type { Api } from "../kube/api.ts";
import type { ConditionState } from "../kube/conditions.ts";
import type { Outcome } from "../kube/controller.ts";
import { isAlreadyExists } from "../kube/errors.ts";
import { addFinalizer } from "../kube/finalizer.ts";
import type { Informer } from "../kube/informer.ts";
import { deepEqual } from "../kube/json.ts";
import { scopeOf } from "../kube/scopes.ts";
import { patchStatus } from "../kube/status.ts";
import { formatKey, hasFinalizer, isDeleting, keyOf, type KubeObject, type ObjectKey } from "../kube/types.ts";
import { planApis, planRoot } from "./app_cluster_binding_plan.ts";
import { type AppClusterDeps, BY_SECRET, rootsOf } from "./app_cluster_caches.ts";
import {
  binderAccount,
  connectorRole,
  connectorRoleBinding,
  contract,
  mirroredSecret,
  newRootNamespace,
} from "./app_cluster_objects.ts";
import { releaseAppCluster } from "./app_cluster_release.ts";
import { judgeSecret } from "./app_cluster_secret.ts";
import { applyOwn } from "./applied.ts";
import { ConditionReport } from "./condition_report.ts";
import { konnectorCondition, konnectorDeployment, konnectorName } from "./konnector_deployment.ts";
import { QUARREL } from "./write_guard.ts";

/**
 * Connects one app cluster from the control plane: its kubeconfig, a namespace with a contract, the bound APIs, and a
 * konnector. What somebody changes about them is put right, and what is right already is not written.
 */
export async function reconcileAppClusterBinding(
  deps: AppClusterDeps,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<Outcome> {
  const { appClusterBindings, guard, now = () => new Date() } = deps;
  const log = deps.log.with({ appClusterBinding: key });
  const binding = appClusterBindings.store.get(key);
  if (!binding) {
    guard.forget(formatKey(key));
    return dropSources(deps);
  }
  check(AppClusterBinding.schema, binding);
  if (isDeleting(binding)) return await releaseAppCluster({ ...deps, log }, binding, signal);
  if (!hasFinalizer(binding, APP_CLUSTER_BINDING_FINALIZER)) {
    await addFinalizer(appClusterBindings.api, binding, APP_CLUSTER_BINDING_FINALIZER, signal);
    return; // its event adds the key again
  }
  const pauseMs = guard.pauseMs(formatKey(key), now());
  if (pauseMs > 0) {
    log.error(QUARREL, { pauseMs });
    return { requeueAfterMs: pauseMs };
  }
  const report = await connect({ ...deps, log }, binding, signal);
  const conditions = report.over(binding.status?.conditions, now());
  if (!deepEqual(conditions, binding.status?.conditions)) {
    await patchStatus(appClusterBindings.api, binding, { ...binding.status, conditions }, signal);
  }
  if (report.failure) throw report.failure; // to be tried again
}

/** Does as much as can be done. */
async function connect(deps: AppClusterDeps, binding: AppClusterBinding, signal: AbortSignal) {
  const report = new ConditionReport("AppClusterBinding");
  const { condition, kubeconfig, isAllowed } = judgeSecret(binding, await readSource(deps, binding, signal));
  report.say(condition);
  if (!isAllowed) await takeMirrorBack(deps, binding, signal);
  if (kubeconfig === undefined) return report; // what was made with the one before goes on

  const found = await report.attempt("APIsBound", "BindFailed", () => ensureRoot(deps, binding, signal));
  report.say(found?.obstacle);
  const root = found?.root;
  if (root === undefined) return report;
  report.say(
    await report.attempt("APIsBound", "BindFailed", async () => {
      await ensureContract(deps, binding, { root, kubeconfig }, signal);
      return await ensureApis(deps, binding, root, signal);
    }),
  );
  report.say(
    await report.attempt(
      "KonnectorDeployed",
      "KonnectorDeploymentFailed",
      () => ensureKonnector(deps, binding, root, signal),
    ),
  );
  return report;
}

async function readSource({ sources }: AppClusterDeps, { spec }: AppClusterBinding, signal: AbortSignal) {
  const { namespace, name } = spec.kubeconfigSecretRef;
  const key = { namespace, name };
  sources.scopes.add(formatKey(key), scopeOf(key));
  // The cache may not have it yet.
  return sources.informer.store.get(key) ?? await sources.informer.api.find(key, signal);
}

/** Stops watching Secrets that nobody names any more. */
function dropSources({ sources: { scopes }, appClusterBindings: { store } }: AppClusterDeps): void {
  for (const secret of [...scopes.ids]) if (store.keysBy(BY_SECRET, secret).length === 0) scopes.drop(secret);
}

/** A permission that was withdrawn ends the access. */
async function takeMirrorBack(deps: AppClusterDeps, binding: AppClusterBinding, signal: AbortSignal) {
  for (const { metadata: { name: namespace } } of rootsOf(deps, binding)) {
    const mirror = deps.mirrors.store.get({ namespace, name: binding.spec.kubeconfigSecretRef.name });
    if (!mirror) continue;
    await deps.mirrors.api.delete(keyOf(mirror), { uid: mirror.metadata.uid }, signal);
    deps.audit("kubeconfig of the app cluster taken back", { namespace, appClusterBinding: formatKey(keyOf(binding)) });
  }
}

/** @returns the name of the root namespace, or why there is none */
async function ensureRoot(
  deps: AppClusterDeps,
  binding: AppClusterBinding,
  signal: AbortSignal,
): Promise<{ root?: string; obstacle?: ConditionState }> {
  const { namespaces, clusterBindings } = deps;
  const key = keyOf(binding);
  const plan = planRoot({
    key,
    owned: rootsOf(deps, binding),
    namespaceOf: (name) => namespaces.store.get({ name }),
    contractIn: (namespace) => clusterBindings.store.get({ namespace, name: CLUSTER_BINDING_NAME }),
  });
  if (plan.do === "wait") return { obstacle: plan.condition };
  if (plan.do === "create") {
    await namespaces.api.create(newRootNamespace(plan.name, key), signal);
    deps.log.info("root namespace created", { namespace: plan.name });
  } else if (plan.do === "take over") {
    const { uid, resourceVersion } = namespaces.store.get({ name: plan.name })!.metadata;
    const annotations = { [APP_CLUSTER_BINDING_ANNOTATION]: formatKey(key) };
    await namespaces.api.mergePatch(
      { name: plan.name },
      { metadata: { uid, resourceVersion, annotations } },
      {},
      signal,
    );
    deps.log.info("root namespace taken over", { namespace: plan.name });
  }
  return { root: plan.name };
}

/** What the konnector is, may do, and reaches the app cluster with. */
async function ensureContract(
  deps: AppClusterDeps,
  binding: AppClusterBinding,
  { root, kubeconfig }: { root: string; kubeconfig: string },
  signal: AbortSignal,
): Promise<void> {
  const { accounts, connectorRoles, connectorRoleBindings, mirrors, clusterBindings } = deps;
  const whose = { namespace: root, appClusterBinding: formatKey(keyOf(binding)) };
  const grant = async <T extends KubeObject>(what: string, informer: Informer<T>, wanted: T) => {
    if (await ensure(deps, binding, informer, wanted, signal)) deps.audit(what, whose);
  };
  await grant("account of its konnector made", accounts, binderAccount(binding, root));
  await grant("rights of its konnector written", connectorRoles, connectorRole(binding, root));
  await grant("rights of its konnector granted", connectorRoleBindings, connectorRoleBinding(binding, root));
  await grant("kubeconfig of the app cluster copied", mirrors, mirroredSecret(binding, root, kubeconfig));
  await ensure(deps, binding, clusterBindings, contract(binding, root), signal);
}

async function ensureApis(deps: AppClusterDeps, binding: AppClusterBinding, root: string, signal: AbortSignal) {
  const { catalogue, bindings, exports, requests } = deps;
  const { surplus, condition, ...plan } = planApis({
    binding,
    root,
    templateOf: (api) => catalogue.templateOf(api),
    bindings: [...bindings.store.list(root)],
    exports: [...exports.store.list(root)],
    requests: [...requests.store.list(root)],
  });
  for (const wanted of plan.bindings) await ensure(deps, binding, bindings, wanted, signal);
  for (const request of plan.newRequests) await createOnce(deps, requests.api, request, signal);
  await deleteAll(deps, bindings.api, surplus.bindings, signal);
  await deleteAll(deps, exports.api, surplus.exports, signal);
  await deleteAll(deps, requests.api, surplus.requests, signal);
  return condition;
}

async function ensureKonnector(
  deps: AppClusterDeps,
  binding: AppClusterBinding,
  root: string,
  signal: AbortSignal,
): Promise<ConditionState> {
  const { deployments, konnectorImage } = deps;
  const known = deployments?.store.get({ namespace: root, name: konnectorName(binding) });
  if (!binding.spec.konnector?.deploy) {
    if (deployments && known) await deleteAll(deps, deployments.api, [known], signal);
    return holds("AppClusterBinding", "KonnectorDeployed");
  }
  if (!deployments) {
    const what =
      "This cluster runs no Deployments: start the konnector elsewhere, and set `spec.konnector.deploy` to false";
    return fails("AppClusterBinding", "KonnectorDeployed", "KonnectorDeploymentFailed", what);
  }
  const wanted = konnectorDeployment(binding, root, konnectorImage);
  await ensure(deps, binding, deployments, wanted, signal);
  return konnectorCondition(known ?? wanted);
}

/** @returns whether something was written */
async function ensure<T extends KubeObject>(
  { guard, log, now = () => new Date() }: AppClusterDeps,
  binding: AppClusterBinding,
  { api, store }: Informer<T>,
  wanted: T,
  signal: AbortSignal,
): Promise<boolean> {
  const key = keyOf(wanted);
  const known = store.get(key);
  if (!await applyOwn(api, known, wanted, signal)) return false;
  if (known) guard.count(formatKey(keyOf(binding)), now());
  log.info("applied for an AppClusterBinding", { kind: wanted.kind, object: key });
  return true;
}

async function createOnce<T extends KubeObject>({ log }: AppClusterDeps, api: Api<T>, wanted: T, signal: AbortSignal) {
  try {
    await api.create(wanted, signal);
    log.info("created for an AppClusterBinding", { kind: wanted.kind, object: keyOf(wanted) });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error; // made by the pass before, and its event is on the way
  }
}

async function deleteAll<T extends KubeObject>({ log }: AppClusterDeps, api: Api<T>, all: T[], signal: AbortSignal) {
  for (const object of all) {
    if (isDeleting(object)) continue;
    await api.delete(keyOf(object), { uid: object.metadata.uid }, signal);
    log.info("deleted for an AppClusterBinding", { kind: object.kind, object: keyOf(object) });
  }
}
