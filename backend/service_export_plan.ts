import type { APIServiceExport } from "../crds/api_service_export.ts";
import { sourceSpecHash } from "../crds/export_schema.ts";
import { NARROWED_CLAIMS_ANNOTATION, SOURCE_SPEC_HASH_ANNOTATION } from "../crds/names.ts";
import type { PermissionClaim } from "../crds/shared.ts";
import { fails, holds } from "../crds/reasons.ts";
import { type ConditionState, setCondition } from "../kube/conditions.ts";
import { deepEqual } from "../kube/json.ts";
import type { ExportSource } from "./crd_source.ts";
import { formatKinds, narrowedKinds, readKinds } from "./narrowed_claims.ts";
import type { HeldBack } from "./schema_change.ts";

/** One export beside what it was made from. */
export interface ExportView {
  export: APIServiceExport;
  source: ExportSource;
  /** Of the template today; absent when there is no template any more, which changes nothing. */
  claims?: PermissionClaim[];
  /** Why a schema that differs has to wait. */
  heldBack?: HeldBack;
}

export interface ExportPlan {
  /** The export as it should be; absent when it is. */
  replacement?: APIServiceExport;
  /** Absent when the status says it already; written only to an export that is as it should be. */
  status?: APIServiceExport["status"];
}

/** How an export follows its CRD and template; what only time and place of its creation decided stays. */
export function planServiceExport({ export: current, source, claims, heldBack }: ExportView, now: Date): ExportPlan {
  if ("problem" in source) {
    const reason = "CustomResourceDefinitionUpdateFailed";
    return withStatus(current, fails("APIServiceExport", "ProviderInSync", reason, source.problem), now);
  }
  const hash = sourceSpecHash(source.spec);
  // What the export says is compared, and not its annotation: two backends that hash differently must not take turns.
  const isFollowing = sourceSpecHash(current.spec) !== hash && !heldBack;
  const presentClaims = current.spec.permissionClaims ?? [];
  const wantedClaims = claims ?? presentClaims;
  if (!isFollowing && deepEqual(wantedClaims, presentClaims)) {
    const condition = heldBack
      ? fails("APIServiceExport", "ProviderInSync", heldBack[0], heldBack[1])
      : holds("APIServiceExport", "ProviderInSync");
    return withStatus(current, condition, now);
  }
  const { permissionClaims: _, ...rest } = current.spec;
  const annotations = { ...current.metadata.annotations };
  if (isFollowing) annotations[SOURCE_SPEC_HASH_ANNOTATION] = hash;
  const narrowed = formatKinds([...readKinds(current), ...narrowedKinds(presentClaims, wantedClaims)]);
  if (narrowed) annotations[NARROWED_CLAIMS_ANNOTATION] = narrowed;
  return {
    replacement: {
      ...current,
      metadata: { ...current.metadata, annotations },
      spec: {
        ...rest,
        ...(isFollowing && source.spec),
        ...(wantedClaims.length > 0 && { permissionClaims: wantedClaims }),
      },
    },
  };
}

/** Its `Ready` is the konnector's, who knows about the other cluster. */
function withStatus({ status }: APIServiceExport, condition: ConditionState, now: Date): ExportPlan {
  const conditions = setCondition(status?.conditions, condition, now);
  return deepEqual(conditions, status?.conditions) ? {} : { status: { ...status, conditions } };
}
