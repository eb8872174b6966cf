import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { groupResourceName, type PermissionClaim } from "../crds/shared.ts";
import { deepEqual } from "../kube/json.ts";
import { type Owner, OWNERS, ownersOf } from "./claim_rules.ts";

/** All that is claimed of one kind for one owner, of one provider. */
export interface ClaimDefinition {
  group: string;
  resource: string;
  owner: Owner;
  /** None are left when their copies are to be taken away. */
  claims: PermissionClaim[];
  /** Whether copies go with sources that nobody saw go: all bindings that claim such objects say so. */
  mayDeleteOrphans: boolean;
}

/** What one sync of claimed objects is about: `secrets Provider`. */
export const claimId = ({ group, resource }: { group: string; resource: string }, owner: Owner): string =>
  `${groupResourceName({ group, resource })} ${owner}`;

/** Claims that had an effect, by a binding's status, and have none any more; each for one owner. */
export function leavingClaims({ status }: APIServiceBinding, effective: PermissionClaim[]): PermissionClaim[] {
  const present = new Set(effective.flatMap((claim) => ownersOf(claim).map((owner) => claimId(claim, owner))));
  const leaving = new Map<string, PermissionClaim>();
  for (const { group = "", resource, owner } of status?.claims ?? []) {
    for (const one of owner ? [owner] : OWNERS) {
      const id = claimId({ group, resource }, one);
      if (!present.has(id)) leaving.set(id, { group, resource, version: "", selector: { owner: one } });
    }
  }
  return [...leaving.values()];
}

/** What one binding wants. */
export interface WantedClaims {
  effective: PermissionClaim[];
  leaving: PermissionClaim[];
  /** See `letsOrphansGo`. */
  mayDeleteOrphans: boolean;
}

/** The claims of all bindings of one provider taken together, by `claimId`: what one does not claim another still may. */
export function defineClaims(all: Iterable<WantedClaims>): Map<string, ClaimDefinition> {
  const definitions = new Map<string, ClaimDefinition>();
  for (const { effective, leaving, mayDeleteOrphans } of all) {
    for (const [claims, isLeaving] of [[effective, false], [leaving, true]] as const) {
      for (const claim of claims) {
        for (const owner of ownersOf(claim)) {
          const id = claimId(claim, owner);
          const { group, resource } = claim;
          const definition = definitions.get(id) ?? { group, resource, owner, claims: [], mayDeleteOrphans: true };
          definitions.set(id, definition);
          if (isLeaving) continue;
          definition.mayDeleteOrphans &&= mayDeleteOrphans;
          if (!definition.claims.some((known) => deepEqual(known, claim))) definition.claims.push(claim);
        }
      }
    }
  }
  return definitions;
}
