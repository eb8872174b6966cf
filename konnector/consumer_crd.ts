import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import type { APIServiceExport } from "../crds/api_service_export.ts";
import { type ExportCrdSpec, sourceSpecHash, toCrdOfExport, toExportSpec } from "../crds/export_schema.ts";
import { API_SERVICE_BINDINGS, API_VERSION } from "../crds/names.ts";
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

/** Whether the CRD offers exactly what is exported, and names this binding as its owner. */
export function sameSchema(
  crd: CustomResourceDefinition,
  exported: APIServiceExport,
  { metadata: { uid } }: APIServiceBinding,
): boolean {
  if (!crd.metadata.ownerReferences?.some((owner) => owner.uid === uid)) return false;
  try {
    return sourceSpecHash(withDefaults(toExportSpec(crd))) === sourceSpecHash(withDefaults(exported.spec));
  } catch {
    return false; // nothing that could have come out of an export
  }
}

/** Names that an API server fills in. */
function withDefaults({ group, names, scope, versions }: ExportCrdSpec): ExportCrdSpec {
  const { kind, listKind = `${kind}List`, singular = kind.toLowerCase() } = names;
  return { group, names: { ...names, listKind, singular }, scope, versions };
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
  const { metadata, spec, ...rest } = toCrdOfExport(exported);
  const owner: OwnerReference = {
    apiVersion: API_VERSION,
    kind: API_SERVICE_BINDINGS.kind,
    name: binding.metadata.name,
    uid: binding.metadata.uid!,
    controller: true,
  };
  if (!existing) return { ...rest, metadata: { ...metadata, ownerReferences: [owner] }, spec };
  const others = existing.metadata.ownerReferences?.filter((one) => !isBindingOwner(one, binding)) ?? [];
  return {
    ...existing,
    metadata: { ...existing.metadata, ownerReferences: [...others, owner] },
    spec: { ...existing.spec, ...spec },
  };
}
