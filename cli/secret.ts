import { KLUTCH_NAMESPACE, KUBECONFIG, KUBECONFIG_SECRET_PREFIX } from "../crds/names.ts";
import type { KubeClient } from "../kube/client.ts";
import { isAlreadyExists, isConflict } from "../kube/errors.ts";
import { DEPLOYMENTS, type Namespace, NAMESPACES, type Secret, SECRETS } from "../kube/resources.ts";
import { isDeleting } from "../kube/types.ts";
import { kubeconfigText } from "../kube/kubeconfig_secret.ts";
import { providerOf, type ReceivedKubeconfig } from "./remote_kubeconfig.ts";
import type { TakeBack } from "./take_back.ts";

const MAX_CONFLICTS = 5;

/** The namespace for everything of ours on the app cluster, made if need be. */
export async function ensureNamespace(
  appCluster: KubeClient,
  takeBack: TakeBack,
  signal: AbortSignal,
): Promise<{ namespace: Namespace; created: boolean }> {
  const api = appCluster.api<Namespace>(NAMESPACES);
  const key = { name: KLUTCH_NAMESPACE };
  const existing = await api.find(key, signal);
  if (existing) {
    if (existing.status?.phase === "Terminating") {
      throw new Error(
        `Cannot bind: namespace "${KLUTCH_NAMESPACE}" of the app cluster is being deleted; try again when it is gone`,
      );
    }
    return { namespace: existing, created: false };
  }
  const create = (signal: AbortSignal) =>
    api.create({ apiVersion: "v1", kind: "Namespace", metadata: key }, signal).catch(unlessThere);
  const undoOf = (namespace: Namespace) => ({
    what: `Namespace ${KLUTCH_NAMESPACE}`,
    undo: (signal: AbortSignal) => removeNamespace(appCluster, namespace, signal),
  });
  const made = await takeBack.make(create, undoOf, signal);
  return { namespace: made ?? await api.get(key, signal), created: made !== undefined };
}

/** Somebody else was faster. */
function unlessThere(error: unknown): undefined {
  if (!isAlreadyExists(error)) throw error;
}

/** @throws {Error} when somebody else has put something there meanwhile */
async function removeNamespace(appCluster: KubeClient, { metadata }: Namespace, signal: AbortSignal): Promise<void> {
  for (const resource of [SECRETS, DEPLOYMENTS]) {
    const { items } = await appCluster.api(resource).list({ namespace: KLUTCH_NAMESPACE }, signal);
    const other = items.find((one) => !isDeleting(one));
    if (other) throw new Error(`it holds ${other.kind} ${other.metadata.name} by now`);
  }
  await appCluster.api<Namespace>(NAMESPACES).delete(metadata, { uid: metadata.uid }, signal);
}

/** The Secret that leads to the same namespace of the same provider, whatever credentials it holds. */
export async function findKubeconfigSecret(
  appCluster: KubeClient,
  { server, namespace }: ReceivedKubeconfig,
  signal: AbortSignal,
): Promise<Secret | undefined> {
  const { items } = await appCluster.api<Secret>(SECRETS).list({ namespace: KLUTCH_NAMESPACE }, signal);
  return items
    .filter((secret) => {
      const provider = providerOf(kubeconfigIn(secret) ?? "");
      return provider?.server === server && provider.namespace === namespace;
    })
    // The oldest one: bindings of earlier runs refer to it.
    .sort((a, b) => (a.metadata.creationTimestamp ?? "").localeCompare(b.metadata.creationTimestamp ?? ""))[0];
}

/** Whether a Secret leads nowhere, because it is gone, or because what it holds names no provider. */
export async function isBroken(appCluster: KubeClient, name: string, signal: AbortSignal): Promise<boolean> {
  const secret = await appCluster.api<Secret>(SECRETS).find({ namespace: KLUTCH_NAMESPACE, name }, signal);
  return !secret || !providerOf(kubeconfigIn(secret) ?? "");
}

/**
 * Stores the kubeconfig, in the Secret that leads to the same provider already if there is one.
 *
 * @param broken name of a Secret to mend, if there is no other
 * @returns the Secret's name, and whether it was made, changed, or held the same before
 */
export async function storeKubeconfig(
  appCluster: KubeClient,
  kubeconfig: ReceivedKubeconfig,
  broken: string | undefined,
  takeBack: TakeBack,
  signal: AbortSignal,
): Promise<{ name: string; change: "created" | "updated" | "none" }> {
  const api = appCluster.api<Secret>(SECRETS);
  const data = { [KUBECONFIG]: new TextEncoder().encode(kubeconfig.text).toBase64() };
  for (let attempt = 1;; attempt++) {
    const existing = await findKubeconfigSecret(appCluster, kubeconfig, signal) ??
      (broken === undefined ? undefined : await api.find({ namespace: KLUTCH_NAMESPACE, name: broken }, signal));
    if (!existing) {
      const name = broken === undefined ? { generateName: KUBECONFIG_SECRET_PREFIX } : { name: broken };
      const metadata = { namespace: KLUTCH_NAMESPACE, ...name };
      const create = (signal: AbortSignal) => api.create({ apiVersion: "v1", kind: "Secret", metadata, data }, signal);
      const created = await takeBack.create(api, create, signal);
      return { name: created!.metadata.name, change: "created" };
    }
    const { name, resourceVersion, uid } = existing.metadata;
    if (existing.data?.[KUBECONFIG] === data[KUBECONFIG]) return { name, change: "none" };
    try {
      const key = { namespace: KLUTCH_NAMESPACE, name };
      await api.mergePatch(key, { metadata: { uid, resourceVersion }, data }, {}, signal);
      return { name, change: "updated" };
    } catch (error) {
      // Somebody else wrote meanwhile, perhaps for another provider: look again.
      if (!isConflict(error) || attempt >= MAX_CONFLICTS) throw error;
    }
  }
}

/** The kubeconfig text of a Secret, if it has one. */
export const kubeconfigIn = (secret: Secret): string | undefined => kubeconfigText(secret, KUBECONFIG);
