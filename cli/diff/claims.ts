import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import { CLAIMED_FOR_LABEL } from "../../crds/names.ts";
import { groupResourceName } from "../../crds/shared.ts";
import { parallel } from "../../kube/parallel.ts";
import { SECRETS } from "../../kube/resources.ts";
import { type DynamicObject, formatKey, keyOf, type ObjectKey } from "../../kube/types.ts";
import { discover } from "../../kube/discovery.ts";
import { type ClaimDefinition, defineClaims, leavingClaims } from "../../sync/claim_definitions.ts";
import { judgeClaims } from "../../sync/claim_judgement.ts";
import { type ClaimStep, type ClaimTerms, type ClaimView, planClaim, toCopy } from "../../sync/claim_plan.ts";
import { letsOrphansGo } from "../../sync/instance_plan.ts";
import { isForbiddenNamespace, reachesNamespace, requestsOf } from "../../sync/claim_rules.ts";
import { type ClaimEnds, type ClaimPlace, isOnSource, runClaimStep } from "../../sync/claim_steps.ts";
import { mapNamespaces, type Mapping } from "../../sync/mapping.ts";
import type { Landscape } from "../diagnosis/landscape.ts";
import type { ProviderSide } from "../diagnosis/provider_side.ts";
import { reservedBy } from "../diagnosis/reserved.ts";
import type { Change, Rehearsal } from "./change.ts";
import { CONCURRENCY } from "./instances.ts";

/** Rehearses what the konnector would do about all that these bindings of one provider claim. */
export async function rehearseClaims(
  landscape: Landscape,
  side: ProviderSide,
  bindings: readonly APIServiceBinding[],
  rehearsal: Rehearsal,
  signal: AbortSignal,
): Promise<void> {
  const bound = new Set(landscape.bindings.map(({ metadata }) => metadata.name));
  const definitions = defineClaims(bindings.map((binding) => {
    const { effective } = judgeClaims(binding, bound);
    return { effective, leaving: leavingClaims(binding, effective), mayDeleteOrphans: letsOrphansGo(binding) };
  }));
  for (const definition of definitions.values()) {
    const claimed = await openClaimed(landscape, side, definition, signal);
    if (!claimed) continue; // a condition of the binding says so
    const views = await listClaimed(claimed, side, definition, signal);
    await parallel(views, CONCURRENCY, (view) => rehearseClaim(claimed, view, rehearsal, signal), signal);
  }
}

/** One claimed kind of one owner on both clusters; what is written there is only rehearsed. */
interface Claimed extends ClaimEnds {
  kind: string;
  mapping: Mapping;
  placeOf(key: ObjectKey): ClaimPlace | undefined;
}

/** Undefined where a cluster does not serve the kind. */
async function openClaimed(
  { appCluster, bindings }: Landscape,
  { client, contract, clusterNamespace }: ProviderSide,
  { group, resource: plural, owner, claims }: ClaimDefinition,
  signal: AbortSignal,
): Promise<Claimed | undefined> {
  const version = claims[0]?.version;
  const [here, there] = (await Promise.all([discover(appCluster, signal), discover(client, signal)]))
    .map((served) => served.find({ group, plural, version }));
  if (!here?.namespaced || !there) return undefined;
  const [consumer, provider] = [appCluster, client].map((one) => ({ api: one.api(here, { isDryRun: true }) }));
  const mapping = mapNamespaces(contract.namespaces, clusterNamespace);
  const isOurs = owner === "Provider";
  return {
    kind: groupResourceName({ group, resource: plural }),
    mapping,
    terms: {
      owner,
      claims,
      clusterNamespace,
      isReserved: group === "" && plural === SECRETS.plural ? reservedBy(bindings) : undefined,
    },
    source: isOurs ? provider! : consumer!,
    copy: isOurs ? consumer! : provider!,
    placeOf(key) {
      const there = mapping.toProvider(key);
      return there && (isOurs ? { sourceKey: there, copyKey: key } : { sourceKey: key, copyKey: there });
    },
  };
}

/** What the owner has that any claim is about, and our copies. */
async function listClaimed(
  { source, copy, mapping, placeOf, terms }: Claimed,
  { contract }: ProviderSide,
  { claims, mayDeleteOrphans }: ClaimDefinition,
  signal: AbortSignal,
): Promise<ClaimView[]> {
  const isOurs = terms.owner === "Provider";
  const views = new Map<string, ClaimView>();
  const note = (end: "source" | "copy", object: DynamicObject) => {
    const own = keyOf(object);
    const key = (end === "source") === isOurs ? mapping.toConsumer(own) : own;
    if (key) {
      views.set(formatKey(key), {
        isDeletionKnown: mayDeleteOrphans,
        ...views.get(formatKey(key)),
        key,
        [end]: object,
      });
    }
  };
  const labelSelector = `${CLAIMED_FOR_LABEL}=${terms.clusterNamespace}`;
  for (const { metadata: { name }, status } of contract.namespaces.list()) {
    const mapped = status?.namespace;
    if (!mapped || isForbiddenNamespace(name) || isForbiddenNamespace(mapped)) continue;
    const [from, to] = isOurs ? [mapped, name] : [name, mapped];
    for (const claim of claims.filter((one) => reachesNamespace(one, name))) {
      const { labelSelectors, fieldSelectors } = requestsOf(claim);
      for (const labelSelector of labelSelectors) {
        for (const fieldSelector of fieldSelectors) {
          const { items } = await source.api.list({ namespace: from, labelSelector, fieldSelector }, signal);
          for (const object of items) note("source", object);
        }
      }
    }
    for (const object of (await copy.api.list({ namespace: to, labelSelector }, signal)).items) note("copy", object);
  }
  // What is in the place of a copy, and is none.
  return await Promise.all([...views.values()].map(async (view) => {
    if (view.copy || planClaim(view, terms).steps.length === 0) return view;
    return { ...view, copy: await copy.api.find(placeOf(view.key)!.copyKey, signal) };
  }));
}

async function rehearseClaim(claimed: Claimed, view: ClaimView, rehearsal: Rehearsal, signal: AbortSignal) {
  const { kind, placeOf, terms } = claimed;
  const place = placeOf(view.key)!;
  const { steps, isConflict } = planClaim(view, terms);
  if (isConflict) {
    const side = sideOfCopy(terms);
    const what = `somebody else's object of that name is on the ${side}`;
    rehearsal.problems.push(`Cannot copy ${kind} "${formatKey(place.sourceKey)}": ${what}`);
  }
  for (const step of steps) {
    await rehearsal.attempt(async () => {
      const isReplaced = step === "createCopy" && steps.some((one) => one === "deleteCopy" || one === "deleteForeign");
      const after = isReplaced
        ? toCopy(view.source!, place.copyKey, terms) // its name is taken while nothing is deleted
        : await runClaimStep(claimed, step, place, view, signal);
      return { side: sideOfStep(step, terms), resource: kind, before: beforeOf(step, view), after };
    });
  }
}

const sideOfCopy = ({ owner }: Pick<ClaimTerms, "owner">): Change["side"] =>
  owner === "Provider" ? "app cluster" : "provider";

const sideOfStep = (step: ClaimStep, terms: ClaimTerms): Change["side"] =>
  isOnSource(step) === (terms.owner === "Provider") ? "provider" : "app cluster";

const beforeOf = (step: ClaimStep, { source, copy }: ClaimView): DynamicObject | undefined =>
  step === "createCopy" ? undefined : isOnSource(step) ? source : copy;
