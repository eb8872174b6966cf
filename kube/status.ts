import type { Api } from "./api.ts";
import { mergePatchBetween } from "./json.ts";
import { keyOf, type KubeObject } from "./types.ts";

/**
 * Makes the status of exactly the object that was looked at say this, and nothing else: others write there as well, and
 * lists of conditions are replaced as a whole.
 *
 * @returns the object as it is then
 * @throws {KubeError} 409 when somebody was faster
 */
export async function patchStatus<T extends KubeObject & { status?: object }>(
  api: Api<T>,
  object: T,
  status: NonNullable<T["status"]>,
  signal: AbortSignal,
): Promise<T> {
  const { uid, resourceVersion } = object.metadata;
  const patch = { metadata: { uid, resourceVersion }, status: mergePatchBetween(object.status ?? {}, status) };
  return await api.mergePatch(keyOf(object), patch, { subresource: "status" }, signal);
}
