import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { fails, holds, type Reason } from "../crds/reasons.ts";
import { groupResourceName } from "../crds/shared.ts";
import { type ConditionState, setCondition } from "../kube/conditions.ts";
import { deepEqual } from "../kube/json.ts";
import { formatKey, keyOf } from "../kube/types.ts";
import type { ServedApi } from "./catalogue.ts";
import type { ConsumerScope } from "./options.ts";
import type { HeldBack } from "./schema_change.ts";

/** One template beside what it is about. */
export interface TemplateView {
  template: APIServiceExportTemplate;
  /** The template that counts for the same API. */
  counting: APIServiceExportTemplate;
  api?: ServedApi;
  /** Why the CRD cannot be exported. */
  problem?: string;
  /** Exports of the API, to all app clusters. */
  exports: number;
  /** Kept schemas, the one left last first. */
  snapshots: readonly { hash: string; keptAt: string }[];
  /** How far the CRD's schema has come; absent without a schema that can be exported. */
  rollout?: Rollout;
}

/** What has become of a schema in all exports of its API. */
export interface Rollout {
  schema: NonNullable<NonNullable<APIServiceExportTemplate["status"]>["schema"]>;
  /** Why not all of them have it. */
  heldBack?: HeldBack;
}

type Obstacle = [reason: Reason<"APIServiceExportTemplate", "Established">, what: string];

/** Whether a template that counts puts an API on offer, or what is in the way. */
export function planOffer(
  api: ServedApi | undefined,
  { spec: { APIServiceSelector: selector } }: APIServiceExportTemplate,
  scope: ConsumerScope,
): "offered" | Obstacle {
  const name = groupResourceName(selector);
  if (!api || api.isDeleting) return ["CRDNotFound", `CustomResourceDefinition "${name}" does not exist`];
  if (api.scope === "Cluster" && scope === "Namespaced") {
    return ["ClusterScopeNotAllowed", `"${name}" is cluster-scoped`];
  }
  if (selector.version && !api.versions.includes(selector.version)) {
    return ["CRDInvalid", `CustomResourceDefinition "${name}" does not serve version "${selector.version}"`];
  }
  return "offered";
}

/** The status of a template; undefined when it says so already. */
export function planTemplateStatus(
  { template, counting, api, problem, exports, snapshots, rollout }: TemplateView,
  scope: ConsumerScope,
  now: Date,
): APIServiceExportTemplate["status"] | undefined {
  let conditions = setCondition(template.status?.conditions, establishedOf(), now);
  conditions = rollout
    ? setCondition(conditions, schemaInSync(rollout), now)
    : conditions.filter(({ type }) => type !== "SchemaInSync");
  const { impact } = template.status?.schema ?? {};
  const status = {
    exports,
    // What was found out goes with its schema: while the CRD says anything else, objects are stored that it may refuse.
    ...(rollout && { schema: { ...rollout.schema, ...(impact?.hash === rollout.schema.hash && { impact }) } }),
    ...(snapshots.length > 0 && { snapshots: snapshots.map(({ hash, keptAt }) => ({ hash, keptAt })) }),
    conditions,
  };
  return deepEqual(status, template.status) ? undefined : status;

  function establishedOf() {
    if (formatKey(keyOf(counting)) !== formatKey(keyOf(template))) {
      const what = `APIServiceExportTemplate "${formatKey(keyOf(counting))}" offers the same API and is older`;
      return fails("APIServiceExportTemplate", "Established", "AnotherTemplateCounts", what);
    }
    const offer = planOffer(api, template, scope);
    if (offer !== "offered") return fails("APIServiceExportTemplate", "Established", ...offer);
    if (problem) return fails("APIServiceExportTemplate", "Established", "CRDInvalid", problem);
    return holds("APIServiceExportTemplate", "Established");
  }
}

function schemaInSync({ schema: { current, waiting }, heldBack }: Rollout): ConditionState {
  if (heldBack) {
    const [reason, what, details] = heldBack;
    return fails("APIServiceExportTemplate", "SchemaInSync", reason, details ? `${what}; ${details}` : what);
  }
  if (waiting === 0) return holds("APIServiceExportTemplate", "SchemaInSync");
  const what = `${waiting} of ${current + waiting} exports are being updated`;
  return fails("APIServiceExportTemplate", "SchemaInSync", "SchemaPending", what);
}

/** How many exports of each API have the schema of the CRD, wait for it, or were refused, for metrics. */
export function* schemaReadings(templates: Iterable<APIServiceExportTemplate>) {
  for (const { spec, status } of templates) {
    const api = groupResourceName(spec.APIServiceSelector);
    const { schema } = status ?? {};
    if (!schema) continue;
    for (const state of ["current", "waiting", "refused"] as const) yield [{ api, state }, schema[state]] as const;
  }
}

/** How many stored objects of each API the schema of its CRD does not fit, for metrics. */
export function* impactReadings(templates: Iterable<APIServiceExportTemplate>) {
  for (const { spec, status } of templates) {
    const { hash, impact } = status?.schema ?? {};
    if (impact && impact.hash === hash && !impact.problem) {
      yield [{ api: groupResourceName(spec.APIServiceSelector) }, impact.refused] as const;
    }
  }
}
