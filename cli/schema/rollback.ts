import type { APIServiceExportTemplate } from "../../crds/api_service_export_template.ts";
import { API_SERVICE_EXPORT_TEMPLATES } from "../../crds/names.ts";
import { groupResourceName } from "../../crds/shared.ts";
import { keyOf } from "../../kube/types.ts";
import { type ProgramContext, UsageError } from "../../program.ts";
import { type ControlPlaneFlags, openControlPlane } from "./control_plane.ts";

export interface RollbackOptions {
  /** `<resource>.<group>` */
  api: string;
  /** Hash of a kept schema; the one that app clusters left last when unset. */
  to?: string;
  /** Follows the CRD again. */
  undo: boolean;
  controlPlane: ControlPlaneFlags;
}

/** `klutch schema rollback`: gives all app clusters a schema that they had before, or the CRD's again. */
export async function runRollback(
  { api, to, undo, controlPlane }: RollbackOptions,
  context: ProgramContext,
): Promise<void> {
  const { signal } = context;
  using client = await openControlPlane(controlPlane, context);
  const templates = client.api<APIServiceExportTemplate>(API_SERVICE_EXPORT_TEMPLATES);
  const { items } = await templates.list({}, signal);
  const offering = items.filter(({ spec }) => groupResourceName(spec.APIServiceSelector) === api);
  // Of several for one API, one counts: only there, the backend tells how far the schema has come.
  const template = offering.find(({ status }) => status?.schema) ?? offering[0];
  if (!template) throw new UsageError(`no APIServiceExportTemplate of this cluster offers '${api}'`);
  const rollBackTo = undo ? null : keptSchema(template, api, to);
  await templates.mergePatch(keyOf(template), { spec: { schemaChanges: { rollBackTo } } }, {}, signal);
  context.writeOut(
    rollBackTo
      ? `App clusters go back to schema ${rollBackTo} of ${api}. To follow the control plane again: ` +
        `${context.invokedAs} schema rollback ${api} --undo\n`
      : `App clusters follow ${api} of the control plane again, as the template's policy says.\n`,
  );
}

function keptSchema({ status }: APIServiceExportTemplate, api: string, wanted: string | undefined): string {
  const kept = (status?.snapshots ?? []).map(({ hash }) => hash);
  if (kept.length === 0) throw new UsageError(`no schema of '${api}' is kept: app clusters never had another one`);
  if (wanted === undefined) return kept[0]!;
  if (kept.includes(wanted)) return wanted;
  throw new UsageError(`no schema '${wanted}' of '${api}' is kept; those that are: ${kept.join(", ")}`);
}
