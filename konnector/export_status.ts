import type { APIServiceExport } from "../crds/api_service_export.ts";
import { sourceSpecHash } from "../crds/export_schema.ts";
import { type ConditionType, fails, holds } from "../crds/reasons.ts";
import type { Condition } from "../crds/shared.ts";
import { findCondition, setCondition, summarize } from "../kube/conditions.ts";
import type { CustomResourceDefinition } from "../kube/resources.ts";
import type { SchemaFate } from "./binding_plan.ts";

const KIND = "APIServiceExport";

/** What the app cluster knows about the API that was exported to it. */
export interface ConsumerState {
  /** Of the binding. */
  conditions: Condition[];
  /** On the app cluster. */
  crd?: CustomResourceDefinition;
  /** As a binding's plan says it. */
  schema?: SchemaFate;
}

/**
 * The status of an export as the konnector reports it; what the backend wrote there stays.
 *
 * @param consumer absent when no binding is about the export
 */
export const exportStatus = (
  exported: APIServiceExport,
  consumer: ConsumerState | undefined,
  now: Date,
): NonNullable<APIServiceExport["status"]> =>
  consumer ? boundStatus(exported, consumer, now) : unboundStatus(exported.status, now);

type Status = APIServiceExport["status"];

const OWN_TYPES: readonly string[] = [
  "ProviderInSync",
  "Connected",
  "ConsumerInSync",
  "Ready",
] satisfies ConditionType<typeof KIND>[];

/** Nobody on the app cluster tells about its CRD any more. */
function unboundStatus(status: Status, now: Date): NonNullable<Status> {
  const what = "No binding on the app cluster is about it";
  let conditions = (status?.conditions ?? []).filter(({ type }) => OWN_TYPES.includes(type));
  conditions = setCondition(conditions, fails(KIND, "Connected", "APIServiceBindingNotFound", what), now);
  conditions = setCondition(conditions, fails(KIND, "ConsumerInSync", "NA", what), now);
  return { ...status, conditions: summarize(conditions, now) };
}

function boundStatus(
  { spec, status }: APIServiceExport,
  { conditions: ofBinding, crd, schema: fate }: ConsumerState,
  now: Date,
): NonNullable<Status> {
  let conditions = setCondition(status?.conditions ?? [], holds(KIND, "Connected"), now);
  const schema = findCondition(ofBinding, "SchemaInSync");
  const consumerInSync = schema
    ? { ...schema, type: "ConsumerInSync", lastTransitionTime: undefined }
    : fails(KIND, "ConsumerInSync", "Unknown", "The app cluster has not taken the schema over yet");
  conditions = setCondition(conditions, consumerInSync, now);
  for (const { type, status, reason, message, lastTransitionTime } of crd?.status?.conditions ?? []) {
    if (type === "Ready") continue;
    const severity = status === "True" ? undefined : "Error";
    conditions = setCondition(conditions, { type, status, severity, reason, message, lastTransitionTime }, now);
  }
  return {
    ...status,
    ...(crd?.status?.acceptedNames && { acceptedNames: crd.status.acceptedNames }),
    ...(crd?.status?.storedVersions && { storedVersions: crd.status.storedVersions }),
    ...(fate === "installed" && { installedSchema: sourceSpecHash(spec), refusedSchema: undefined }),
    ...(fate === "refused" && { refusedSchema: sourceSpecHash(spec) }),
    conditions: crd ? summarize(conditions, now) : conditions,
  };
}
