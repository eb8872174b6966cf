import { APIServiceExport } from "../crds/api_service_export.ts";
import { check } from "../crds/check.ts";
import type { Outcome } from "../kube/controller.ts";
import type { Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import type { CustomResourceDefinition } from "../kube/resources.ts";
import { patchStatus } from "../kube/status.ts";
import { isDeleting, type ObjectKey } from "../kube/types.ts";
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
  if (!api) {
    // Absence in a cache may mean that the cache is late, and app clusters lose the API with the export.
    if (await apis.api.find({ name }, signal)) return { requeueAfterMs: 1000 };
    source.forget(name);
    await exports.api.delete(key, { uid: current.metadata.uid }, signal);
    return log.info("export deleted with its CRD", { export: key });
  }
  if (api.isDeleting) return;
  check(APIServiceExport.schema, current);
  const template = catalogue.templateOf(name);
  const { versions } = current.spec;
  // Without a template nothing tells why there is one version only, so that this stays.
  const version = template ? template.spec.APIServiceSelector.version : versions.length === 1 ? versions[0]!.name : "";
  const made = atVersion(await source.get(api, signal), version);
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
  if (status) return await patchStatus(exports.api, current, status, signal);
  return await removeNarrowedCopies(deps, current, signal);
}
