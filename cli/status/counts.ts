import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import type { KubeClient } from "../../kube/client.ts";
import { countObjects } from "../../kube/count.ts";
import { discover } from "../../kube/discovery.ts";
import { resourceName } from "../../kube/types.ts";
import { readable } from "../diagnosis/readable.ts";

/** How many objects of each bound API there are on the app cluster, by the binding's name; absent where nobody can tell. */
export async function countInstances(
  appCluster: KubeClient,
  bindings: readonly APIServiceBinding[],
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const { resources } = await discover(appCluster, signal);
  const served = new Map(resources.toReversed().map((resource) => [resourceName(resource), resource]));
  const counts = new Map<string, number>();
  await Promise.all(bindings.map(async ({ metadata: { name } }) => {
    const resource = served.get(name);
    const count = resource && await readable(countObjects(appCluster, resource, {}, signal));
    if (count !== undefined) counts.set(name, count);
  }));
  return counts;
}
