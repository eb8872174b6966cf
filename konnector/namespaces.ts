import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import type { KubeClient } from "../kube/client.ts";
import { isAlreadyExists } from "../kube/errors.ts";
import { Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import type { Metrics } from "../kube/metrics.ts";
import { type Namespace, NAMESPACES } from "../kube/resources.ts";
import { isDeleting } from "../kube/types.ts";
import { namespaceRequest } from "../sync/mapping.ts";

/** The app cluster's namespaces; of each only that it is there, and whether for long. */
export type ConsumerNamespaces = Informer<Namespace, { isDeleting: boolean }>;

/** To be watched by whoever opens it. */
export const openConsumerNamespaces = (
  consumer: KubeClient,
  options: { log: Log; metrics?: Metrics },
): ConsumerNamespaces =>
  new Informer(consumer.api<Namespace>(NAMESPACES), {
    ...options,
    project: (namespace) => ({ isDeleting: isDeleting(namespace) }),
  });

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
