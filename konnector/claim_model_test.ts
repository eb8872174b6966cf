import assert from "node:assert/strict";
import fc from "fast-check";
import { CLAIMED_FOR_LABEL, RESOURCE_OWNER_ANNOTATION } from "../crds/names.ts";
import type { PermissionClaim } from "../crds/shared.ts";
import { annotationOf, type DynamicObject, isDeleting } from "../kube/types.ts";
import {
  claimsOn,
  type ClaimStep,
  type ClaimTerms,
  type ClaimView,
  needsLiveView,
  planClaim,
  toCopy,
} from "../sync/claim_plan.ts";
import type { Owner } from "../sync/claim_rules.ts";
import { OWNER } from "../sync/instance_plan.ts";
import { ClaimEvidence } from "./claim_evidence.ts";
import { digestCopy, digestSource, isClaimSettled } from "./claim_digest.ts";

// One key on two clusters, users and operators on both, and a konnector whose caches lag behind; the claim names no
// owner, so both directions are at work on the same key. Every action is one write or one event.

const KEY = { namespace: "default", name: "login" };
const CLUSTER = "cluster-x";
const FOREIGN_FINALIZER = "example.com/hold";

type Side = "consumer" | "provider";
type What =
  | "creates"
  | "deletes"
  | "edits"
  | "takesOutOfSelector"
  | "putsIntoSelector"
  | "stripsAnnotations"
  | "stripsLabels"
  | "duplicatesOurCopy"
  | "holds"
  | "releases"
  | "cacheCatchesUp"
  | "konnectorRuns"
  | "konnectorDiesAfterOneStep";
type Action = { side: Side; what: What } | { what: "claimIsRejected" | "claimIsAccepted" | "konnectorRestarts" };

const SELECTED = { claimed: "yes" };
const CLAIM: PermissionClaim = {
  group: "",
  resource: "secrets",
  version: "v1",
  selector: { names: ["login"], labelSelectors: [SELECTED] },
};
/** As it is, a deleted copy is made again; with this, the provider's object goes as well. */
const DELETES_SOURCES: PermissionClaim = { ...CLAIM, onConflict: { recreateWhenConsumerSideDeleted: false } };
const sideOf = { Provider: ["provider", "consumer"], Consumer: ["consumer", "provider"] } as const;

class World {
  readonly live: Partial<Record<Side, DynamicObject>> = {};
  readonly cache: Partial<Record<Side, DynamicObject>> = {};
  isAccepted = true;
  /** Uids of what the konnector has created or taken over. */
  readonly ours = new Set<string>();
  readonly #claim: PermissionClaim;
  evidence = newEvidence();
  /** Whether the konnector has seen that nothing claimable is on the consumer any more. */
  isSourceSeenToGo = false;
  /** Uids of objects that somebody else than the konnector wanted to go. */
  readonly #unwanted = new Set<string>();
  /** The last that has gone from a side. */
  readonly #lastGone: Partial<Record<Side, string>> = {};
  #uids = 0;

  constructor(claim: PermissionClaim) {
    this.#claim = claim;
  }

  terms(owner: Owner): ClaimTerms {
    return { owner, claims: this.isAccepted ? [this.#claim] : [], clusterNamespace: CLUSTER };
  }

  apply(action: Action): void {
    if (!("side" in action)) {
      if (action.what === "konnectorRestarts") {
        this.cache.consumer = this.cache.provider = undefined;
        this.evidence = newEvidence();
        this.isSourceSeenToGo = false;
        for (const side of ["consumer", "provider"] as const) this.#catchUp(side, false);
      } else this.isAccepted = action.what === "claimIsAccepted";
      return;
    }
    const { side, what } = action;
    const object = this.live[side];
    switch (what) {
      case "creates":
        if (!object) this.live[side] = this.#make({ labels: SELECTED });
        return;
      case "duplicatesOurCopy":
        if (!object) {
          const annotations = { [RESOURCE_OWNER_ANNOTATION]: side === "consumer" ? "Provider" : "Consumer" };
          this.live[side] = this.#make({ labels: { ...SELECTED, [CLAIMED_FOR_LABEL]: CLUSTER }, annotations });
        }
        return;
      case "deletes":
        if (object && !isDeleting(object)) this.#unwanted.add(object.metadata.uid!);
        return this.#delete(side);
      case "edits":
        if (object) this.live[side] = { ...object, data: { user: `edit-${this.#uids++}` } };
        return;
      case "takesOutOfSelector":
        return this.#setLabels(side, { claimed: "no" });
      case "putsIntoSelector":
        return this.#setLabels(side, SELECTED);
      case "stripsAnnotations":
        return this.#setMeta(side, { annotations: {} });
      case "stripsLabels":
        return this.#setMeta(side, { labels: SELECTED });
      case "holds":
        return this.#setMeta(side, { finalizers: [FOREIGN_FINALIZER] });
      case "releases":
        if (object && isDeleting(object)) this.#remove(side);
        else this.#setMeta(side, { finalizers: [] });
        return;
      case "cacheCatchesUp":
        return this.#catchUp(side, true);
      case "konnectorRuns":
        return this.reconcile(side === "provider" ? "Provider" : "Consumer");
      case "konnectorDiesAfterOneStep":
        this.reconcile(side === "provider" ? "Provider" : "Consumer", 1);
        return this.apply({ what: "konnectorRestarts" });
    }
  }

  /** As `reconcileClaim`, each write guarded as it is there: a stale one fails and ends the pass. */
  reconcile(owner: Owner, maxSteps = Infinity): void {
    const terms = this.terms(owner);
    const evidence = this.evidence[owner];
    const [from, to] = sideOf[owner];
    const source = this.isAccepted ? claimable(this.cache[from]) : undefined;
    const copy = labelled(this.cache[to]);
    let view: ClaimView = {
      key: KEY,
      source,
      copy,
      isDeletionKnown: evidence.isSourceDeleted(KEY),
      isCopyDeleted: evidence.isCopyDeleted(KEY),
    };
    const digests = [source && digestSource(source, KEY, terms), copy && digestCopy(copy, terms)] as const;
    let plan = planClaim(view, terms);
    if (isClaimSettled(...digests)) {
      if (!digests[1]?.isDeleting) evidence.forget(KEY);
      return assert.deepEqual(plan.steps, [], "called settled with something to do");
    }
    if (plan.isConflict || plan.isOrphan || plan.steps.some(needsLiveView)) {
      view = { ...view, source: this.live[from], copy: this.live[to] };
      plan = planClaim(view, terms);
    }
    for (const step of plan.steps.slice(0, maxSteps)) if (!this.#run(step, view, terms)) return;
  }

  #run(step: ClaimStep, view: ClaimView, terms: ClaimTerms): boolean {
    const [from, to] = sideOf[terms.owner];
    const target = this.live[to];
    const isSame = target !== undefined && target.metadata.uid === view.copy?.metadata.uid;
    switch (step) {
      case "createCopy": {
        assert.ok(claimsOn(KEY, view.source!, terms).length > 0, "a copy is made of what no claim is about");
        if (target) return false;
        const uid = `u${++this.#uids}`;
        this.ours.add(uid);
        this.#write(to, toCopy(view.source!, KEY, terms), { uid });
        return true;
      }
      case "updateCopy": {
        assert.ok(claimsOn(KEY, view.source!, terms).length > 0, "a copy is kept of what no claim is about");
        if (!isSame) return false;
        const isMarked = annotationOf(view.copy!, RESOURCE_OWNER_ANNOTATION) === terms.owner;
        assert.ok(this.ours.has(target.metadata.uid!) || isMarked, "an object of somebody else is overwritten");
        this.ours.add(target.metadata.uid!); // what says that it is a copy is one from now on
        this.#write(to, toCopy(view.source!, KEY, terms, target), target.metadata);
        return true;
      }
      case "markSource": {
        const source = this.live[from];
        if (source?.metadata.uid !== view.source!.metadata.uid) return false;
        assert.ok(!this.ours.has(source!.metadata.uid!), "a copy is called an original");
        const annotations = { ...source!.metadata.annotations, [RESOURCE_OWNER_ANNOTATION]: terms.owner };
        this.#setMeta(from, { annotations });
        return true;
      }
      case "deleteCopy":
        if (!isSame) return false;
        assert.ok(this.ours.has(target.metadata.uid!), "an object of somebody else is deleted");
        assert.ok(
          terms.owner === "Provider" || this.live[from] || !this.isAccepted || this.isSourceSeenToGo,
          "a copy on the provider is deleted on the absence of its source alone",
        );
        this.evidence[terms.owner].condemnCopy(KEY, target);
        this.#delete(to);
        return true;
      case "deleteSource":
        if (this.live[from]?.metadata.uid !== view.source!.metadata.uid) return false;
        assert.ok(this.#unwanted.has(this.#lastGone[to]!), "a source is deleted for a copy that no user deleted");
        this.#delete(from);
        return true;
      default:
        assert.fail(`no claim asks for ${step}`);
    }
  }

  /** The watches bring what matches the label selector, and what has our label. */
  #catchUp(side: Side, fresh: boolean): void {
    const [before, after] = [this.cache[side], this.live[side]];
    this.cache[side] = after;
    if (side === "consumer") {
      this.isSourceSeenToGo = !claimable(after) && (this.isSourceSeenToGo || (fresh && !!claimable(before)));
    }
    for (const owner of ["Provider", "Consumer"] as const) {
      const evidence = this.evidence[owner];
      const terms = this.terms(owner);
      const [from] = sideOf[owner];
      const [seen, digest] = from === side
        ? [claimable, (object: DynamicObject) => digestSource(object, KEY, terms)] as const
        : [labelled, (object: DynamicObject) => digestCopy(object, terms)] as const;
      for (const [was, is] of eventsOf(seen(before), seen(after))) {
        const change = { key: KEY, before: was && digest(was), after: is && digest(is), object: is, fresh };
        if (from === side) evidence.sourceChanged(KEY, change, is !== undefined);
        else evidence.copyChanged(KEY, change);
      }
    }
  }

  #write(side: Side, desired: DynamicObject, metadata: Partial<DynamicObject["metadata"]>): void {
    const names = (object: object | undefined) =>
      Object.fromEntries(Object.keys(object ?? {}).map((name) => [`f:${name}`, {}]));
    const { labels, annotations } = desired.metadata;
    const fieldsV1 = {
      "f:type": {},
      "f:data": names(desired.data as object),
      "f:metadata": { "f:labels": names(labels), "f:annotations": names(annotations) },
    };
    const managedFields = [{ manager: OWNER.name, operation: "Apply" as const, fieldsV1 }];
    this.live[side] = { ...desired, metadata: { ...metadata, ...KEY, labels, annotations, managedFields } };
  }

  #make(metadata: Partial<DynamicObject["metadata"]>): DynamicObject {
    const uid = `u${++this.#uids}`;
    return {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { ...KEY, uid, ...metadata },
      type: "Opaque",
      data: { user: uid },
    };
  }

  #setLabels(side: Side, labels: Record<string, string>): void {
    this.#setMeta(side, { labels: { ...this.live[side]?.metadata.labels, ...labels } });
  }

  #setMeta(side: Side, metadata: Partial<DynamicObject["metadata"]>): void {
    const object = this.live[side];
    if (object) this.live[side] = { ...object, metadata: { ...object.metadata, ...metadata } };
  }

  #delete(side: Side): void {
    const object = this.live[side];
    if (!object) return;
    if (object.metadata.finalizers?.length) this.#setMeta(side, { deletionTimestamp: "2026-01-01T00:00:00Z" });
    else this.#remove(side);
  }

  #remove(side: Side): void {
    this.#lastGone[side] = this.live[side]!.metadata.uid!;
    delete this.live[side];
  }
}

const newEvidence = (): Record<Owner, ClaimEvidence> => ({
  Provider: new ClaimEvidence(),
  Consumer: new ClaimEvidence(),
});

const claimable = (object: DynamicObject | undefined): DynamicObject | undefined =>
  object?.metadata.labels?.claimed === SELECTED.claimed ? object : undefined;
const labelled = (object: DynamicObject | undefined): DynamicObject | undefined =>
  object?.metadata.labels?.[CLAIMED_FOR_LABEL] ? object : undefined;

/** Before and after of each event between two states. */
function eventsOf(was: DynamicObject | undefined, is: DynamicObject | undefined) {
  if (!was && !is) return [];
  return was && is && was.metadata.uid !== is.metadata.uid ? [[was, undefined], [undefined, is]] : [[was, is]];
}

const sided: What[] = [
  "creates",
  "creates",
  "deletes",
  "edits",
  "takesOutOfSelector",
  "putsIntoSelector",
  "stripsAnnotations",
  "stripsLabels",
  "duplicatesOurCopy",
  "holds",
  "releases",
  "cacheCatchesUp",
  "cacheCatchesUp",
  "konnectorRuns",
  "konnectorRuns",
  "konnectorRuns",
  "konnectorDiesAfterOneStep",
];
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      side: fc.constantFrom<Side>("consumer", "provider"),
      what: fc.constantFrom(...sided),
    }) as fc.Arbitrary<Action>,
  },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constantFrom("claimIsRejected" as const, "claimIsAccepted" as const, "konnectorRestarts" as const),
    }),
  },
);

const histories = fc.array(action, { minLength: 10, maxLength: 60, size: "max" });

Deno.test("however late the caches are, nothing of anybody else is touched, and copies are copies in the end", () => {
  let copies = 0;
  fc.assert(
    fc.property(histories, fc.constantFrom(CLAIM, DELETES_SOURCES), (history, claim) => {
      const world = new World(claim); // asserts the safety properties at every write
      for (const one of history) world.apply(one);
      for (let round = 0; round < 8; round++) {
        for (const side of ["consumer", "provider"] as const) {
          world.apply({ what: "konnectorRestarts" });
          world.apply({ side, what: "konnectorRuns" });
          world.apply({ side, what: "releases" });
        }
      }
      for (const owner of ["Provider", "Consumer"] as const) {
        const terms = world.terms(owner);
        const [source, copy] = sideOf[owner].map((side) => world.live[side]);
        const { steps, isOrphan } = planClaim({ key: KEY, source, copy }, terms);
        assert.deepEqual(steps, [], "there is still something to do");
        if (isOrphan) continue;
        const isOurs = copy && world.ours.has(copy.metadata.uid!) && copy.metadata.labels?.[CLAIMED_FOR_LABEL];
        if (!isOurs) continue;
        assert.ok(claimable(source) && world.isAccepted, "a copy stays of what is not claimed");
        assert.deepEqual(copy.data, source!.data);
        copies++;
      }
    }),
    { numRuns: 20_000 },
  );
  assert.ok(copies > 1000, "hardly any history ends with a copy: the model has lost its point");
});
