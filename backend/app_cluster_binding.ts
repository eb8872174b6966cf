import { AppClusterBinding } from "../crds/app_cluster_binding.ts";
import { check } from "../crds/check.ts";
import { APP_CLUSTER_BINDING_ANNOTATION, APP_CLUSTER_BINDING_FINALIZER, CLUSTER_BINDING_NAME } from "../crds/names.ts";
import { type ConditionType, fails, holds, type Reason } from "../crds/reasons.ts";
import type { Api } from "../kube/client.ts";
import { type ConditionState, setCondition, summarize } from "../kube/conditions.ts";
import type { Outcome } from "../kube/controller.ts";
import { isAlreadyExists, isConflict, isUnreachable, KubeError, messageOf } from "../kube/errors.ts";
import { addFinalizer } from "../kube/finalizer.ts";
import type { Informer } from "../kube/informer.ts";
import { deepEqual } from "../kube/json.ts";
import { formatKey, hasFinalizer, isDeleting, keyOf, type KubeObject, type ObjectKey } from "../kube/types.ts";
import { planApis, planRoot } from "./app_cluster_binding_plan.ts";
import { type AppClusterDeps, rootsOf } from "./app_cluster_caches.ts";
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
import { konnectorCondition, konnectorDeployment, konnectorName } from "./konnector_deployment.ts";
import { patchStatus } from "./status.ts";
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
  dropSources(deps);
  if (!binding) return;
  check(AppClusterBinding.schema, binding);
  if (isDeleting(binding)) return await releaseAppCluster({ ...deps, log }, binding, signal);
  if (!hasFinalizer(binding, APP_CLUSTER_BINDING_FINALIZER)) {
    await addFinalizer(appClusterBindings.api, binding, APP_CLUSTER_BINDING_FINALIZER, signal);
    return; // its event adds the key again
  }
  const pauseMs = guard.pauseMs(guardKey(key), now());
  if (pauseMs > 0) {
    log.error(QUARREL, { pauseMs });
    return { requeueAfterMs: pauseMs };
  }
  const { states, failure } = await connect({ ...deps, log }, binding, signal);
  const conditions = summarize(
    states.reduce((all, state) => setCondition(all, state, now()), binding.status?.conditions ?? []),
    now(),
  );
  if (!deepEqual(conditions, binding.status?.conditions)) {
    await patchStatus(appClusterBindings.api, binding, { ...binding.status, conditions }, signal);
  }
  if (failure !== undefined) throw failure;
}

/** Tells it apart from the namespaces whose writes the same guard counts. */
const guardKey = (key: ObjectKey): string => `AppClusterBinding ${formatKey(key)}`;

/** Does as much as can be done; what was in the way is told in conditions, and thrown afterwards to be tried again. */
async function connect(deps: AppClusterDeps, binding: AppClusterBinding, signal: AbortSignal) {
  const secret = judgeSecret(binding, await readSource(deps, binding, signal));
  const states: ConditionState[] = [secret.condition];
  let failure: unknown;
  const attempt = async <Type extends ConditionType<"AppClusterBinding">>(
    type: Type,
    reason: Reason<"AppClusterBinding", Type>,
    action: () => Promise<ConditionState>,
  ) => {
    try {
      states.push(await action());
    } catch (error) {
      if (!(error instanceof KubeError) || isConflict(error) || isUnreachable(error)) throw error;
      failure ??= error;
      states.push(fails("AppClusterBinding", type, reason, messageOf(error).replace(/\.$/, "")));
    }
  };
  if (!secret.isAllowed) await takeMirrorBack(deps, binding, signal);
  const { kubeconfig } = secret;
  if (kubeconfig === undefined) return { states }; // what was made with the one before goes on
  let root: string | undefined;
  await attempt("APIsBound", "BindFailed", async () => {
    const found = await ensureRoot(deps, binding, signal);
    if (typeof found !== "string") return found;
    root = found;
    await ensureContract(deps, binding, { root, kubeconfig }, signal);
    return await ensureApis(deps, binding, root, signal);
  });
  if (root === undefined) return { states, failure };
  const place = root;
  await attempt(
    "KonnectorDeployed",
    "KonnectorDeploymentFailed",
    () => ensureKonnector(deps, binding, place, signal),
  );
  return { states, failure };
}

async function readSource({ sources }: AppClusterDeps, { spec }: AppClusterBinding, signal: AbortSignal) {
  const { namespace, name } = spec.kubeconfigSecretRef;
  const key = { namespace, name };
  sources.scopes.add(formatKey(key), { namespace, fieldSelector: `metadata.name=${name}` });
  // The cache may not have it yet.
  return sources.informer.store.get(key) ?? await sources.informer.api.find(key, signal);
}

/** Stops watching Secrets that nobody names any more. */
function dropSources({ sources: { scopes }, appClusterBindings }: AppClusterDeps): void {
  const refs = Array.from(appClusterBindings.store.list(), ({ spec }) => spec.kubeconfigSecretRef);
  const named = new Set(refs.map(({ namespace, name }) => formatKey({ namespace, name })));
  for (const id of [...scopes.ids]) if (!named.has(id)) scopes.drop(id);
}

/** A permission that was withdrawn ends the access. */
async function takeMirrorBack(deps: AppClusterDeps, binding: AppClusterBinding, signal: AbortSignal) {
  for (const { metadata: { name: namespace } } of rootsOf(deps, binding)) {
    const mirror = deps.mirrors.store.get({ namespace, name: binding.spec.kubeconfigSecretRef.name });
    if (!mirror) continue;
    await deps.mirrors.api.delete(keyOf(mirror), { uid: mirror.metadata.uid }, signal);
    deps.log.info("kubeconfig of the app cluster taken back", { namespace });
  }
}

/** @returns its name, or why there is none */
async function ensureRoot(deps: AppClusterDeps, binding: AppClusterBinding, signal: AbortSignal) {
  const { namespaces, clusterBindings } = deps;
  const key = keyOf(binding);
  const plan = planRoot({
    key,
    owned: rootsOf(deps, binding),
    namespaceOf: (name) => namespaces.store.get({ name }),
    contractIn: (namespace) => clusterBindings.store.get({ namespace, name: CLUSTER_BINDING_NAME }),
  });
  if (plan.do === "wait") return plan.condition;
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
  return plan.name;
}

/** What the konnector is, may do, and reaches the app cluster with. */
async function ensureContract(
  deps: AppClusterDeps,
  binding: AppClusterBinding,
  { root, kubeconfig }: { root: string; kubeconfig: string },
  signal: AbortSignal,
): Promise<void> {
  const { accounts, connectorRoles, connectorRoleBindings, mirrors, clusterBindings } = deps;
  await ensure(deps, binding, accounts, binderAccount(binding, root), signal);
  await ensure(deps, binding, connectorRoles, connectorRole(binding, root), signal);
  await ensure(deps, binding, connectorRoleBindings, connectorRoleBinding(binding, root), signal);
  await ensure(deps, binding, mirrors, mirroredSecret(binding, root, kubeconfig), signal);
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

async function ensure<T extends KubeObject>(
  { guard, log, now = () => new Date() }: AppClusterDeps,
  binding: AppClusterBinding,
  { api, store }: Informer<T>,
  wanted: T,
  signal: AbortSignal,
): Promise<void> {
  const key = keyOf(wanted);
  if (!await applyOwn(api, store.get(key), wanted, signal)) return;
  guard.count(guardKey(keyOf(binding)), now());
  log.info("applied for an AppClusterBinding", { kind: wanted.kind, object: key });
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
