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
const sideOf = { Provider: ["provider", "consumer"], Consumer: ["consumer", "provider"] } as const;

class World {
  readonly live: Partial<Record<Side, DynamicObject>> = {};
  readonly cache: Partial<Record<Side, DynamicObject>> = {};
  isAccepted = true;
  /** Uids of what the konnector has created or taken over. */
  readonly ours = new Set<string>();
  #uids = 0;

  terms(owner: Owner): ClaimTerms {
    return { owner, claims: this.isAccepted ? [CLAIM] : [], clusterNamespace: CLUSTER };
  }

  apply(action: Action): void {
    if (!("side" in action)) {
      if (action.what === "konnectorRestarts") {
        Object.assign(this.cache, { consumer: undefined, provider: undefined }, this.live);
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
        if (object && isDeleting(object)) delete this.live[side];
        else this.#setMeta(side, { finalizers: [] });
        return;
      case "cacheCatchesUp":
        this.cache[side] = this.live[side];
        return;
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
    const [from, to] = sideOf[owner];
    // What the watches bring: objects that match the label selector, and objects with our label.
    const source = matches(this.cache[from]) && this.isAccepted ? this.cache[from] : undefined;
    const copy = this.cache[to]?.metadata.labels?.[CLAIMED_FOR_LABEL] ? this.cache[to] : undefined;
    let view: ClaimView = { key: KEY, source, copy };
    const digests = [source && digestSource(source, KEY, terms), copy && digestCopy(copy, terms)] as const;
    let plan = planClaim(view, terms);
    if (isClaimSettled(...digests)) return assert.deepEqual(plan.steps, [], "called settled with something to do");
    if (plan.isConflict || plan.steps.some(needsLiveView)) {
      view = { key: KEY, source: this.live[from], copy: this.live[to] };
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
        this.#delete(to);
        return true;
      default:
        assert.fail(`no claim asks for ${step}`);
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
    else delete this.live[side];
  }
}

const matches = (object: DynamicObject | undefined): boolean => object?.metadata.labels?.claimed === SELECTED.claimed;

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

Deno.test("however late the caches are, nothing of anybody else is touched, and copies are copies in the end", () => {
  let copies = 0;
  fc.assert(
    fc.property(fc.array(action, { minLength: 10, maxLength: 60, size: "max" }), (history) => {
      const world = new World(); // asserts the safety properties at every write
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
        assert.deepEqual(planClaim({ key: KEY, source, copy }, terms).steps, [], "there is still something to do");
        const isOurs = copy && world.ours.has(copy.metadata.uid!) && copy.metadata.labels?.[CLAIMED_FOR_LABEL];
        if (!isOurs) continue;
        assert.ok(source && matches(source) && world.isAccepted, "a copy stays of what is not claimed");
        assert.deepEqual(copy.data, source.data);
        copies++;
      }
    }),
    { numRuns: 20_000 },
  );
  assert.ok(copies > 1000, "hardly any history ends with a copy: the model has lost its point");
});
