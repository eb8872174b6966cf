import type { PermissionClaim } from "../crds/shared.ts";
import { listedNamespaces, ownersOf } from "./claim_rules.ts";
import type { SyncDefinition } from "./definition.ts";

/** What may be done with one resource, in the words of RBAC. */
export interface Right {
  group: string;
  /** `mangodbs`, or `mangodbs/status`. */
  resource: string;
  verbs: readonly string[];
  /** In these alone; everywhere when absent. */
  namespaces?: readonly string[];
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

/**
 * What it has to be allowed with the objects of one accepted claim. On the provider that is so in mapped namespaces; on
 * the consumer in those that the claim lists, but copies are watched across namespaces.
 */
export function claimRights(side: "consumer" | "provider", claim: PermissionClaim): Right[] {
  const { group, resource } = claim;
  const isCopied = ownersOf(claim).some((owner) => (owner === "Provider") === (side === "consumer"));
  const right: Right = { group, resource, verbs: isCopied ? COPIED : SOURCE };
  const namespaces = side === "consumer" ? listedNamespaces(claim) : undefined;
  if (!namespaces) return [right];
  return [...(isCopied ? [{ ...right, verbs: ["list", "watch"] }] : []), { ...right, namespaces }];
}
