import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { type ExportCrdSpec, sourceSpecHash } from "../crds/export_schema.ts";
import { CLUSTER_BINDING_NAME } from "../crds/names.ts";
import { findCondition } from "../kube/conditions.ts";
import type { Change, Informer } from "../kube/informer.ts";
import { deepEqual } from "../kube/json.ts";
import { BY_NAMESPACE } from "../kube/store.ts";
import type { Catalogue } from "./catalogue.ts";
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
  /** Indexed by `exportIndexers` and `namespaceIndexer`. */
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

/**
 * How what one export has, or goes back to, differs from its CRD, and whether it stays so; undefined without a difference.
 *
 * @param stages those of the API, where they are known: it takes a look at all of its exports
 */
export function rolloutOf(
  deps: RolloutDeps,
  exported: APIServiceExport,
  goal: Goal,
  stages?: Stages,
): { change: SchemaChange; heldBack?: HeldBack } | undefined {
  const { crd, rollBack, template } = goal;
  const change = deps.changes.between(rollBack ?? exported.spec, crd);
  if (!change) return undefined;
  if (rollBack) {
    const kept = sourceSpecHash(rollBack);
    return { change, heldBack: sourceSpecHash(exported.spec) === kept ? rolledBack(change, kept) : undefined };
  }
  if (!hasStages(template)) return { change, heldBack: holdBack(change, template, undefined) };
  const isCanary = goesFirst(clusterBindingOf(deps, exported), template);
  const stage = { ...stages ?? stagesOf(deps, exported.metadata.name, goal), isCanary };
  return { change, heldBack: holdBack(change, template, stage) };
}

/** What an API's exports go by together while a schema goes out in stages. */
export type Stages = Omit<Stage, "isCanary">;

/** @param name of the API */
export function stagesOf(deps: RolloutDeps, name: string, { crd, template }: Goal): Stages {
  const hash = sourceSpecHash(crd);
  const canaries: { isInstalled: boolean }[] = [];
  let refusedBy: string | undefined;
  for (const one of deps.exports.store.by(EXPORTS_BY_NAME, name)) {
    const { awaited, installed, refused } = standingOf(deps, one, template);
    if (awaited) canaries.push({ isInstalled: installed === hash });
    if (refused === hash) refusedBy ??= one.metadata.namespace;
  }
  return { canaries, refusedBy };
}

/** What others go by of one export. */
interface Standing {
  /** The others wait for it. */
  awaited: boolean;
  /** Hash of what it says, if its app cluster has that. */
  installed?: string;
  /** The same, if its app cluster has refused that. */
  refused?: string;
}

const NO_STANDING: Standing = { awaited: false };

function standingOf(
  deps: Pick<RolloutDeps, "clusterBindings">,
  exported: APIServiceExport,
  template: APIServiceExportTemplate | undefined,
): Standing {
  const { spec, status } = exported;
  const { reason = "" } = findCondition(status?.conditions, "ConsumerInSync") ?? {};
  const awaited = !TAKES_NOTHING.includes(reason) && goesFirst(clusterBindingOf(deps, exported), template);
  const hash = sourceSpecHash(spec);
  return {
    awaited,
    installed: awaited && status?.installedSchema === hash ? hash : undefined,
    refused: REFUSAL.test(reason) && status?.refusedSchema === hash ? hash : undefined,
  };
}

/** Nobody on the app cluster would take a change over, whatever it is. */
const TAKES_NOTHING = ["NA", "ForeignCustomResourceDefinition"];
const REFUSAL = /Failed$/;

/**
 * Calls `listener` for each API of which one export has changed that others wait for, or stop at.
 *
 * @param listener is given the name of the API
 */
export function onStagesChange(
  deps: Pick<RolloutDeps, "exports" | "clusterBindings"> & { catalogue: Catalogue },
  listener: (name: string, change: Change<unknown>) => void,
  signal: AbortSignal,
): void {
  const { exports, clusterBindings, catalogue } = deps;
  exports.subscribe((change) => {
    const { name } = change.key;
    const template = catalogue.templateOf(name);
    if (!hasStages(template)) return;
    const [before, after] = [change.before, change.after]
      .map((one) => one ? standingOf(deps, one, template) : NO_STANDING);
    if (!deepEqual(before, after)) listener(name, change);
  }, signal);
  clusterBindings.subscribe((change) => {
    for (const { name } of exports.store.keysBy(BY_NAMESPACE, change.key.namespace!)) {
      const template = catalogue.templateOf(name);
      if (goesFirst(change.before, template) !== goesFirst(change.after, template)) listener(name, change);
    }
  }, signal);
}

const canaryOf = (template: APIServiceExportTemplate | undefined) => template?.spec.schemaChanges?.canary;
const hasStages = (template: APIServiceExportTemplate | undefined): boolean => canaryOf(template) !== undefined;

const clusterBindingOf = (
  { clusterBindings }: Pick<RolloutDeps, "clusterBindings">,
  { metadata: { namespace } }: APIServiceExport,
): ClusterBinding | undefined => clusterBindings.store.get({ namespace, name: CLUSTER_BINDING_NAME });

/** Whether an app cluster is one of those that get changes first. */
function goesFirst(binding: ClusterBinding | undefined, template: APIServiceExportTemplate | undefined): boolean {
  const canary = canaryOf(template);
  const labels = binding?.metadata.labels ?? {};
  return canary !== undefined &&
    Object.entries(canary.matchLabels).every(([label, value]) => labels[label] === value);
}

/** Whether the app cluster does not take over what the export says, or did not when it last told. */
export function isRefused({ status }: APIServiceExport): boolean {
  const { status: holds, reason = "" } = findCondition(status?.conditions, "ConsumerInSync") ?? {};
  return holds === "False" && (REFUSAL.test(reason) || reason === "ForeignCustomResourceDefinition");
}
