import type { APIServiceExport } from "../crds/api_service_export.ts";
import { APIServiceExport as ExportKind } from "../crds/api_service_export.ts";
import { APIServiceExportRequest } from "../crds/api_service_export_request.ts";
import { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import { ClusterBinding } from "../crds/cluster_binding.ts";
import { toExportSpec } from "../crds/export_schema.ts";
import { installCrds } from "../crds/install.ts";
import {
  API_SERVICE_EXPORTS,
  API_SERVICE_NAMESPACES,
  API_VERSION,
  CLUSTER_BINDING_NAME,
  CLUSTER_BINDINGS,
  KUBECONFIG,
} from "../crds/names.ts";
import type { KubeClient } from "../kube/client.ts";
import { isAlreadyExists } from "../kube/errors.ts";
import { silentLog } from "../kube/log.ts";
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  type CustomResourceDefinition,
  NAMESPACES,
  type Secret,
  SECRETS,
} from "../kube/resources.ts";
import { watchObjects } from "../kube/watch.ts";
import type { BenchOptions } from "./options.ts";

/** The provider's namespace that belongs to the one app cluster. */
export const CLUSTER_NAMESPACE = "bench-cluster";

/** The provider's namespace that mirrors one of the consumer. */
export const mappedNamespace = (consumerNamespace: string): string => `${CLUSTER_NAMESPACE}-${consumerNamespace}`;

/** What a backend would have made after a login: the contract of one app cluster, with nothing on offer yet. */
export async function openContract(client: KubeClient, kubeconfig: string, signal: AbortSignal): Promise<void> {
  const kinds = [ExportKind, APIServiceExportRequest, APIServiceNamespace, ClusterBinding];
  await installCrds(client, kinds, silentLog, signal);
  await client.api<Secret>(SECRETS).create({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: CLUSTER_NAMESPACE, name: KUBECONFIG },
    data: { [KUBECONFIG]: btoa(kubeconfig) },
  }, signal);
  await client.api<ClusterBinding>(CLUSTER_BINDINGS).create({
    apiVersion: API_VERSION,
    kind: CLUSTER_BINDINGS.kind,
    metadata: { namespace: CLUSTER_NAMESPACE, name: CLUSTER_BINDING_NAME },
    spec: { kubeconfigSecretRef: { name: KUBECONFIG, key: KUBECONFIG }, providerPrettyName: "Bench" },
  }, signal);
}

/** Serves an API on the provider, and puts it into the contract. */
export async function exportApi(
  client: KubeClient,
  crd: CustomResourceDefinition,
  { informerScope }: Pick<BenchOptions, "informerScope">,
  signal: AbortSignal,
): Promise<void> {
  await client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS).create(crd, signal);
  await client.api<APIServiceExport>(API_SERVICE_EXPORTS).create({
    apiVersion: API_VERSION,
    kind: API_SERVICE_EXPORTS.kind,
    metadata: { namespace: CLUSTER_NAMESPACE, name: crd.metadata.name },
    spec: { ...toExportSpec(crd), informerScope },
  }, signal);
}

/** Gives every namespace that the konnector asks for, until the signal fires; the only thing a backend does at work. */
export async function serveNamespaces(client: KubeClient, signal: AbortSignal): Promise<void> {
  const api = client.api<APIServiceNamespace>(API_SERVICE_NAMESPACES);
  for await (const notice of watchObjects(api, { namespace: CLUSTER_NAMESPACE }, signal)) {
    if (notice.type !== "apply" || notice.object.status?.namespace) continue;
    const namespace = mappedNamespace(notice.object.metadata.name);
    await makeNamespace(client, namespace, signal);
    await api.mergePatch(notice.object.metadata, { status: { namespace } }, { subresource: "status" }, signal);
  }
}

/** Makes a namespace, unless there is one. */
export async function makeNamespace(client: KubeClient, name: string, signal: AbortSignal): Promise<void> {
  try {
    await client.api(NAMESPACES).create({ apiVersion: "v1", kind: "Namespace", metadata: { name } }, signal);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
