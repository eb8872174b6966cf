import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { verdictOf } from "../crds/compatibility/change.ts";
import { sourceSpecHash } from "../crds/export_schema.ts";
import { groupResourceName } from "../crds/shared.ts";
import { findCondition } from "../kube/conditions.ts";
import type { Outcome } from "../kube/controller.ts";
import type { Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import { counted } from "../kube/plural.ts";
import type { Recorder } from "../kube/recorder.ts";
import type { CustomResourceDefinition } from "../kube/resources.ts";
import { patchStatus } from "../kube/status.ts";
import { isDeleting, type ObjectKey } from "../kube/types.ts";
import type { Catalogue, ServedApi } from "./catalogue.ts";
import { atVersion, type CrdSource } from "./crd_source.ts";
import { planTemplateStatus, type Rollout } from "./export_template_plan.ts";
import type { ConsumerScope } from "./options.ts";
import { worstHeldBack } from "./schema_change.ts";
import { EXPORTS_BY_NAME, type Goal, isRefused, type RolloutDeps, rolloutOf, stagesOf } from "./schema_rollout.ts";
import { type Snapshots, snapshotsOf } from "./schema_snapshots.ts";

export interface ExportTemplateDeps extends RolloutDeps {
  templates: Informer<APIServiceExportTemplate>;
  apis: Informer<CustomResourceDefinition, ServedApi>;
  catalogue: Catalogue;
  source: CrdSource;
  snapshots: Snapshots;
  consumerScope: ConsumerScope;
  recorder?: Recorder;
  log: Log;
  now?: () => Date;
}

/** Says in one template what has become of its offer. */
export async function reconcileExportTemplate(
  deps: ExportTemplateDeps,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<Outcome> {
  const { templates, exports, apis, catalogue, source, snapshots, consumerScope, log, now = () => new Date() } = deps;
  const template = templates.store.get(key);
  if (!template || isDeleting(template)) return;
  const { APIServiceSelector: selector } = template.spec;
  const name = groupResourceName(selector);
  const api = apis.store.get({ name });
  const made = api && !api.isDeleting && atVersion(await source.get(api, signal), selector.version);
  const counting = catalogue.templateOf(name) ?? template;
  const goal = made && "spec" in made && counting === template
    ? { crd: made.spec, rollBack: await snapshots.target(template, signal), template }
    : undefined;
  const view = {
    template,
    counting,
    api,
    ...(made && "problem" in made && { problem: made.problem }),
    exports: exports.store.keysBy(EXPORTS_BY_NAME, name).length,
    snapshots: snapshotsOf(snapshots.informer, template),
    ...(goal && { rollout: rolloutToAll(deps, name, goal) }),
  };
  const status = planTemplateStatus(view, consumerScope, now());
  if (!status) return;
  templates.accept(await patchStatus(templates.api, template, status, signal));
  tellOfSchema(deps, template, status);
  const established = findCondition(status.conditions, "Established");
  log.info("template looked at", { template: key, established: established?.status, why: established?.reason });
}

/** How far a schema has come in all exports of its API. */
function rolloutToAll(deps: RolloutDeps, name: string, goal: Goal): Rollout {
  const all = deps.exports.store.by(EXPORTS_BY_NAME, name);
  const stages = stagesOf(deps, name, goal);
  const rollouts = all.flatMap((one) => rolloutOf(deps, one, goal, stages) ?? []);
  const schema = {
    hash: sourceSpecHash(goal.crd),
    verdict: verdictOf(rollouts.map(({ change }) => change)),
    current: all.length - rollouts.length,
    waiting: rollouts.length,
    refused: all.filter(isRefused).length,
  };
  return { schema, heldBack: worstHeldBack(rollouts.flatMap(({ heldBack }) => heldBack ? [heldBack] : [])) };
}

/** An Event when a schema begins to wait, and when all exports have it. */
function tellOfSchema(
  { recorder }: ExportTemplateDeps,
  template: APIServiceExportTemplate,
  { conditions, schema }: NonNullable<APIServiceExportTemplate["status"]>,
): void {
  if (!schema) return;
  const before = findCondition(template.status?.conditions, "SchemaInSync");
  const after = findCondition(conditions, "SchemaInSync")!;
  if (!before || (before.reason ?? "") === (after.reason ?? "")) return;
  const { policy = "Auto", reason } = template.spec.schemaChanges ?? {};
  const why = reason ? `, because: ${reason}` : "";
  recorder?.event(
    template,
    after.status === "True"
      ? {
        type: "Normal",
        reason: "SchemaInSync",
        message: `${
          counted(schema.current, "export has", "exports have")
        } schema "${schema.hash}" (policy ${policy}${why})`,
      }
      : {
        type: after.severity === "Info" ? "Normal" : "Warning",
        reason: after.reason ?? "SchemaPending",
        message: after.message ?? "",
      },
  );
}
