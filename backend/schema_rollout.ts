import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { type ExportCrdSpec, sourceSpecHash } from "../crds/export_schema.ts";
import { CLUSTER_BINDING_NAME } from "../crds/names.ts";
import { findCondition } from "../kube/conditions.ts";
import type { Informer } from "../kube/informer.ts";
import { type Canary, type HeldBack, holdBack, type SchemaChange, type SchemaChanges } from "./schema_change.ts";

/** Index of exports by their name alone: one CRD has exports in many namespaces. */
export const EXPORTS_BY_NAME = "name";
export const exportIndexers = { [EXPORTS_BY_NAME]: ({ metadata }: APIServiceExport): string[] => [metadata.name] };

export interface RolloutDeps {
  exports: Informer<APIServiceExport>;
  clusterBindings: Informer<ClusterBinding>;
  changes: SchemaChanges;
}

/** What a change of its CRD would do to one export, and whether it has to wait for it; undefined without a change. */
export function rolloutOf(
  deps: RolloutDeps,
  exported: APIServiceExport,
  wanted: ExportCrdSpec,
  template: APIServiceExportTemplate | undefined,
): { change: SchemaChange; heldBack?: HeldBack } | undefined {
  const change = deps.changes.between(exported.spec, wanted);
  if (!change) return undefined;
  const stage = template?.spec.schemaChanges?.canary && {
    isCanary: isCanary(deps, exported, template),
    canaries: canariesOf(deps, exported.metadata.name, change.hash, template),
  };
  return { change, heldBack: holdBack(change, template, stage) };
}

/** Whether an export belongs to an app cluster that gets changes first. */
export function isCanary(
  { clusterBindings }: Pick<RolloutDeps, "clusterBindings">,
  { metadata: { namespace } }: APIServiceExport,
  template: APIServiceExportTemplate | undefined,
): boolean {
  const wanted = template?.spec.schemaChanges?.canary?.matchLabels;
  const labels = clusterBindings.store.get({ namespace, name: CLUSTER_BINDING_NAME })?.metadata.labels ?? {};
  return wanted !== undefined && Object.entries(wanted).every(([label, value]) => labels[label] === value);
}

function canariesOf(deps: RolloutDeps, name: string, hash: string, template: APIServiceExportTemplate): Canary[] {
  return deps.exports.store.by(EXPORTS_BY_NAME, name)
    .filter((one) => isCanary(deps, one, template) && !isUnbound(one))
    .map((one) => ({ namespace: one.metadata.namespace!, state: stateOf(one, hash) }));
}

/** Nobody on that app cluster would take a change over. */
const isUnbound = ({ status }: APIServiceExport): boolean =>
  findCondition(status?.conditions, "ConsumerInSync")?.reason === "NA";

function stateOf(exported: APIServiceExport, hash: string): Canary["state"] {
  if (sourceSpecHash(exported.spec) !== hash) return "waiting";
  if (isRefused(exported)) return "refused";
  return exported.status?.installedSchema === hash ? "installed" : "waiting";
}

/** Whether the app cluster has said no to what the export says. */
export function isRefused({ status }: APIServiceExport): boolean {
  const { status: holds, reason = "" } = findCondition(status?.conditions, "ConsumerInSync") ?? {};
  return holds === "False" && /Failed$|^Foreign/.test(reason);
}
