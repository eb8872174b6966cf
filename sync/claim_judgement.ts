import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import type { Reason } from "../crds/reasons.ts";
import { groupResourceName, type PermissionClaim } from "../crds/shared.ts";
import { refusalOf, unsupportedParts } from "./claim_rules.ts";

type Unsupported = Reason<"APIServiceBinding", "ClaimsSupported">;

/** What can be done about the claims of one binding. */
export interface Judgement {
  /** Accepted, allowed and understood. */
  effective: PermissionClaim[];
  /** Why others are not, or not as a whole; the worst first. */
  problems: { reason: Unsupported; what: string }[];
}

const GRAVITY: Unsupported[] = ["ClaimRefused", "RequiredClaimRejected", "UnsupportedClaimFeature"];

/** As much of a binding as is judged here. */
interface Claiming {
  spec: Pick<APIServiceBinding["spec"], "permissionClaims">;
}

/** @param bound names of all bound APIs */
export function judgeClaims({ spec }: Claiming, bound: ReadonlySet<string>): Judgement {
  const judgement: Judgement = { effective: [], problems: [] };
  for (const { state, ...claim } of spec.permissionClaims ?? []) {
    const name = groupResourceName(claim);
    const problem = (reason: Unsupported, what: string) => judgement.problems.push({ reason, what });
    if (state !== "Accepted") {
      if (claim.required) problem("RequiredClaimRejected", `The claim on ${name} is rejected`);
      continue;
    }
    const refusal = refusalOf(claim, bound);
    if (refusal) {
      problem("ClaimRefused", refusal);
      continue;
    }
    const { ignored, restricting } = unsupportedParts(claim);
    if (restricting.length > 0) {
      const what = `The claim on ${name} has no effect: ${restricting.join(", ")} cannot be honoured`;
      problem("UnsupportedClaimFeature", what);
      continue;
    }
    if (ignored.length > 0) {
      problem("UnsupportedClaimFeature", `${ignored.join(", ")} of the claim on ${name} has no effect`);
    }
    judgement.effective.push(claim);
  }
  judgement.problems.sort((a, b) => GRAVITY.indexOf(a.reason) - GRAVITY.indexOf(b.reason));
  return judgement;
}
