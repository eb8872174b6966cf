import type { APIServiceBinding, ClaimStatus } from "../crds/api_service_binding.ts";
import { fails, holds } from "../crds/reasons.ts";
import type { Condition, PermissionClaim } from "../crds/shared.ts";
import { type ConditionState, setCondition, summarize } from "../kube/conditions.ts";
import type { Judgement } from "../sync/claim_judgement.ts";
import type { ClaimReport } from "./claim_sync.ts";

const KIND = "APIServiceBinding";

/** What has come of one claim, for each owner it is about; or of one that is not in effect any more. */
export interface ClaimOutcome {
  claim: PermissionClaim;
  /** Its copies are being taken away. */
  isLeaving?: boolean;
  reports: ClaimReport[];
}

/**
 * The part of a binding's status that is about claims. As long as not everything is known, it stays what it was: a start
 * should not be told of.
 */
export function claimStatus(
  { spec, status }: APIServiceBinding,
  conditions: Condition[],
  { problems }: Judgement,
  outcomes: ClaimOutcome[],
  now: Date,
): ClaimPart {
  if (!spec.permissionClaims?.length && outcomes.length === 0) {
    const others = conditions.filter(({ type }) => type !== "ClaimsSupported" && type !== "ClaimsInSync");
    return { conditions: others.length < conditions.length ? summarize(others, now) : conditions, claims: undefined };
  }
  const reports = outcomes.flatMap(({ reports }) => reports);
  const troubles = reports.flatMap(({ trouble }) => trouble ?? []);
  const isKnown = reports.every(({ isKnown, trouble }) => isKnown || trouble);
  const states: ConditionState[] = [];

  const [problem] = problems;
  const unsupported = troubles.find(({ reason }) => reason === "UnsupportedClaimFeature")?.message;
  if (problem) states.push(fails(KIND, "ClaimsSupported", problem.reason, problem.what));
  else if (unsupported) states.push(fails(KIND, "ClaimsSupported", "UnsupportedClaimFeature", unsupported));
  else if (isKnown) states.push(holds(KIND, "ClaimsSupported"));

  const [trouble] = troubles.flatMap(({ reason, message }) =>
    reason === "UnsupportedClaimFeature" ? [] : [fails(KIND, "ClaimsInSync", reason, message)]
  );
  if (trouble) states.push(trouble);
  else if (isKnown) states.push(holds(KIND, "ClaimsInSync"));

  const all = states.reduce((list, state) => setCondition(list, state, now), conditions);
  return { conditions: summarize(all, now), claims: isKnown ? listOf(outcomes) : status?.claims };
}

/** Conditions with those about claims, and the claims in effect. */
export interface ClaimPart {
  conditions: Condition[];
  claims?: ClaimStatus[];
}

const listOf = (outcomes: ClaimOutcome[]) => outcomes.length > 0 ? outcomes.map(statusOf) : undefined;

function statusOf({ claim, isLeaving, reports }: ClaimOutcome): ClaimStatus {
  const { group, resource, selector } = claim;
  const message = reports.find(({ trouble }) => trouble)?.trouble?.message ??
    (isLeaving ? "not claimed any more, the copies are being removed" : undefined);
  return {
    ...(group && { group }),
    resource,
    ...(selector?.owner && { owner: selector.owner }),
    objects: reports.reduce((sum, { objects }) => sum + objects, 0),
    ...(message !== undefined && { message }),
  };
}
