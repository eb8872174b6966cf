import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import { fails } from "../../crds/reasons.ts";
import { groupResourceName, type PermissionClaim } from "../../crds/shared.ts";
import type { KubeClient } from "../../kube/client.ts";
import { discover } from "../../kube/discovery.ts";
import { KubeError, messageOf } from "../../kube/errors.ts";
import { counted } from "../../kube/plural.ts";
import { SECRETS } from "../../kube/resources.ts";
import { type DynamicObject, type ObjectKey, resourceName } from "../../kube/types.ts";
import { judgeClaims } from "../../sync/claim_judgement.ts";
import { claimsOn, type ClaimTerms, planClaim } from "../../sync/claim_plan.ts";
import { isForbiddenNamespace, type Owner, ownersOf } from "../../sync/claim_rules.ts";
import { type Finding, ofCondition, passed, stopped } from "../diagnosis/finding.ts";
import type { Landscape } from "../diagnosis/landscape.ts";
import type { ProviderSide } from "../diagnosis/provider_side.ts";
import { reservedBy } from "../diagnosis/reserved.ts";
import type { Place } from "./place.ts";

const KIND = "APIServiceBinding";

/** The object whose neighbours are looked at: claims are about what is in the same namespace. */
interface Neighbourhood {
  binding: APIServiceBinding;
  key: ObjectKey;
  place: Place;
}

/** Each claim of the binding, and each object that it is about in the namespace of the explained one. */
export async function claimFindings(
  { appCluster, bindings }: Landscape,
  side: ProviderSide,
  { binding, key, place }: Neighbourhood,
  signal: AbortSignal,
): Promise<Finding[]> {
  const bound = new Set(bindings.map(({ metadata }) => metadata.name));
  const { effective, problems } = judgeClaims(binding, bound);
  const findings = problems.map(({ reason, what }) => ofCondition(KIND, fails(KIND, "ClaimsSupported", reason, what)));
  for (const { state, ...claim } of binding.spec.permissionClaims ?? []) {
    if (state === "Accepted" || claim.required) continue;
    const what = `The claim on ${groupResourceName(claim)} is rejected: none of them crosses`;
    findings.push(stopped("Claims", "ClaimRejected", what));
  }
  findings.push(...unanswered(binding, side));
  const { namespace } = key;
  const mapped = place.key.namespace;
  if (!namespace || !mapped || isForbiddenNamespace(namespace)) return findings;
  const isReserved = reservedBy(bindings);
  for (const claim of effective) {
    for (const owner of ownersOf(claim)) {
      const terms: ClaimTerms = {
        owner,
        claims: [claim],
        clusterNamespace: side.clusterNamespace,
        isReserved: claim.group === "" && claim.resource === SECRETS.plural ? isReserved : undefined,
      };
      const ends = {
        consumer: { client: appCluster, namespace },
        provider: { client: side.client, namespace: mapped },
      };
      findings.push(...await objectFindings(claim, terms, ends, signal));
    }
  }
  return findings;
}

/** What the provider claims now, and the binding does not know of. */
function unanswered({ metadata, spec }: APIServiceBinding, { contract }: ProviderSide): Finding[] {
  const id = ({ group, resource, selector }: PermissionClaim) =>
    `${groupResourceName({ group, resource })} ${selector?.owner ?? ""}`;
  const known = new Set((spec.permissionClaims ?? []).map(id));
  return (contract.exports.get(metadata.name)?.spec.permissionClaims ?? []).filter((claim) => !known.has(id(claim)))
    .map((claim) =>
      stopped(
        "Claims",
        "ClaimAnswerMissing",
        `The provider claims ${groupResourceName(claim)}; the binding has no answer to that`,
      )
    );
}

interface End {
  client: KubeClient;
  namespace: string;
}

/** More objects of one claim than this are only counted. */
const SHOWN = 20;

async function objectFindings(
  claim: PermissionClaim,
  terms: ClaimTerms,
  ends: { consumer: End; provider: End },
  signal: AbortSignal,
): Promise<Finding[]> {
  const name = groupResourceName(claim);
  const [source, target] = terms.owner === "Provider" ? [ends.provider, ends.consumer] : [ends.consumer, ends.provider];
  const lists: DynamicObject[][] = [];
  for (const { client, namespace } of [source, target]) {
    try {
      lists.push(await listClaimed(client, claim, namespace, signal));
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      return [ofCondition(KIND, fails(KIND, "ClaimsInSync", "ClaimSyncFailed", messageOf(error)), "Claims")];
    }
  }
  const copies = new Map(lists[1]!.map((object) => [object.metadata.name, object]));
  const findings: Finding[] = [];
  let others = 0;
  for (const object of lists[0]!) {
    const key = { namespace: ends.consumer.namespace, name: object.metadata.name };
    if (claimsOn(key, object, terms).length === 0) {
      others++;
      continue;
    }
    findings.push(objectFinding(`${name} "${object.metadata.name}"`, terms.owner, {
      key,
      source: object,
      copy: copies.get(object.metadata.name),
    }, terms));
  }
  const direction = terms.owner === "Provider" ? "down to here" : "up to the provider";
  const shown = findings.slice(0, SHOWN);
  const rest = findings.length - shown.length;
  const more = `${rest > 0 ? `${rest} more like these; ` : ""}${
    counted(others, "other in this namespace is", "others in this namespace are")
  } not claimed`;
  return [...shown, passed("Claims", `${name} ${direction}: ${findings.length} claimed; ${more}`)];
}

function objectFinding(
  described: string,
  owner: Owner,
  view: Parameters<typeof planClaim>[0],
  terms: ClaimTerms,
): Finding {
  const { steps, isConflict } = planClaim(view, terms);
  const side = owner === "Provider" ? "this cluster" : "the provider";
  if (isConflict) {
    const what = `${described} cannot be copied to ${side}: somebody else's object of that name is there`;
    return ofCondition(KIND, fails(KIND, "ClaimsInSync", "ClaimConflict", what), "Claims");
  }
  if (steps.some((step) => step !== "markSource")) {
    return stopped("Claims", "CopyPending", `${described} is not on ${side} as its owner has it`);
  }
  return passed("Claims", `${described} is on both clusters`);
}

async function listClaimed(
  client: KubeClient,
  { group, resource }: PermissionClaim,
  namespace: string,
  signal: AbortSignal,
) {
  const served = (await discover(client, signal)).find({ group, plural: resource });
  if (!served) {
    throw new KubeError(`${resourceName({ group, plural: resource })} is not served on the ${client.side}`, {
      status: 404,
    });
  }
  return (await client.api(served).list({ namespace }, signal)).items;
}
