import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import { BOUND_RIGHTS, FIELD_MANAGER, KONNECTOR_ROLE, RIGHTS_ANNOTATION } from "../../crds/names.ts";
import type { KubeClient } from "../../kube/client.ts";
import { isForbidden } from "../../kube/errors.ts";
import { CLUSTER_ROLES, ROLE_BINDINGS, ROLES } from "../../kube/resources.ts";
import { annotationOf, formatKey, keyOf } from "../../kube/types.ts";
import { findBindingApi } from "../api_service_binding.ts";
import { LABEL_SELECTOR, roleManifests } from "./manifests.ts";
import { type BoundApi, boundRights, type KonnectorRights } from "./rights.ts";

/**
 * Lets a konnector whose rights are those that it needs do with the new APIs, too; one that may do everything can.
 *
 * @returns whether that changed its rights
 */
export async function extendRights(
  appCluster: KubeClient,
  wanted: readonly BoundApi[],
  signal: AbortSignal,
): Promise<boolean> {
  let role;
  try {
    role = await appCluster.api(CLUSTER_ROLES).find({ name: KONNECTOR_ROLE }, signal);
  } catch (error) {
    if (isForbidden(error)) return false; // who may not look has not installed it
    throw error;
  }
  if (!role || annotationOf(role, RIGHTS_ANNOTATION) !== BOUND_RIGHTS) return false;
  await applyRights(appCluster, boundRights([...await boundApis(appCluster, signal), ...wanted]), signal);
  return true;
}

/** What is bound, as far as rights depend on it. */
export async function boundApis(appCluster: KubeClient, signal: AbortSignal): Promise<BoundApi[]> {
  const bindings = await (await findBindingApi(appCluster, signal))?.list({}, signal);
  return (bindings?.items ?? []).filter(({ spec }) => spec !== undefined).map((
    { metadata, spec }: APIServiceBinding,
  ) => ({
    name: metadata.name,
    secretName: spec.kubeconfigSecretRef.name,
    claims: spec.permissionClaims ?? [],
  }));
}

/** Makes the konnector's roles these, and takes away those in namespaces that no claim is about any more. */
export async function applyRights(appCluster: KubeClient, rights: KonnectorRights, signal: AbortSignal): Promise<void> {
  const manifests = roleManifests(rights);
  for (const { resource, object } of manifests) {
    await appCluster.api(resource).apply(object, { fieldManager: FIELD_MANAGER, force: true }, signal);
  }
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
