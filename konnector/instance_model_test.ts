import assert from "node:assert/strict";
import fc from "fast-check";
import { BOUND_ANNOTATION, FIELD_MANAGER, SYNC_FINALIZER } from "../crds/names.ts";
import { hasFinalizer, isDeleting } from "../kube/types.ts";
import type { DynamicObject } from "../kube/types.ts";
import {
  isIrreversible,
  isOnProvider,
  isOrphan,
  planInstance,
  type Sides,
  type Step,
  toConsumerObject,
  toProviderObject,
} from "../sync/instance_plan.ts";
import { compare, digestConsumer, digestProvider } from "./digest.ts";

// Two clusters, a user, an operator and a konnector whose caches lag behind; every action is one write or one event.

const FOREIGN_FINALIZER = "example.com/operator";
const KEY = { namespace: "default", name: "db" };

type Action =
  | { type: "userCreates" | "userDeletes" | "userTakesFinalizer" | "userRemovesField" }
  | { type: "userEdits"; tier: string }
  | { type: "operatorReports"; phase: string }
  | {
    type: "operatorCreates" | "operatorDefaults" | "operatorHolds" | "operatorFinishes" | "somebodyDeletesOnProvider";
  }
  | {
    type: "consumerCacheCatchesUp" | "providerCacheCatchesUp" | "konnectorRestarts" | "cachesGoCold";
  }
  | { type: "konnectorRuns"; order: ClusterName[] };

type ClusterName = "consumer" | "provider";

const UNDISTURBED: ClusterName[] = ["consumer", "provider", "consumer", "provider"];

class World {
  readonly live: Sides = {};
  readonly cache: Sides = {};
  /** Whether the deletion of the consumer's object was seen, which a restart forgets. */
  isDeletionKnown = false;
  #uids = 0;

  apply(action: Action): void {
    const { consumer, provider } = this.live;
    switch (action.type) {
      case "userCreates":
        if (!consumer) this.live.consumer = this.#make({ spec: { tier: "Shared", region: "eu" } });
        return;
      case "userEdits":
        if (consumer) this.live.consumer = { ...consumer, spec: { ...consumer.spec as object, tier: action.tier } };
        return;
      case "userRemovesField":
        if (consumer) this.live.consumer = { ...consumer, spec: { tier: (consumer.spec as { tier: string }).tier } };
        return;
      case "userDeletes":
        return this.#delete("consumer");
      case "operatorCreates":
        if (!provider) this.live.provider = this.#make({ spec: { tier: "Dedicated" } });
        return;
      case "operatorReports":
        if (provider) this.live.provider = { ...provider, status: { phase: action.phase } };
        return;
      case "operatorDefaults":
        if (provider) this.live.provider = { ...provider, spec: { ...provider.spec as object, ref: "xr" } };
        return;
      case "operatorHolds":
        if (provider && !isDeleting(provider)) {
          this.live.provider = { ...provider, metadata: { ...provider.metadata, finalizers: [FOREIGN_FINALIZER] } };
        }
        return;
      case "operatorFinishes":
        if (provider) this.#setFinalizers("provider", []);
        return;
      case "somebodyDeletesOnProvider":
        return this.#delete("provider");
      case "consumerCacheCatchesUp":
        this.isDeletionKnown = this.cache.consumer !== undefined && !this.live.consumer;
        this.cache.consumer = this.live.consumer;
        return;
      case "providerCacheCatchesUp":
        this.cache.provider = this.live.provider;
        return;
      case "userTakesFinalizer":
        if (consumer) this.#setFinalizers("consumer", []);
        return;
      case "cachesGoCold":
        this.isDeletionKnown = false;
        this.cache.consumer = this.cache.provider = undefined;
        return;
      case "konnectorRestarts":
        this.isDeletionKnown = false;
        Object.assign(this.cache, { consumer: this.live.consumer, provider: this.live.provider });
        return;
      case "konnectorRuns":
        return this.reconcile(action.order);
    }
  }

  /**
   * As `reconcileInstance`, each write guarded as it is there: a stale one fails and ends the steps of its cluster.
   *
   * @param order in which the clusters get their writes; when it ends too early, the konnector has died
   */
  reconcile(order: ClusterName[] = UNDISTURBED): void {
    let view: Sides = { ...this.cache, isDeletionKnown: this.isDeletionKnown };
    const { consumer, provider } = view;
    const agreement = compare(consumer && digestConsumer(consumer), provider && digestProvider(provider));
    if (agreement === "settled") {
      return assert.deepEqual(planInstance(view), [], "called settled with something to do");
    }
    if (agreement === "statusDiffers") assert.deepEqual(planInstance(view), ["copyStatus"]);
    if (planInstance(view).some(isIrreversible)) view = { ...this.live, isDeletionKnown: this.isDeletionKnown };
    const plan = planInstance(view);
    const steps = { consumer: plan.filter((step) => !isOnProvider(step)), provider: plan.filter(isOnProvider) };
    for (const cluster of order) {
      const step = steps[cluster].shift();
      if (step && !this.#run(step, view)) steps[cluster] = [];
    }
  }

  #run(step: Step, view: Sides): boolean {
    const { consumer, provider } = this.live;
    const sameConsumer = consumer?.metadata.uid === view.consumer?.metadata.uid;
    switch (step) {
      case "hold":
        if (!consumer || !sameConsumer || isDeleting(consumer)) return false;
        this.#setFinalizers("consumer", [SYNC_FINALIZER]);
        return true;
      case "applySpec": {
        if (view.provider && view.provider.metadata.uid !== provider?.metadata.uid) return false;
        const desired = toProviderObject(view.consumer!, { namespace: "x", name: "db" }, { provider: view.provider });
        this.#apply(desired);
        return true;
      }
      case "copyStatus":
        if (!consumer || !sameConsumer) return false;
        this.live.consumer = { ...consumer, status: view.provider!.status };
        return true;
      case "adopt":
        if (consumer) return false;
        this.live.consumer = { ...this.#make({}), ...toConsumerObject(view.provider!, KEY) };
        this.live.consumer.metadata = { ...this.#make({}).metadata, ...this.live.consumer.metadata };
        return true;
      case "deleteProvider":
        assert.ok(!consumer || isDeleting(consumer), "the provider's object is deleted under a living consumer object");
        assert.ok(consumer || this.isDeletionKnown, "the provider's object is deleted without evidence");
        if (provider?.metadata.uid !== view.provider!.metadata.uid) return false;
        this.#delete("provider");
        return true;
      case "release":
        assert.ok(!provider, "the consumer's object is released while the provider's still lives");
        if (!sameConsumer) return false;
        this.#setFinalizers("consumer", []);
        return true;
    }
  }

  /** Server-side apply, as far as one level of `spec` and annotations goes. */
  #apply(desired: DynamicObject): void {
    const now = this.live.provider;
    const owned = Object.keys(now?.metadata.managedFields?.[0]?.fieldsV1?.["f:spec"] ?? {}).map((name) =>
      name.slice(2)
    );
    const kept = Object.entries(now?.spec as object ?? {}).filter(([field]) => !owned.includes(field));
    const spec = { ...Object.fromEntries(kept), ...desired.spec as object };
    const fields = Object.fromEntries(Object.keys(desired.spec as object).map((name) => [`f:${name}`, {}]));
    const fieldsV1 = { "f:spec": fields, "f:metadata": { "f:annotations": { [`f:${BOUND_ANNOTATION}`]: {} } } };
    const base = now ?? this.#make({});
    this.live.provider = {
      ...base,
      metadata: {
        ...base.metadata,
        annotations: desired.metadata.annotations,
        managedFields: [{ manager: FIELD_MANAGER, operation: "Apply", fieldsV1 }],
      },
      spec,
    };
  }

  #make(fields: object): DynamicObject {
    const metadata = { ...KEY, uid: `u${++this.#uids}`, resourceVersion: "1" };
    return { apiVersion: "mangodb.com/v1alpha1", kind: "MangoDB", metadata, ...fields };
  }

  #delete(side: "consumer" | "provider"): void {
    const object = this.live[side];
    if (!object) return;
    const metadata = { ...object.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" };
    this.live[side] = object.metadata.finalizers?.length ? { ...object, metadata } : undefined;
  }

  #setFinalizers(side: "consumer" | "provider", finalizers: string[]): void {
    const object = this.live[side]!;
    const gone = finalizers.length === 0 && isDeleting(object);
    this.live[side] = gone ? undefined : { ...object, metadata: { ...object.metadata, finalizers } };
  }
}

const simple = fc.constantFrom<Action["type"]>(
  "userCreates",
  "userDeletes",
  "userTakesFinalizer",
  "userRemovesField",
  "operatorCreates",
  "operatorDefaults",
  "operatorHolds",
  "operatorFinishes",
  "somebodyDeletesOnProvider",
  "consumerCacheCatchesUp",
  "providerCacheCatchesUp",
  "konnectorRestarts",
  "cachesGoCold",
).map((type) => ({ type }) as Action);
const order = fc.oneof(
  { weight: 3, arbitrary: fc.shuffledSubarray(UNDISTURBED, { minLength: UNDISTURBED.length }) },
  { weight: 1, arbitrary: fc.shuffledSubarray(UNDISTURBED) },
);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 2, arbitrary: order.map((order): Action => ({ type: "konnectorRuns", order })) },
  { weight: 8, arbitrary: simple },
  {
    weight: 1,
    arbitrary: fc.constantFrom("Shared", "Dedicated").map((tier) => ({ type: "userEdits", tier }) as Action),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("Running", "Failed").map((phase) => ({ type: "operatorReports", phase }) as Action),
  },
);

Deno.test("whatever happens and however late the caches are, nothing is lost and both sides agree in the end", () => {
  fc.assert(
    fc.property(fc.array(action, { minLength: 10, maxLength: 60, size: "max" }), (history) => {
      const world = new World(); // asserts the safety properties at every write
      for (const one of history) world.apply(one);
      for (let round = 0; round < 8; round++) {
        world.apply({ type: "konnectorRestarts" });
        world.reconcile();
        world.apply({ type: "operatorFinishes" });
      }
      const { consumer, provider } = world.live;
      assert.deepEqual(planInstance(world.live), [], "there is still something to do");
      if (!consumer) return assert.ok(!provider || isOrphan(world.live));
      assert.ok(hasFinalizer(consumer, SYNC_FINALIZER) && provider && !isDeleting(consumer));
      const { ref: _ref, ...spec } = { ...provider.spec as object, ref: undefined };
      assert.deepEqual({ ...spec, ...consumer.spec as object }, { ...consumer.spec as object }, "specs differ");
      assert.deepEqual(consumer.status, provider.status);
    }),
    { numRuns: 20_000 },
  );
});
