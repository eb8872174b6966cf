import { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { check } from "../crds/check.ts";
import type { Outcome } from "../kube/controller.ts";
import type { Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import type { CustomResourceDefinition } from "../kube/resources.ts";
import { patchStatus } from "../kube/status.ts";
import { isDeleting, keyOf, type ObjectKey } from "../kube/types.ts";
import type { Catalogue, ServedApi } from "./catalogue.ts";
import { atVersion, type CrdSource } from "./crd_source.ts";
import { type NarrowedClaimsDeps, removeNarrowedCopies } from "./narrowed_claims.ts";
import { type RolloutDeps, rolloutOf } from "./schema_rollout.ts";
import type { Snapshots } from "./schema_snapshots.ts";
import { planServiceExport } from "./service_export_plan.ts";

export interface ServiceExportDeps extends RolloutDeps, NarrowedClaimsDeps {
  apis: Informer<CustomResourceDefinition, ServedApi>;
  catalogue: Catalogue;
  source: CrdSource;
  snapshots: Snapshots;
  log: Log;
  now?: () => Date;
}

/** Keeps one export equal to the CRD and the template it was made from; without its CRD it is deleted. */
export async function reconcileServiceExport(
  deps: ServiceExportDeps,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<Outcome> {
  const { exports, apis, catalogue, source, snapshots, log, now = () => new Date() } = deps;
  const current = exports.store.get(key);
  if (!current || isDeleting(current)) return;
  const { name } = key;
  const api = apis.store.get({ name });
  if (!api) return await deleteWithCrd(deps, current, signal);
  if (api.isDeleting) return;
  check(APIServiceExport.schema, current);
  const template = catalogue.templateOf(name);
  const made = atVersion(await source.get(api, signal), versionOf(template, current));
  const rollBack = await snapshots.target(template, signal);
  const rollout = "spec" in made ? rolloutOf(deps, current, { crd: made.spec, rollBack, template }) : undefined;
  const view = {
    export: current,
    source: rollout && rollBack ? { spec: rollBack } : made,
    claims: template && (template.spec.permissionClaims ?? []),
    heldBack: rollout?.heldBack,
  };
  const { replacement, status } = planServiceExport(view, now());
  if (replacement) {
    if (template && rollout && !rollout.heldBack) await snapshots.keep(template, current.spec, signal);
    await exports.api.replace(replacement, signal);
    const { policy, reason } = template?.spec.schemaChanges ?? {};
    const verdict = rollout?.heldBack ? undefined : rollout?.change.verdict;
    return log.info("export follows its CRD and template", { export: key, verdict, policy, reason });
  }
  if (status) return void await patchStatus(exports.api, current, status, signal);
  return await removeNarrowedCopies(deps, current, signal);
}

/** Absence in a cache may mean that the cache is late, and app clusters lose the API with the export. */
async function deleteWithCrd(
  { exports, apis, source, log }: ServiceExportDeps,
  exported: APIServiceExport,
  signal: AbortSignal,
): Promise<Outcome> {
  const { name, uid } = exported.metadata;
  if (await apis.api.find({ name }, signal)) return { requeueAfterMs: 1000 };
  source.forget(name);
  await exports.api.delete(keyOf(exported), { uid }, signal);
  log.info("export deleted with its CRD", { export: keyOf(exported) });
}

/** Undefined for all. Without a template nothing tells why there is one version only, so that this stays. */
function versionOf(
  template: APIServiceExportTemplate | undefined,
  { spec: { versions } }: APIServiceExport,
): string | undefined {
  if (template) return template.spec.APIServiceSelector.version;
  return versions.length === 1 ? versions[0]!.name : undefined;
}
