import type { PermissionClaim } from "../crds/shared.ts";
import { ownersOf } from "./claim_rules.ts";
import type { SyncDefinition } from "./definition.ts";

/** What may be done with one resource, in the words of RBAC. */
export interface Right {
  group: string;
  /** `mangodbs`, or `mangodbs/status`. */
  resource: string;
  verbs: readonly string[];
}

const COPIED = ["get", "list", "watch", "create", "patch", "delete"];
/** Sources are marked with their owner, and deleted with a copy that is not to be made again. */
const SOURCE = ["get", "list", "watch", "patch", "delete"];

/** What the konnector has to be allowed with the objects of one bound API. */
export const instanceRights = (
  side: "consumer" | "provider",
  { resource: { group, plural }, hasStatusSubresource }: Pick<SyncDefinition, "resource" | "hasStatusSubresource">,
): Right[] => [
  { group, resource: plural, verbs: COPIED },
  ...(side === "consumer" && hasStatusSubresource ? [{ group, resource: `${plural}/status`, verbs: ["patch"] }] : []),
];

/** What it has to be allowed with the objects of one accepted claim. */
export function claimRights(side: "consumer" | "provider", claim: PermissionClaim): Right {
  const isCopied = ownersOf(claim).some((owner) => (owner === "Provider") === (side === "consumer"));
  return { group: claim.group, resource: claim.resource, verbs: isCopied ? COPIED : SOURCE };
}
