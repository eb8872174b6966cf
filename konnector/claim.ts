import type { Api } from "../kube/api.ts";
import type { Outcome } from "../kube/controller.ts";
import { TerminalError } from "../kube/errors.ts";
import type { Log } from "../kube/log.ts";
import { type DynamicObject, formatKey, type ObjectKey, resourceName } from "../kube/types.ts";
import { type ClaimTerms, type ClaimView, needsLiveView, planClaim } from "../sync/claim_plan.ts";
import { isOnSource, runClaimStep } from "../sync/claim_steps.ts";
import { isTooDeep, MAX_DEPTH } from "../sync/instance_refusal.ts";
import { type ClaimDigest, isClaimSettled } from "./claim_digest.ts";
import type { ClaimEvidence } from "./claim_evidence.ts";
import type { ClaimNews } from "./claim_news.ts";

/** The owner's cluster or the other one, as far as one claimed kind goes. */
export interface ClaimSide {
  api: Api;
  /** From the consumer's key to the one on this side, and back; undefined while the namespace is not mapped. */
  keyOf(key: ObjectKey): ObjectKey | undefined;
  consumerKeyOf(own: ObjectKey): ObjectKey | undefined;
  /** As all other keys here, the consumer's. */
  digest(key: ObjectKey): ClaimDigest | undefined;
  /** The object as an event has brought it, if that is what the store knows. */
  inHand(key: ObjectKey, digest: ClaimDigest): DynamicObject | undefined;
}

export interface ClaimDeps {
  terms: ClaimTerms;
  source: ClaimSide;
  copy: ClaimSide & {
    /** Takes the answer to a write for the event that is to follow. */
    accept(object: DynamicObject): void;
  };
  /** Whether the consumer's source, where there is none, is known to have been deleted. */
  isDeletionKnown(key: ObjectKey): boolean;
  evidence: Pick<ClaimEvidence, "isCopyDeleted" | "condemnCopy">;
  news: Pick<ClaimNews, "conflict" | "orphan">;
  /** Nothing is left to do. */
  settled(key: ObjectKey): void;
  log: Log;
}

/** Nobody tells when an object that is not ours goes out of the way, because nobody watches such objects. */
const CONFLICT_CHECK_MS = 60_000;

/**
 * Makes the copy of one claimed object equal to its source, or takes it away when there is no source or no claim on it
 * any more. Plans from what events brought; whatever creates or deletes is planned again from live reads.
 *
 * @param key on the consumer, whoever is the owner
 * @throws {KubeError} when a cluster refuses a write; the queue tries the key again, with backoff
 */
export async function reconcileClaim(deps: ClaimDeps, key: ObjectKey, signal: AbortSignal): Promise<Outcome> {
  const { source, copy, terms, evidence, news } = deps;
  const [sourceKey, copyKey] = [source.keyOf(key), copy.keyOf(key)];
  if (!sourceKey || !copyKey || isClaimSettled(source.digest(key), copy.digest(key))) return deps.settled(key);

  const known = await Promise.all([readKnown(source, key, sourceKey, signal), readKnown(copy, key, copyKey, signal)]);
  const [isDeletionKnown, isCopyDeleted] = [deps.isDeletionKnown(key), evidence.isCopyDeleted(key)];
  let view: ClaimView = { key, source: known[0], copy: known[1], isDeletionKnown, isCopyDeleted };
  let plan = planFor(deps, view);
  if (plan.isConflict || plan.isOrphan || plan.steps.some(needsLiveView)) {
    const live = await Promise.all([source.api.find(sourceKey, signal), copy.api.find(copyKey, signal)]);
    view = { ...view, source: live[0], copy: live[1] };
    plan = planFor(deps, view);
  }
  const consumerObject = terms.owner === "Provider" ? view.copy : view.source;
  news.conflict(key, plan.isConflict ? consumerObject : undefined);
  news.orphan(key, plan.isOrphan ?? false);
  for (const step of plan.steps) {
    if (step === "deleteCopy" || step === "deleteForeign") evidence.condemnCopy(key, view.copy!);
    const written = await runClaimStep(deps, step, { sourceKey, copyKey }, view, signal);
    if (written && !isOnSource(step)) copy.accept(written);
    deps.log.info("claim step done", { step, key, owner: terms.owner });
  }
  if (plan.isConflict) return { requeueAfterMs: CONFLICT_CHECK_MS };
}

/** @throws {TerminalError} when the objects can neither be compared nor copied */
function planFor({ terms, source: { api } }: ClaimDeps, view: ClaimView): ReturnType<typeof planClaim> {
  if (view.source && [view.source, view.copy].some(isTooDeep)) {
    const described = `${resourceName(api.resource)} "${formatKey(view.key)}"`;
    throw new TerminalError(`Cannot copy ${described}: it or its copy is nested more than ${MAX_DEPTH} levels deep`);
  }
  return planClaim(view, terms);
}

async function readKnown({ api, digest, inHand }: ClaimSide, key: ObjectKey, own: ObjectKey, signal: AbortSignal) {
  const known = digest(key);
  return known && (inHand(key, known) ?? await api.find(own, signal));
}
