import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { API_SERVICE_EXPORT_REQUESTS, KLUTCH_NAMESPACE } from "../crds/names.ts";
import type { KubeClient } from "../kube/client.ts";
import { counted } from "../kube/plural.ts";
import { NAMESPACES } from "../kube/resources.ts";
import { findBindingApi, resourcesOf } from "./api_service_binding.ts";
import { findKonnectorPlan, type KonnectorChoice } from "./deploy_konnector.ts";
import { type ExportRequest, namesOf } from "./export_requests.ts";
import { printable } from "../printable.ts";

/** Says line by line what a bind of these requests would make, on both sides; looks, and changes nothing. */
export async function describeDryRun(
  appCluster: KubeClient,
  requests: readonly ExportRequest[],
  konnector: KonnectorChoice,
  signal: AbortSignal,
): Promise<string[]> {
  const namespace = await appCluster.api(NAMESPACES).find({ name: KLUTCH_NAMESPACE }, signal);
  const { image } = await findKonnectorPlan(appCluster, konnector, signal);
  const bound = new Map(
    ((await (await findBindingApi(appCluster, signal))?.list({}, signal))?.items ?? [])
      .map((binding: APIServiceBinding) => [binding.metadata.name, binding.spec?.kubeconfigSecretRef.name]),
  );
  const bindings = resourcesOf(requests).map(({ name, claims }) => {
    const secret = bound.get(name);
    if (bound.has(name)) return `nothing for ${printable(name)}: it is bound, by Secret ${printable(secret ?? "?")}`;
    const asks = claims.length > 0 ? `, after an answer to ${counted(claims.length, "permission claim")}` : "";
    return `APIServiceBinding ${KLUTCH_NAMESPACE}/${printable(name)}${asks}`;
  });
  const here = [
    ...(namespace ? [] : [`Namespace ${KLUTCH_NAMESPACE}`]),
    ...(image ? [`konnector ${printable(image)} with its rights`] : []),
    `Secret ${KLUTCH_NAMESPACE}/kubeconfig-… with the provider's kubeconfig, unless there is one already`,
    ...bindings,
  ];
  return [
    "ℹ️ Dry run: nothing is bound. On the provider it would make",
    "   a contract for this cluster, with a credential, unless there is one already",
    ...requests.map((request) => `   ${API_SERVICE_EXPORT_REQUESTS.kind} for ${namesOf(request)}`),
    "in this cluster",
    ...here.map((what) => `   ${what}`),
  ];
}
