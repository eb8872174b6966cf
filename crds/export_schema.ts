import type {
  CrdNames,
  CrdSubresources,
  CrdVersion,
  CustomResourceDefinition,
  OpenApiSchema,
} from "../kube/resources.ts";
import { resourceName } from "../kube/types.ts";
import type { APIServiceExport, ExportVersion } from "./api_service_export.ts";
import { hashBase62 } from "./base62.ts";
import { InvalidObjectError } from "./check.ts";
import { exportCrdJson } from "./go_json.ts";

/** The part of an export's spec that comes from a CRD. */
export type ExportCrdSpec = Pick<APIServiceExport["spec"], "group" | "names" | "scope" | "versions">;

/** That part alone, without what only time and place of an export decided. */
export const crdPartOf = ({ group, names, scope, versions }: ExportCrdSpec): ExportCrdSpec => ({
  group,
  names,
  scope,
  versions,
});

/**
 * What of a CRD goes into an export: its served versions, or only the stored one where a webhook converts between
 * them, since that webhook cannot be reached from the app cluster.
 *
 * @throws {InvalidObjectError} when no served version is the stored one: the app cluster could not store objects
 */
export function toExportSpec(crd: CustomResourceDefinition): ExportCrdSpec {
  const { group, names, scope, versions, conversion } = crd.spec;
  const single = conversion?.strategy === "Webhook";
  const served = versions.filter((version) => version.served && (!single || version.storage));
  if (!served.some(({ storage }) => storage)) {
    const stored = versions.find(({ storage }) => storage)?.name ?? "";
    throw new InvalidObjectError(
      `Cannot export CustomResourceDefinition "${crd.metadata.name}": its storage version "${stored}" is not served; ` +
        "serve it, or store objects in a served version",
    );
  }
  return { group, names: toNames(names), scope, versions: served.map(toExportVersion) };
}

/** The same with one version only, which is then the stored one; undefined when there is no such version. */
export function onlyVersion(spec: ExportCrdSpec, name: string): ExportCrdSpec | undefined {
  const version = spec.versions.find((version) => version.name === name);
  return version && { ...spec, versions: [{ ...version, storage: true }] };
}

const toNames = ({ plural, singular, shortNames, kind, listKind, categories }: CrdNames): CrdNames =>
  defined({ plural, singular, shortNames, kind, listKind, categories });

function toExportVersion(version: CrdVersion): ExportVersion {
  const { name, served, storage, deprecated, deprecationWarning, schema, subresources, additionalPrinterColumns } =
    version;
  return defined({
    name,
    served,
    storage,
    deprecated,
    deprecationWarning,
    additionalPrinterColumns,
    schema: { openAPIV3Schema: schema?.openAPIV3Schema ?? {} },
    subresources: subresources ?? {},
  });
}

/** The CRD for the app cluster, without status; it has the name of the export. */
export function toCrdOfExport({ spec }: { spec: ExportCrdSpec }): CustomResourceDefinition {
  const { group, names, scope, versions } = spec;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: resourceName({ group, plural: names.plural }) },
    spec: { group, names: toNames(names), scope, versions: versions.map(toCrdVersion) },
  };
}

function toCrdVersion(version: ExportVersion): CrdVersion {
  const { name, served, storage, deprecated, deprecationWarning, schema, subresources, additionalPrinterColumns } =
    version;
  const openAPIV3Schema = schema.openAPIV3Schema as OpenApiSchema;
  return defined({
    name,
    served,
    storage,
    deprecated,
    deprecationWarning,
    additionalPrinterColumns,
    schema: Object.keys(openAPIV3Schema).length > 0 ? { openAPIV3Schema } : undefined,
    subresources: (subresources ?? {}) as CrdSubresources,
  });
}

/** Hashing takes a while, and the same objects are asked about again and again. */
const hashes = new WeakMap<ExportCrdSpec, string>();

/**
 * Tells whether the CRD behind an export has changed; the same text for the same API, whichever backend wrote it.
 *
 * @param spec never changed afterwards, as what comes from API servers is replaced, not changed
 */
export function sourceSpecHash(spec: ExportCrdSpec): string {
  const known = hashes.get(spec);
  if (known !== undefined) return known;
  const hash = hashBase62(exportCrdJson(spec));
  hashes.set(spec, hash);
  return hash;
}

/** Without the fields that are undefined, so that objects compare and travel alike. */
const defined = <T extends object>(object: T): T =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
