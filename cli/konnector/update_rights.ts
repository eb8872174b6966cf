import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import { BOUND_RIGHTS, FIELD_MANAGER, KLUTCH_NAMESPACE, KONNECTOR_ROLE, RIGHTS_ANNOTATION } from "../../crds/names.ts";
import type { KubeClient } from "../../kube/client.ts";
import { isForbidden } from "../../kube/errors.ts";
import { CLUSTER_ROLES, type Namespace, NAMESPACES, type Role, ROLE_BINDINGS, ROLES } from "../../kube/resources.ts";
import { annotationOf, formatKey, isDeleting, keyOf } from "../../kube/types.ts";
import { findBindingApi } from "../api_service_binding.ts";
import { compareRights, type RightFinding } from "../rbac/compare.ts";
import { printable } from "../../printable.ts";
import type { TakeBack } from "../take_back.ts";
import { LABEL_SELECTOR, type Manifest, roleManifests } from "./manifests.ts";
import { ALL_RIGHTS, type BoundApi, boundRights, grantsOf, type KonnectorRights, needsAllRights } from "./rights.ts";

/** What a konnector of this image needs for all that is bound. */
export async function rightsOfImage(
  appCluster: KubeClient,
  image: string,
  signal: AbortSignal,
): Promise<KonnectorRights> {
  if (needsAllRights(image)) return ALL_RIGHTS;
  return await grantableRights(appCluster, await boundApis(appCluster, signal), signal);
}

/** As `boundRights`, where it can be granted now: no Role can be made in a namespace that is not there. */
export async function grantableRights(
  appCluster: KubeClient,
  apis: readonly BoundApi[],
  signal: AbortSignal,
): Promise<KonnectorRights> {
  const rights = boundRights(apis);
  const absent = await absentNamespaces(appCluster, [...rights.namespaces.keys()], signal);
  for (const name of absent) rights.namespaces.delete(name);
  return { ...rights, absent };
}

/** Those of these namespaces that are not there, or about to go; ours comes with the konnector. */
export async function absentNamespaces(
  appCluster: KubeClient,
  names: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const others = [...new Set(names)].filter((name) => name !== KLUTCH_NAMESPACE);
  const api = appCluster.api<Namespace>(NAMESPACES);
  const found = await Promise.all(others.map((name) => isLabel(name) ? api.find({ name }, signal) : undefined));
  return others.filter((_, index) => !found[index] || isDeleting(found[index]));
}

/** Namespaces are DNS labels; claims may list anything. */
const isLabel = (name: string): boolean => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name);

/** A line for each namespace that is listed and not there. */
export const describeAbsent = (absent: readonly string[]): string[] =>
  absent.map((name) =>
    `namespace ${printable(name)} of a claim does not exist; once it does, \`kubectl klutch konnector upgrade\` ` +
    "gives the konnector its rights there"
  );

/** For whoever changes what is bound, and may not look at the konnector's rights. */
export const RIGHTS_HIDDEN =
  "the konnector's rights stay as they are, as you may not look at them; where they are kept to what is bound, somebody " +
  "who may has to bring them up to date: `kubectl klutch konnector upgrade`";

/**
 * Brings the rights of a konnector that has those alone that it needs up to date; one that may do everything keeps them.
 *
 * @param wanted APIs that are about to be bound
 * @returns undefined when there is no such konnector; "forbidden" when this person may not look whether there is
 */
export async function updateRights(
  appCluster: KubeClient,
  wanted: readonly BoundApi[],
  { takeBack }: { takeBack?: TakeBack },
  signal: AbortSignal,
): Promise<KonnectorRights | "forbidden" | undefined> {
  const role = await findBoundedRole(appCluster, signal);
  if (!role || role === "forbidden") return role;
  const rights = await grantableRights(appCluster, [...await boundApis(appCluster, signal), ...wanted], signal);
  await applyRights(appCluster, rights, { takeBack }, signal);
  return rights;
}

/**
 * What the konnector may do here by the roles made for it that these APIs do not need; undefined when its rights are not
 * kept to what is bound, as far as this person may look.
 */
export async function excessRights(
  appCluster: KubeClient,
  apis: readonly BoundApi[],
  signal: AbortSignal,
): Promise<RightFinding[] | undefined> {
  const role = await findBoundedRole(appCluster, signal);
  if (!role || role === "forbidden") return undefined;
  const { items } = await appCluster.api<Role>(ROLES).list({ labelSelector: LABEL_SELECTOR }, signal);
  const own = [role, ...items.filter(({ metadata }) => metadata.name === KONNECTOR_ROLE)];
  const granted = own.map(({ metadata: { namespace }, rules = [] }) => ({ namespace, rules }));
  const needed = grantsOf(await grantableRights(appCluster, apis, signal));
  return compareRights(granted, needed).filter(({ finding }) => finding === "excess");
}

async function findBoundedRole(appCluster: KubeClient, signal: AbortSignal): Promise<Role | "forbidden" | undefined> {
  try {
    const role = await appCluster.api<Role>(CLUSTER_ROLES).find({ name: KONNECTOR_ROLE }, signal);
    return role && annotationOf(role, RIGHTS_ANNOTATION) === BOUND_RIGHTS ? role : undefined;
  } catch (error) {
    if (isForbidden(error)) return "forbidden";
    throw error;
  }
}

/** What is bound, as far as rights depend on it. */
export async function boundApis(appCluster: KubeClient, signal: AbortSignal): Promise<BoundApi[]> {
  const bindings = await (await findBindingApi(appCluster, signal))?.list({}, signal);
  return (bindings?.items ?? []).filter(({ spec }) => spec !== undefined).map(boundApiOf);
}

export const boundApiOf = ({ metadata, spec }: APIServiceBinding): BoundApi => ({
  name: metadata.name,
  secretName: spec.kubeconfigSecretRef.name,
  claims: spec.permissionClaims ?? [],
});

/**
 * Makes the konnector's roles these, and takes away those in namespaces that no claim is about any more.
 *
 * @param takeBack undoes it, also when it was interrupted on the way, by granting what is bound then; absent: nothing is
 * taken back
 */
export async function applyRights(
  appCluster: KubeClient,
  rights: KonnectorRights,
  { takeBack }: { takeBack?: TakeBack },
  signal: AbortSignal,
): Promise<void> {
  const manifests = roleManifests(rights);
  const apply = ({ resource, object }: Manifest, signal: AbortSignal) =>
    appCluster.api(resource).apply(object, { fieldManager: FIELD_MANAGER, force: true }, signal);
  const [first, ...others] = manifests;
  const grant = (signal: AbortSignal) => apply(first!, signal);
  const undo = (signal: AbortSignal) => updateRights(appCluster, [], {}, signal);
  if (takeBack) await takeBack.make(grant, () => ({ what: "rights of the konnector", undo }), signal);
  else await grant(signal);
  for (const one of others) await apply(one, signal);
  for (const resource of [ROLE_BINDINGS, ROLES]) {
    const wanted = new Set(
      manifests.filter((one) => one.resource === resource).map(({ object }) => formatKey(keyOf(object))),
    );
    const { items } = await appCluster.api(resource).list({ labelSelector: LABEL_SELECTOR }, signal);
    for (const { metadata } of items) {
      if (metadata.name !== KONNECTOR_ROLE || wanted.has(formatKey(metadata))) continue;
      await appCluster.api(resource).delete(metadata, { uid: metadata.uid }, signal);
    }
  }
}
