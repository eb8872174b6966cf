import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import type { Api } from "../kube/api.ts";
import { isAlreadyExists } from "../kube/errors.ts";
import type { Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import type { Namespace } from "../kube/resources.ts";
import { namespaceRequest } from "../sync/mapping.ts";

/** The app cluster's namespaces; of each only that it is there. */
export type ConsumerNamespaces = Informer<Namespace, true>;

export interface NamespaceDeps {
  serviceNamespaces: Informer<APIServiceNamespace>;
  /** The provider's namespace that belongs to this app cluster. */
  clusterNamespace: string;
  log: Log;
}

/** Asks the backend for a namespace on the provider; the answer comes as an event of the APIServiceNamespace. */
export async function requestNamespace(
  { serviceNamespaces, clusterNamespace, log }: NamespaceDeps,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  if (serviceNamespaces.store.get({ namespace: clusterNamespace, name })) return; // asked already
  try {
    await serviceNamespaces.api.create(namespaceRequest(clusterNamespace, name), signal);
    log.info("namespace requested on the provider", { namespace: name });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

/**
 * Gives a namespace on the provider back after the app cluster's own is gone. The backend then deletes it with all it
 * holds, so the app cluster is asked, not the cache.
 */
export async function cleanUpNamespace(
  deps: NamespaceDeps & { consumerNamespaces: Api<Namespace> },
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const { serviceNamespaces, clusterNamespace, consumerNamespaces, log } = deps;
  const known = serviceNamespaces.store.get({ namespace: clusterNamespace, name });
  if (!known || await consumerNamespaces.find({ name }, signal)) return;
  await serviceNamespaces.api.delete(known.metadata, { uid: known.metadata.uid }, signal);
  log.info("namespace given back to the provider", { namespace: name });
}
