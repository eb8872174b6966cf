import { SYNC_FINALIZER } from "../crds/names.ts";
import type { Api } from "../kube/client.ts";
import type { Outcome } from "../kube/controller.ts";
import { TerminalError } from "../kube/errors.ts";
import { applyOver } from "../kube/apply.ts";
import { addFinalizer, removeFinalizer } from "../kube/finalizer.ts";
import type { Log } from "../kube/log.ts";
import type { Store } from "../kube/store.ts";
import {
  type DynamicObject,
  formatKey,
  hasFinalizer,
  isDeleting,
  type ObjectKey,
  resourceName,
} from "../kube/types.ts";
import {
  differenceOf,
  isIrreversible,
  isOnProvider,
  isOrphan,
  OWNER,
  planInstance,
  type Sides,
  type Step,
  toConsumerObject,
  toProviderObject,
} from "../sync/instance_plan.ts";
import type { Mapping } from "../sync/mapping.ts";
import { compare, type Digest } from "./digest.ts";
import type { InHand } from "./in_hand.ts";
import { type InstanceNews, type Trouble, trouble } from "./instance_news.ts";
import type { Repairs } from "./repairs.ts";

/** The longest name Kubernetes takes. */
const MAX_NAME_LENGTH = 253;

/** One cluster's end of a bound API. */
export interface Side {
  api: Api;
  store: Store<Digest>;
  /** Takes the answer to a write for the event that is to follow. */
  accept(object: DynamicObject): void;
  /** Whether all objects of that namespace are in the store: before, absence means nothing. */
  isListed(namespace: string | undefined): boolean;
  /** Whole objects that an event has just brought. */
  inHand: InHand;
}

export interface InstanceDeps {
  consumer: Side;
  provider: Side;
  mapping: Mapping;
  /** Whether somebody saw that this consumer object was deleted, or wants it to be taken for that. */
  isDeletionKnown(key: ObjectKey): boolean;
  /** Tells whether the provider's object stands without its consumer object. */
  noteOrphan(key: ObjectKey, isOrphan: boolean): void;
  /** Asks the backend for that counterpart; its event wakes the keys of the namespace. */
  requestNamespace(namespace: string, signal: AbortSignal): Promise<void>;
  /** Why that counterpart is not there yet. */
  namespaceTrouble(namespace: string): Trouble;
  /** A step of this kind was done for that key. */
  stepDone(step: Step, key: ObjectKey): void;
  /** A pass over this instance has ended. */
  passed(key: ObjectKey, providerKey: ObjectKey): void;
  /** Whether the CRD keeps status apart from the rest of the object. */
  hasStatusSubresource(): boolean;
  /** See `SyncDefinition`. */
  onlyDeletions: boolean;
  news: InstanceNews;
  repairs: Repairs;
  log: Log;
}

/** Both objects, and where they are. */
interface View extends Sides {
  key: ObjectKey;
  providerKey: ObjectKey;
}

/**
 * Brings one instance into agreement on both clusters: spec to the provider, status back to the consumer, deletion in
 * that order too. Plans from what events brought; a plan that deletes or releases is made again from live reads,
 * because absence in a cache may only mean that the cache is late.
 *
 * @param key consumer side, e.g. `{ namespace: "default", name: "db" }`
 * @throws {KubeError} when a cluster refuses a write; the queue tries the key again, with backoff
 */
export async function reconcileInstance(deps: InstanceDeps, key: ObjectKey, signal: AbortSignal): Promise<Outcome> {
  const { consumer, provider } = deps;
  if (deps.onlyDeletions && !consumer.store.get(key)?.isDeleting) return;
  const providerKey = deps.mapping.toProvider(key);
  if (!providerKey) {
    if (!consumer.store.get(key)) return;
    await deps.requestNamespace(key.namespace!, signal);
    return deps.news.waits(key, deps.namespaceTrouble(key.namespace!));
  }
  if (!provider.isListed(providerKey.namespace)) return; // that it is now, wakes the keys of the namespace
  let outcome: Outcome = undefined;
  switch (compare(consumer.store.get(key), provider.store.get(providerKey))) {
    case "settled":
      break;
    case "statusDiffers":
      await settleStatus(deps, key, providerKey, signal);
      break;
    case "unclear":
      outcome = await settle(deps, await readKnown(deps, key, providerKey, signal), signal);
  }
  deps.passed(key, providerKey);
  return outcome;
}

/** The most frequent pass reads no consumer object: that its uid is still the same is left to the API server. */
async function settleStatus(
  deps: InstanceDeps,
  key: ObjectKey,
  providerKey: ObjectKey,
  signal: AbortSignal,
): Promise<void> {
  const { uid } = deps.consumer.store.get(key)!;
  const provider = await readOne(deps.provider, providerKey, signal);
  if (!provider) return; // gone; its event follows
  const copy = () => copyStatus(deps, { ...key, uid }, provider.status, signal);
  deps.consumer.accept(await telling(deps, "copyStatus", { key, providerKey }, copy));
}

async function settle(deps: InstanceDeps, known: View, signal: AbortSignal): Promise<Outcome> {
  let view = refuseForeign(deps, known);
  if (planFor(deps, view).some(isIrreversible)) view = refuseForeign(deps, await readLive(deps, view, signal));
  deps.noteOrphan(view.key, isOrphan(view));
  const steps = planFor(deps, view);
  const pauseMs = () =>
    view.provider && steps.includes("applySpec") ? deps.repairs.pauseMs(...repairOf(deps, view)) : 0;
  await runSteps(deps, pauseMs() > 0 ? steps.filter((step) => step !== "applySpec") : steps, view, signal);
  const requeueAfterMs = pauseMs();
  if (requeueAfterMs > 0) return { requeueAfterMs };
}

/** What is written over the provider's object, for `Repairs`. */
const repairOf = ({ consumer }: InstanceDeps, { key }: View) =>
  [formatKey(key), consumer.store.get(key)?.spec ?? ""] as const;

const planFor = ({ onlyDeletions }: InstanceDeps, view: View): Step[] =>
  onlyDeletions && !(view.consumer && isDeleting(view.consumer)) ? [] : planInstance(view);

/**
 * The steps of each cluster in their order, both clusters at the same time. Should we end right after the first copy was
 * made and before the object is held, and the object be deleted before we are back, then an orphan is left and reported.
 */
async function runSteps(deps: InstanceDeps, steps: Step[], view: View, signal: AbortSignal): Promise<void> {
  const runAll = async (side: Side, steps: Step[]) => {
    for (const step of steps) {
      const written = await telling(deps, step, view, () => runStep(deps, step, view, signal));
      if (written) side.accept(written);
      noteStep(deps, step, view, written);
    }
  };
  const results = await Promise.allSettled([
    runAll(deps.consumer, steps.filter((step) => !isOnProvider(step))),
    runAll(deps.provider, steps.filter(isOnProvider)),
  ]);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

/** Takes the step, and tells of it: to the log and the metrics, or to the user when a cluster refuses it. */
async function telling<T>(
  { log, news, stepDone }: InstanceDeps,
  step: Step,
  { key, providerKey }: Pick<View, "key" | "providerKey">,
  take: () => Promise<T>,
): Promise<T> {
  try {
    const result = await take();
    log.info("instance step done", { step, key, providerKey });
    stepDone(step, key);
    return result;
  } catch (error) {
    news.failed(key, step, error);
    throw error;
  }
}

/** What the step means to the user, and to the steps after it. */
function noteStep(deps: InstanceDeps, step: Step, view: View, written: DynamicObject | undefined): void {
  const { news, repairs } = deps;
  const { key, consumer, provider } = view;
  if (step === "adopt") news.good(key, "Adopted");
  else if (step === "deleteProvider" && written) news.awaitsDeletion(key, written);
  else if (step === "applySpec" && !provider) {
    news.good(key, hasFinalizer(consumer!, SYNC_FINALIZER) ? "SyncedAgain" : "Synced");
  } else if (step === "applySpec") {
    const field = differenceOf(consumer!, written!);
    const repair = repairOf(deps, view);
    repairs.wrote(...repair, field === undefined);
    if (repairs.pauseMs(...repair) > 0) news.disputed(key, field ?? differenceOf(consumer!, provider!));
  }
}

/**
 * Takes an object on the provider that is not ours for none at all, where that harms nobody.
 *
 * @throws {TerminalError} when a living consumer object would need its name, or a name that cannot be one
 */
function refuseForeign({ mapping, news, provider: { api } }: InstanceDeps, view: View): View {
  const { key, providerKey, consumer, provider } = view;
  const isTaken = provider !== undefined && mapping.isForeign(provider);
  if (!consumer || isDeleting(consumer)) return isTaken ? { ...view, provider: undefined } : view;
  const refuse = (reason: "NameTooLong" | "NameTaken", why: string) => {
    const what = `Cannot sync ${resourceName(api.resource)} "${formatKey(key)}" to the provider: ${why}`;
    news.refused(key, trouble("Spec", reason, what));
    return new TerminalError(what);
  };
  const { length } = providerKey.name;
  if (length > MAX_NAME_LENGTH) {
    const why = `its name there, "${providerKey.name}", has ${length} characters; ${MAX_NAME_LENGTH} are allowed`;
    throw refuse("NameTooLong", why);
  }
  if (isTaken) throw refuse("NameTaken", `"${formatKey(providerKey)}" belongs to somebody else there`);
  return view;
}

/** The objects that the stores know of, from the event at hand or read again. */
async function readKnown(
  deps: InstanceDeps,
  key: ObjectKey,
  providerKey: ObjectKey,
  signal: AbortSignal,
): Promise<View> {
  const [consumer, provider] = await Promise.all([
    readOne(deps.consumer, key, signal),
    readOne(deps.provider, providerKey, signal),
  ]);
  return { key, providerKey, consumer, provider, isDeletionKnown: deps.isDeletionKnown(key) };
}

async function readOne({ api, store, inHand }: Side, key: ObjectKey, signal: AbortSignal) {
  const digest = store.get(key);
  return digest && (inHand.get(formatKey(key), digest.resourceVersion) ?? await api.find(key, signal));
}

async function readLive({ consumer, provider }: InstanceDeps, view: View, signal: AbortSignal): Promise<View> {
  const [consumerObject, providerObject] = await Promise.all([
    consumer.api.find(view.key, signal),
    provider.api.find(view.providerKey, signal),
  ]);
  return { ...view, consumer: consumerObject, provider: providerObject };
}

/** @returns the object as it is now, if there still is one */
async function runStep(
  deps: InstanceDeps,
  step: Step,
  view: View,
  signal: AbortSignal,
): Promise<DynamicObject | undefined> {
  const { consumer, provider } = deps;
  switch (step) {
    case "hold":
      return await addFinalizer(consumer.api, view.consumer!, SYNC_FINALIZER, signal);
    case "applySpec":
      return await applySpec(deps, view.consumer!, view, signal);
    case "copyStatus":
      return await copyStatus(deps, view.consumer!.metadata, view.provider!.status, signal);
    case "adopt":
      return await consumer.api.create(toConsumerObject(view.provider!, view.key), signal);
    case "deleteProvider": {
      const { uid } = view.provider!.metadata;
      return await provider.api.beginDelete(view.providerKey, { uid }, signal);
    }
    case "release":
      await removeFinalizer(consumer.api, view.consumer!, SYNC_FINALIZER, signal);
      return;
  }
}

/** A plain create costs the API server less than an apply; the first apply then takes over what it set. */
function applySpec(
  { provider: { api }, mapping: { marks } }: InstanceDeps,
  consumer: DynamicObject,
  { provider, providerKey }: View,
  signal: AbortSignal,
): Promise<DynamicObject> {
  const desired = toProviderObject(consumer, providerKey, { provider, marks });
  const { name: fieldManager, predecessor } = OWNER;
  if (!provider) return api.createAs(desired, { fieldManager: predecessor }, signal);
  return applyOver(api, { current: provider, desired }, { fieldManager, predecessor, force: true }, signal);
}

/** The status is replaced as a whole; the test on the uid keeps it off a later namesake. */
function copyStatus(
  deps: InstanceDeps,
  { uid, ...key }: ObjectKey & { uid?: string },
  status: unknown,
  signal: AbortSignal,
): Promise<DynamicObject> {
  const subresource = deps.hasStatusSubresource() ? "status" as const : undefined;
  return deps.consumer.api.jsonPatch(
    key,
    [
      { op: "test", path: "/metadata/uid", value: uid },
      status === undefined ? { op: "remove", path: "/status" } : { op: "add", path: "/status", value: status },
    ],
    { subresource },
    signal,
  );
}
