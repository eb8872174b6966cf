import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { API_SERVICE_BINDINGS, API_VERSION, KLUTCH_NAMESPACE, KUBECONFIG } from "../crds/names.ts";
import type { KubeClient } from "../kube/client.ts";
import { systemClock } from "../kube/clock.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition, type Secret, SECRETS } from "../kube/resources.ts";
import { resourceName } from "../kube/types.ts";

const SECRET = { namespace: KLUTCH_NAMESPACE, name: "kubeconfig-bench" };
const POLL_MS = 50;

/** What a user's command line would have stored on the consumer before the binding: how the provider is reached. */
export async function storeKubeconfig(client: KubeClient, kubeconfig: string, signal: AbortSignal): Promise<void> {
  await client.api<Secret>(SECRETS).create({
    apiVersion: "v1",
    kind: "Secret",
    metadata: SECRET,
    data: { [KUBECONFIG]: btoa(kubeconfig) },
  }, signal);
}

/**
 * Binds an API and waits until the konnector has made the consumer serve it. The CRD of bindings is the konnector's
 * own: Klutch up to 1.5 has cluster-scoped bindings.
 *
 * @param name of the CRD, e.g. `databases.bench.example.com`
 */
export async function bindApi(client: KubeClient, name: string, signal: AbortSignal): Promise<void> {
  const crd = await untilEstablished(client, resourceName(API_SERVICE_BINDINGS), signal);
  const namespaced = crd.spec.scope === "Namespaced";
  await client.api<APIServiceBinding>({ ...API_SERVICE_BINDINGS, namespaced }).create({
    apiVersion: API_VERSION,
    kind: API_SERVICE_BINDINGS.kind,
    metadata: { ...(namespaced && { namespace: KLUTCH_NAMESPACE }), name },
    spec: { kubeconfigSecretRef: { ...SECRET, key: KUBECONFIG } },
  }, signal);
  await untilEstablished(client, name, signal);
}

async function untilEstablished(
  client: KubeClient,
  name: string,
  signal: AbortSignal,
): Promise<CustomResourceDefinition> {
  const api = client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  while (true) {
    const crd = await api.find({ name }, signal);
    if (crd?.status?.conditions?.some(({ type, status }) => type === "Established" && status === "True")) return crd;
    await systemClock.sleep(POLL_MS, signal);
  }
}
