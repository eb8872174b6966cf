import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import type { APIServiceExport } from "../crds/api_service_export.ts";
import { toCrdOfExport } from "../crds/export_schema.ts";
import { API_SERVICE_BINDINGS, API_VERSION } from "../crds/names.ts";
import { sameCrdSpec } from "../crds/same_crd.ts";
import type { CustomResourceDefinition } from "../kube/resources.ts";
import type { OwnerReference } from "../kube/types.ts";

/**
 * Whether a CRD was made for this binding, or for one of the same name before it: that an API was unbound and bound
 * again must not leave its objects to nobody.
 */
export const isOurs = ({ metadata }: CustomResourceDefinition, binding: APIServiceBinding): boolean =>
  metadata.ownerReferences?.some((owner) => isBindingOwner(owner, binding)) ?? false;

const isBindingOwner = ({ apiVersion, kind, name }: OwnerReference, { metadata }: APIServiceBinding): boolean =>
  apiVersion === API_VERSION && kind === API_SERVICE_BINDINGS.kind && name === metadata.name;

export const isEstablished = ({ status }: CustomResourceDefinition): boolean =>
  status?.conditions?.some(({ type, status }) => type === "Established" && status === "True") ?? false;

/** Why the API server will not serve it: another CRD has one of its names. */
export const nameConflict = ({ status }: CustomResourceDefinition): string | undefined =>
  status?.conditions?.find(({ type, status }) => type === "NamesAccepted" && status === "False")?.message;

/** Whether the CRD offers exactly what is exported, and names this binding as its owner. */
export function sameSchema(
  crd: CustomResourceDefinition,
  exported: APIServiceExport,
  { metadata: { uid } }: APIServiceBinding,
): boolean {
  return (crd.metadata.ownerReferences?.some((owner) => owner.uid === uid) ?? false) &&
    sameCrdSpec(crd.spec, toConsumerSpec(exported, crd));
}

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
  const { metadata, ...rest } = toCrdOfExport(exported);
  const owner: OwnerReference = {
    apiVersion: API_VERSION,
    kind: API_SERVICE_BINDINGS.kind,
    name: binding.metadata.name,
    uid: binding.metadata.uid!,
    controller: true,
  };
  if (!existing) return { ...rest, metadata: { ...metadata, ownerReferences: [owner] } };
  const others = existing.metadata.ownerReferences?.filter((one) => !isBindingOwner(one, binding)) ?? [];
  return {
    ...existing,
    metadata: { ...existing.metadata, ownerReferences: [...others, owner] },
    spec: toConsumerSpec(exported, existing),
  };
}

const toConsumerSpec = (exported: APIServiceExport, existing: CustomResourceDefinition) => ({
  ...existing.spec,
  ...toCrdOfExport(exported).spec,
});
