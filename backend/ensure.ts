import type { Api } from "../kube/api.ts";
import { isAlreadyExists } from "../kube/errors.ts";
import { deepEqual } from "../kube/json.ts";
import type { Role, RoleBinding } from "../kube/resources.ts";
import { keyOf, type KubeObject, type OwnerReference } from "../kube/types.ts";

/**
 * Makes a ClusterRole grant exactly these rules.
 *
 * @param known as a cache has it; absent when it has none
 * @returns whether something was written
 */
export async function ensureRole(api: Api<Role>, known: Role | undefined, wanted: Role, signal: AbortSignal) {
  const current = known ?? (await createOrGet(api, wanted, signal)).existing;
  if (!current) return true;
  if (deepEqual(current.rules ?? [], wanted.rules) && isOwnedAlike(current, wanted)) return false;
  await api.mergePatch(keyOf(wanted), { metadata: guarded(current, wanted), rules: wanted.rules }, {}, signal);
  return true;
}

/**
 * Makes a RoleBinding or ClusterRoleBinding grant exactly this role to exactly these subjects. A role cannot be changed,
 * so a binding to another one is deleted first.
 *
 * @returns whether something was written
 */
export async function ensureRoleBinding(
  api: Api<RoleBinding>,
  known: RoleBinding | undefined,
  wanted: RoleBinding,
  signal: AbortSignal,
): Promise<boolean> {
  const current = known ?? (await createOrGet(api, wanted, signal)).existing;
  if (!current) return true;
  if (!deepEqual(current.roleRef, wanted.roleRef)) {
    await api.delete(keyOf(current), { uid: current.metadata.uid }, signal);
    await api.create(wanted, signal);
    return true;
  }
  if (deepEqual(current.subjects ?? [], wanted.subjects) && isOwnedAlike(current, wanted)) return false;
  await api.mergePatch(keyOf(wanted), { metadata: guarded(current, wanted), subjects: wanted.subjects }, {}, signal);
  return true;
}

/** Creates what is missing. @returns the new object, or the one that was there already */
export async function createOrGet<T extends KubeObject>(
  api: Api<T>,
  wanted: T,
  signal: AbortSignal,
): Promise<{ made: T; existing?: undefined } | { made?: undefined; existing: T }> {
  try {
    return { made: await api.create(wanted, signal) };
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return { existing: await api.get(keyOf(wanted), signal) };
  }
}

/** Creates what is missing. @returns what there is then */
export async function ensureObject<T extends KubeObject>(api: Api<T>, wanted: T, signal: AbortSignal): Promise<T> {
  const { made, existing } = await createOrGet(api, wanted, signal);
  return (made ?? existing)!;
}

/** Who else owns it is none of our business. */
const isOwnedAlike = (current: KubeObject, { metadata: { ownerReferences = [] } }: KubeObject): boolean =>
  ownerReferences.every(({ uid }) => current.metadata.ownerReferences?.some((owner) => owner.uid === uid));

function guarded({ metadata }: KubeObject, wanted: KubeObject) {
  const { uid, resourceVersion, ownerReferences = [] } = metadata;
  // At most one owner may be the controller: one of an earlier namespace of the same name gives way.
  const owners: OwnerReference[] = wanted.metadata.ownerReferences ?? [];
  const others = ownerReferences.filter((other) => !other.controller && owners.every(({ uid }) => uid !== other.uid));
  return { uid, resourceVersion, ...(owners.length > 0 && { ownerReferences: [...others, ...owners] }) };
}
