import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { BINDING_FINALIZER } from "../crds/names.ts";
import { ConfigError } from "../kube/errors.ts";
import type { Informer } from "../kube/informer.ts";
import type { CustomResourceDefinition, Secret } from "../kube/resources.ts";
import { scopeOf } from "../kube/scopes.ts";
import type { Store } from "../kube/store.ts";
import { formatKey, hasFinalizer, isDeleting, keyOf, type ObjectKey } from "../kube/types.ts";
import { kubeconfigText } from "../kube/kubeconfig_secret.ts";
import type { BindingDeps } from "./binding.ts";
import { type BindingView, refusalOf } from "./binding_plan.ts";
import { type Connection, connectionId, type ConnectionTarget } from "./connection.ts";

/** Name of the index from the name of an API to its bindings. */
export const BY_NAME = "name";

/** Whether nothing is left to do for a binding, although it may still be there. */
export const isLetGo = (binding: APIServiceBinding): boolean =>
  isDeleting(binding) ? !hasFinalizer(binding, BINDING_FINALIZER) : !binding.spec;

/** The binding that has the same API already: the objects of one kind can live with one provider only. */
export function rivalOf(bindings: Store<APIServiceBinding>, { metadata }: APIServiceBinding): string | undefined {
  const [first] = bindings.by(BY_NAME, metadata.name).filter((one) => !isLetGo(one)).sort(byPrecedence);
  return first && first.metadata.uid !== metadata.uid ? formatKey(keyOf(first)) : undefined;
}

/** Who has it keeps it, otherwise the oldest gets it; times are in seconds. */
function byPrecedence(a: APIServiceBinding, b: APIServiceBinding): number {
  const [left, right] = [a, b].map((binding) => {
    const { creationTimestamp, uid } = binding.metadata;
    return `${hasFinalizer(binding, BINDING_FINALIZER) ? 0 : 1} ${creationTimestamp} ${uid}`;
  });
  return left! < right! ? -1 : 1;
}

/** Looks at all that a binding is about; opens the connection to its provider, or leaves it. */
export async function readBinding(
  deps: BindingDeps,
  binding: APIServiceBinding,
  signal: AbortSignal,
): Promise<Omit<BindingView, "connection"> & { connection?: Connection }> {
  const id = formatKey(keyOf(binding));
  const rival = rivalOf(deps.bindings.store, binding);
  if (refusalOf({ binding, rival }) || !binding.spec) {
    deps.connections.release(id);
    return { binding, rival };
  }
  const ref = binding.spec.kubeconfigSecretRef;
  const secretKey = { namespace: ref.namespace, name: ref.name };
  const crdKey = { name: binding.metadata.name };
  deps.secrets.scopes.add(connectionId(ref), scopeOf(secretKey));
  deps.crds.scopes.add(crdKey.name, scopeOf(crdKey));

  const trouble = (reason: "KubeconfigSecretNotFound" | "KubeconfigSecretInvalid", message: string) => {
    deps.connections.release(id);
    return { binding, kubeconfigTrouble: { reason, message } };
  };
  const secret = await known(deps.secrets.informer, secretKey, signal);
  const described = `Secret "${formatKey(secretKey)}"`;
  if (!secret) return trouble("KubeconfigSecretNotFound", `${described} does not exist; bind again to create it`);
  const text = kubeconfigText(secret, ref.key);
  if (text === undefined) return trouble("KubeconfigSecretInvalid", `${described} has no text under "${ref.key}"`);
  let target: ConnectionTarget;
  try {
    target = deps.targetOf(binding, text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return trouble("KubeconfigSecretInvalid", `${described}: ${error.message}`);
  }
  const connection = deps.connections.use(id, connectionId(ref), text, target, deps.wake);
  if (!connection.isSynced) return { binding, connection };
  const consumerTrouble = deps.consumerTrouble();
  return {
    binding,
    connection,
    export: connection.exports.store.get({ namespace: connection.namespace, name: binding.metadata.name }),
    crd: consumerTrouble ? deps.crds.informer.store.get(crdKey) : await known(deps.crds.informer, crdKey, signal),
    consumerTrouble,
  };
}

/** From the cache, or from the server while the cache may not have it yet. */
async function known<T extends Secret | CustomResourceDefinition>(
  informer: Informer<T>,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<T | undefined> {
  return informer.store.get(key) ?? await informer.api.find(key, signal);
}
