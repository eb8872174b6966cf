import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceExportRequest } from "../crds/api_service_export_request.ts";
import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { type ExportCrdSpec, sourceSpecHash } from "../crds/export_schema.ts";
import { API_SERVICE_EXPORTS, API_VERSION, SOURCE_SPEC_HASH_ANNOTATION } from "../crds/names.ts";
import { fails, holds, type Reason } from "../crds/reasons.ts";
import { setCondition, summarize } from "../kube/conditions.ts";
import { deepEqual } from "../kube/json.ts";
import { resourceName } from "../kube/types.ts";
import { isAdmitted, type Person } from "./admission.ts";
import { admissionOf, type ServedApi } from "./catalogue.ts";
import type { ConsumerScope, Isolation } from "./options.ts";

/** What may still mend itself, e.g. a CRD that is being installed, gets so much time. */
export const FAIL_AFTER_MS = 60_000;
/** Nobody tells when the API server would take an export that it has refused. */
const RETRY_MS = 5_000;
/** Answered requests are kept for those who want to look. */
export const DELETE_AFTER_MS = 10 * 60_000;

/** One of the APIs that a request names, as it looks on the provider. */
export interface RequestedApi {
  /** `<resource>.<group>`, the name of CRD and export alike. */
  name: string;
  api?: ServedApi;
  template?: APIServiceExportTemplate;
  /** Whose app cluster it is; absent where the provider's own people bound it. */
  person?: Person;
  export?: APIServiceExport;
}

/** Why an API cannot be exported. */
export interface Obstacle {
  reason: Reason<"APIServiceExportRequest", "ExportsReady">;
  what: string;
  /** Time will not remove it. */
  isFinal?: boolean;
}

/** Whether one API has to be exported now, is so already, or cannot be. */
export function planExport(
  { name, api, template, person, export: existing }: RequestedApi,
  scope: ConsumerScope,
): "export" | "exported" | Obstacle {
  if (!api || api.isDeleting) {
    return { reason: "CRDNotFound", what: `CustomResourceDefinition "${name}" does not exist on the provider` };
  }
  if (existing) return "exported";
  if (!template) return { reason: "NotOffered", what: `There is no APIServiceExportTemplate for "${name}"` };
  if (person && !isAdmitted(admissionOf(template), person)) {
    return { reason: "NotOffered", what: `"${name}" is not on offer to the user of this app cluster`, isFinal: true };
  }
  if (api.scope === "Cluster" && scope === "Namespaced") {
    return { reason: "ClusterScopeNotAllowed", what: `"${name}" is cluster-scoped`, isFinal: true };
  }
  return "export";
}

/** The export of a CRD to one app cluster. */
export function newExport(
  namespace: string,
  spec: ExportCrdSpec,
  { permissionClaims }: APIServiceExportTemplate["spec"],
  { consumerScope, clusterScopedIsolation }: { consumerScope: ConsumerScope; clusterScopedIsolation: Isolation },
): APIServiceExport {
  return {
    apiVersion: API_VERSION,
    kind: API_SERVICE_EXPORTS.kind,
    metadata: {
      namespace,
      name: resourceName({ group: spec.group, plural: spec.names.plural }),
      annotations: { [SOURCE_SPEC_HASH_ANNOTATION]: sourceSpecHash(spec) },
    },
    spec: {
      ...spec,
      informerScope: consumerScope,
      ...(permissionClaims && { permissionClaims }),
      ...(spec.scope === "Cluster" && { clusterScopedIsolation }),
    },
  };
}

/** What a request needs that has been answered: to be cleaned up, sooner or later. */
export function planCleanup(request: APIServiceExportRequest, now: Date): "delete" | { requeueAfterMs: number } {
  const restMs = DELETE_AFTER_MS - ageMs(request, now);
  return restMs <= 0 ? "delete" : { requeueAfterMs: restMs };
}

export interface Answer {
  /** Absent when it is what the request says already. */
  status?: APIServiceExportRequest["status"];
  requeueAfterMs: number;
}

/** The answer to a request that is pending: success, failure, or patience with what is in the way. */
export function planAnswer(request: APIServiceExportRequest, inTheWay: Obstacle | undefined, now: Date): Answer {
  const restMs = FAIL_AFTER_MS - ageMs(request, now);
  const hasFailed = inTheWay !== undefined && (inTheWay.isFinal || restMs <= 0);
  const condition = inTheWay
    ? fails("APIServiceExportRequest", "ExportsReady", inTheWay.reason, inTheWay.what)
    : holds("APIServiceExportRequest", "ExportsReady");
  const conditions = setCondition(request.status?.conditions ?? [], condition, now);
  const status: APIServiceExportRequest["status"] = {
    ...request.status,
    phase: !inTheWay ? "Succeeded" : hasFailed ? "Failed" : "Pending",
    ...(hasFailed && { terminalMessage: condition.message }),
    conditions: summarize(conditions, now),
  };
  const patienceMs = inTheWay?.reason === "ExportNotCreated" ? Math.min(restMs, RETRY_MS) : restMs;
  const requeueAfterMs = status.phase === "Pending"
    ? patienceMs
    : Math.max(DELETE_AFTER_MS - ageMs(request, now), 1000);
  return { ...(!deepEqual(status, request.status) && { status }), requeueAfterMs };
}

const ageMs = ({ metadata: { creationTimestamp } }: APIServiceExportRequest, now: Date): number =>
  now.getTime() - Date.parse(creationTimestamp!);
