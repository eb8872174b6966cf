import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { fails, holds, type Reason } from "../crds/reasons.ts";
import { groupResourceName } from "../crds/shared.ts";
import { setCondition } from "../kube/conditions.ts";
import { deepEqual } from "../kube/json.ts";
import { formatKey, keyOf } from "../kube/types.ts";
import type { ServedApi } from "./catalogue.ts";
import type { ConsumerScope } from "./options.ts";

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
  { template, counting, api, problem, exports }: TemplateView,
  scope: ConsumerScope,
  now: Date,
): APIServiceExportTemplate["status"] | undefined {
  const conditions = setCondition(template.status?.conditions, establishedOf(), now);
  const status = { ...template.status, exports, conditions };
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
