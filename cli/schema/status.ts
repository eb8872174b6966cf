import type { APIServiceExportTemplate } from "../../crds/api_service_export_template.ts";
import { API_SERVICE_EXPORT_TEMPLATES } from "../../crds/names.ts";
import { groupResourceName } from "../../crds/shared.ts";
import { findCondition } from "../../kube/conditions.ts";
import { formatKey } from "../../kube/types.ts";
import { printable } from "../../printable.ts";
import type { ProgramContext } from "../../program.ts";
import { type DataFormat, printData } from "../data.ts";
import { printableTable } from "../table.ts";
import { type ControlPlaneFlags, openControlPlane } from "./control_plane.ts";

export interface SchemaStatusOptions {
  format: DataFormat;
  controlPlane: ControlPlaneFlags;
}

/** How far the schema of one API has come. */
interface ApiStatus {
  api: string;
  /** `<namespace>/<name>` */
  template: string;
  policy: string;
  schema?: NonNullable<APIServiceExportTemplate["status"]>["schema"];
  /** What app clusters had before, the one left last first. */
  snapshots: { hash: string; keptAt: string }[];
  /** Why not all app clusters have it, in one word and in a sentence. */
  reason?: string;
  message?: string;
}

/** `klutch schema status`: how far the schemas of all APIs on offer have come on their way to app clusters. */
export async function runStatus({ format, controlPlane }: SchemaStatusOptions, context: ProgramContext): Promise<void> {
  using client = await openControlPlane(controlPlane, context);
  const templates = client.api<APIServiceExportTemplate>(API_SERVICE_EXPORT_TEMPLATES);
  const { items } = await templates.list({}, context.signal);
  const apis = items.map(statusOf).toSorted((a, b) => a.api < b.api ? -1 : 1);
  await printData({ apis }, format, () => toText(apis), context);
}

function statusOf({ metadata: { namespace, name }, spec, status }: APIServiceExportTemplate): ApiStatus {
  const { reason, message } = findCondition(status?.conditions, "SchemaInSync") ?? {};
  return {
    api: groupResourceName(spec.APIServiceSelector),
    template: formatKey({ namespace, name }),
    policy: spec.schemaChanges?.policy ?? "Auto",
    schema: status?.schema,
    snapshots: status?.snapshots ?? [],
    reason,
    message,
  };
}

function toText(apis: readonly ApiStatus[]): string {
  if (apis.length === 0) return "No API is on offer: there is no APIServiceExportTemplate.\n";
  const rows = apis.map(({ api, policy, schema, reason }) => [
    api,
    policy,
    schema?.verdict ?? "-",
    ...[schema?.current, schema?.waiting, schema?.refused].map((count) => String(count ?? "-")),
    unfitOf(schema),
    reason ?? "-",
    schema?.hash ?? "-",
  ]);
  const messages = apis.flatMap(({ api, message }) => message ? [`\n${api}: ${printable(message)}\n`] : []);
  const kept = apis.flatMap(({ api, snapshots }) => snapshots.map(({ hash, keptAt }) => [api, hash, keptAt]));
  return printableTable(
    ["api", "policy", "change", "current", "waiting", "refused", "no longer fit", "reason", "schema"],
    rows,
  ) +
    messages.join("") +
    (kept.length === 0 ? "" : `\n${printableTable(["api", "kept schema", "left"], kept)}`);
}

/** Stored objects, where anybody has looked. */
function unfitOf(schema: ApiStatus["schema"]): string {
  const { hash, objects, refused, problem } = schema?.impact ?? {};
  return hash === undefined || hash !== schema?.hash || problem ? "-" : `${refused} of ${objects}`;
}
