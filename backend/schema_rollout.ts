import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { type ExportCrdSpec, sourceSpecHash } from "../crds/export_schema.ts";
import { CLUSTER_BINDING_NAME } from "../crds/names.ts";
import { findCondition } from "../kube/conditions.ts";
import type { Informer } from "../kube/informer.ts";
import {
  type HeldBack,
  holdBack,
  rolledBack,
  type SchemaChange,
  type SchemaChanges,
  type Stage,
} from "./schema_change.ts";

/** Index of exports by their name alone: one CRD has exports in many namespaces. */
export const EXPORTS_BY_NAME = "name";
export const exportIndexers = { [EXPORTS_BY_NAME]: ({ metadata }: APIServiceExport): string[] => [metadata.name] };

export interface RolloutDeps {
  exports: Informer<APIServiceExport>;
  clusterBindings: Informer<ClusterBinding>;
  changes: SchemaChanges;
}

/** What is to become of the schemas of an API's exports. */
export interface Goal {
  /** What its CRD says. */
  crd: ExportCrdSpec;
  /** A kept schema that all get instead. */
  rollBack?: ExportCrdSpec;
  template: APIServiceExportTemplate | undefined;
}

/** How what one export has, or goes back to, differs from its CRD, and whether it stays so; undefined without a difference. */
export function rolloutOf(
  deps: RolloutDeps,
  exported: APIServiceExport,
  { crd, rollBack, template }: Goal,
): { change: SchemaChange; heldBack?: HeldBack } | undefined {
  const change = deps.changes.between(rollBack ?? exported.spec, crd);
  if (!change) return undefined;
  if (rollBack) {
    const kept = sourceSpecHash(rollBack);
    return { change, heldBack: sourceSpecHash(exported.spec) === kept ? rolledBack(change, kept) : undefined };
  }
  const stage = template?.spec.schemaChanges?.canary && stageOf(deps, exported, change.hash, template);
  return { change, heldBack: holdBack(change, template, stage) };
}

function stageOf(
  deps: RolloutDeps,
  exported: APIServiceExport,
  hash: string,
  template: APIServiceExportTemplate,
): Stage {
  const all = deps.exports.store.by(EXPORTS_BY_NAME, exported.metadata.name);
  const refused = all.find((one) => isRefused(one) && sourceSpecHash(one.spec) === hash);
  return {
    isCanary: isCanary(deps, exported, template),
    canaries: all
      .filter((one) => isCanary(deps, one, template) && !isUnbound(one))
      .map((one) => ({ isInstalled: isInstalled(one, hash) })),
    refusedBy: refused?.metadata.namespace,
  };
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

/** Nobody on that app cluster would take a change over. */
const isUnbound = ({ status }: APIServiceExport): boolean =>
  findCondition(status?.conditions, "ConsumerInSync")?.reason === "NA";

const isInstalled = ({ spec, status }: APIServiceExport, hash: string): boolean =>
  status?.installedSchema === hash && sourceSpecHash(spec) === hash;

/** Whether the app cluster has said no to what the export says. */
export function isRefused({ status }: APIServiceExport): boolean {
  const { status: holds, reason = "" } = findCondition(status?.conditions, "ConsumerInSync") ?? {};
  return holds === "False" && /Failed$|^Foreign/.test(reason);
}
