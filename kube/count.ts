import type { KubeClient } from "./client.ts";
import { apiVersionOf, type Resource, resourceName } from "./types.ts";

/** How many objects of a resource there are, in one namespace or in all; asked for without their contents. */
export async function countObjects(
  client: KubeClient,
  resource: Resource,
  { namespace }: { namespace?: string },
  signal: AbortSignal,
): Promise<number> {
  const scope = namespace ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  const list = await client.request<{ metadata?: { remainingItemCount?: number }; items?: unknown[] }>(
    "GET",
    `/${resource.group ? "apis" : "api"}/${apiVersionOf(resource)}${scope}/${resource.plural}`,
    {
      query: { limit: 1 },
      accept: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
      action: `count ${resourceName(resource)}`,
    },
    signal,
  );
  return (list.items?.length ?? 0) + (list.metadata?.remainingItemCount ?? 0);
}
