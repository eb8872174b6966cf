import type { Api } from "../kube/api.ts";
import { keyOf, type KubeObject } from "../kube/types.ts";

/**
 * Writes the status of exactly the object that was looked at: the konnector writes there as well, and lists of
 * conditions are replaced as a whole.
 *
 * @throws {KubeError} 409 when somebody was faster
 */
export async function patchStatus<T extends KubeObject & { status?: object }>(
  api: Api<T>,
  object: T,
  status: T["status"],
  signal: AbortSignal,
): Promise<void> {
  const { uid, resourceVersion } = object.metadata;
  await api.mergePatch(
    keyOf(object),
    { metadata: { uid, resourceVersion }, status },
    { subresource: "status" },
    signal,
  );
}
