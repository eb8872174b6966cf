import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import type { APIServiceExport } from "../crds/api_service_export.ts";
import { toCrdOfExport } from "../crds/export_schema.ts";
import { API_SERVICE_BINDINGS, API_VERSION, BOUND_ANNOTATION } from "../crds/names.ts";
import { sameCrdSpec } from "../crds/same_crd.ts";
import { deepEqual } from "../kube/json.ts";
import type { CustomResourceDefinition } from "../kube/resources.ts";
import { annotationOf, type ObjectMeta, type OwnerReference } from "../kube/types.ts";

/**
 * Whether a CRD was made for this binding, or for one of the same name before it: that an API was unbound and bound
 * again must not leave its objects to nobody.
 */
export const isOurs = (crd: CustomResourceDefinition, binding: Named): boolean =>
  isMarked(crd) || (crd.metadata.ownerReferences?.some((owner) => isBindingOwner(owner, binding)) ?? false);

const isMarked = (crd: CustomResourceDefinition): boolean => annotationOf(crd, BOUND_ANNOTATION) === "true";

/** As much of a binding as is left of it in a CRD when it is gone. */
interface Named {
  metadata: { name: string };
}

const isBindingOwner = ({ apiVersion, kind, name }: OwnerReference, { metadata }: Named): boolean =>
  apiVersion === API_VERSION && kind === API_SERVICE_BINDINGS.kind && name === metadata.name;

/** Why the API server will not serve it: another CRD has one of its names. */
export const nameConflict = ({ status }: CustomResourceDefinition): string | undefined =>
  status?.conditions?.find(({ type, status }) => type === "NamesAccepted" && status === "False")?.message;

/** Whether the CRD offers exactly what is exported, and tells whose it is. */
export const sameSchema = (
  crd: CustomResourceDefinition,
  exported: APIServiceExport,
  binding: APIServiceBinding,
): boolean =>
  sameCrdSpec(crd.spec, toConsumerSpec(exported, crd)) &&
  deepEqual(crd.metadata, markedMetadata(crd.metadata, binding));

/**
 * The CRD to write on the app cluster.
 *
 * @param existing the CRD as it is there; what is not about the schema stays as it was
 */
export function toConsumerCrd(
  exported: APIServiceExport,
  binding: APIServiceBinding,
  existing?: CustomResourceDefinition,
): CustomResourceDefinition {
  const made = toCrdOfExport(exported);
  if (!existing) return { ...made, metadata: markedMetadata(made.metadata, binding) };
  return {
    ...existing,
    metadata: markedMetadata(existing.metadata, binding),
    spec: toConsumerSpec(exported, existing),
  };
}

/** The CRD as it is left behind without its binding; undefined when it is so already. */
export function releasedCrd(
  crd: CustomResourceDefinition,
  binding: APIServiceBinding,
): CustomResourceDefinition | undefined {
  const metadata = markedMetadata(crd.metadata, binding, []);
  return deepEqual(metadata, crd.metadata) ? undefined : { ...crd, metadata };
}

/**
 * A CRD carries our mark, and names its binding as owner. Klutch up to 1.5 made bindings cluster-scoped: there the
 * garbage collector would delete the CRD, and with it all objects, as soon as its owner is deleted, so it names none. An
 * owner in a namespace is left out of account, as the CRD is in none.
 */
function markedMetadata(
  metadata: ObjectMeta,
  binding: APIServiceBinding,
  owners: OwnerReference[] = binding.metadata.namespace ? [ownerReference(binding)] : [],
): ObjectMeta {
  const others = metadata.ownerReferences?.filter((one) => !isBindingOwner(one, binding)) ?? [];
  const ownerReferences = [...others, ...owners];
  return {
    ...metadata,
    annotations: { ...metadata.annotations, [BOUND_ANNOTATION]: "true" },
    ownerReferences: ownerReferences.length > 0 ? ownerReferences : undefined,
  };
}

const ownerReference = ({ metadata: { name, uid } }: APIServiceBinding): OwnerReference => ({
  apiVersion: API_VERSION,
  kind: API_SERVICE_BINDINGS.kind,
  name,
  uid: uid!,
  controller: true,
});

const toConsumerSpec = (exported: APIServiceExport, existing: CustomResourceDefinition) => ({
  ...existing.spec,
  ...toCrdOfExport(exported).spec,
});
