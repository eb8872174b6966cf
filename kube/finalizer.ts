import type { Api } from "./api.ts";
import { isNotFound } from "./errors.ts";
import { formatKey, hasFinalizer, keyOf, type KubeObject } from "./types.ts";

/**
 * Adds a finalizer to exactly the object that was looked at.
 *
 * @throws {KubeError} 409 when it was changed, or deleted and made again, since; 404 when it is gone
 */
export async function addFinalizer<T extends KubeObject>(
  api: Api<T>,
  object: T,
  finalizer: string,
  signal: AbortSignal,
): Promise<T> {
  if (hasFinalizer(object, finalizer)) return object;
  return await patchFinalizers(api, object, [...object.metadata.finalizers ?? [], finalizer], signal);
}

/**
 * Removes a finalizer from exactly the object that was looked at; one that is gone needs no more.
 *
 * @throws {KubeError} 409 when it was changed since
 */
export async function removeFinalizer<T extends KubeObject>(
  api: Api<T>,
  object: T,
  finalizer: string,
  signal: AbortSignal,
): Promise<void> {
  if (!hasFinalizer(object, finalizer)) return;
  try {
    await patchFinalizers(api, object, object.metadata.finalizers!.filter((name) => name !== finalizer), signal);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** The list is replaced as a whole, hence the resourceVersion: another controller's finalizer must not get lost. */
async function patchFinalizers<T extends KubeObject>(
  api: Api<T>,
  object: T,
  finalizers: string[],
  signal: AbortSignal,
): Promise<T> {
  const { uid, resourceVersion } = object.metadata;
  if (!uid || !resourceVersion) {
    throw new TypeError(`Cannot change the finalizers of "${formatKey(keyOf(object))}": it has never been read`);
  }
  return await api.mergePatch(keyOf(object), { metadata: { uid, resourceVersion, finalizers } }, {}, signal);
}
