import { SYNC_FINALIZER } from "../crds/names.ts";
import type { Outcome } from "../kube/controller.ts";
import { TerminalError } from "../kube/errors.ts";
import type { Log } from "../kube/log.ts";
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
  planInstance,
  type Step,
} from "../sync/instance_plan.ts";
import { plannable, refusalOf } from "../sync/instance_refusal.ts";
import { copyStatus, runStep, type StepDeps, type View } from "../sync/instance_steps.ts";
import { compare } from "./digest.ts";
import { awaitedDeletion, type InstanceNews, type Trouble, trouble } from "./instance_news.ts";
import { type Ends, readKnown, readLive, readOne, type Side } from "./instance_view.ts";
import type { Repairs } from "./repairs.ts";

export interface InstanceDeps extends Omit<StepDeps, keyof Ends>, Ends {
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
  /** There is no such object any more, and nowhere for its counterpart to be. */
  forget(key: ObjectKey): void;
  /** A pass over this instance has ended. */
  passed(key: ObjectKey, providerKey: ObjectKey): void;
  /** See `SyncDefinition`. */
  onlyDeletions: boolean;
  news: InstanceNews;
  repairs: Repairs;
  log: Log;
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
    if (!consumer.store.get(key)) return deps.forget(key);
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
    case "awaitsProvider":
      outcome = await awaitProvider(deps, key, providerKey, signal);
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

/** Tells what the deletion waits for; its end is an event. */
async function awaitProvider(
  { news, ...deps }: InstanceDeps,
  key: ObjectKey,
  providerKey: ObjectKey,
  signal: AbortSignal,
): Promise<Outcome> {
  const provider = await readOne(deps.provider, providerKey, signal);
  if (provider) return news.waits(key, awaitedDeletion(provider));
}

async function settle(deps: InstanceDeps, known: View, signal: AbortSignal): Promise<Outcome> {
  let view = judge(deps, known);
  if (planFor(deps, view).some(isIrreversible)) view = judge(deps, await readLive(deps, view, signal));
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
  else if (step === "applySpec" && !provider) {
    news.good(key, hadCopy(consumer!) ? "SyncedAgain" : "Synced");
  } else if (step === "applySpec") {
    const field = differenceOf(consumer!, written!);
    const repair = repairOf(deps, view);
    repairs.wrote(...repair, field === undefined);
    if (repairs.pauseMs(...repair) > 0) news.disputed(key, field ?? differenceOf(consumer!, provider!));
  }
}

/** Only a copy brings a status; the finalizer alone may be from a pass in which the provider refused the copy. */
const hadCopy = (consumer: DynamicObject): boolean =>
  hasFinalizer(consumer, SYNC_FINALIZER) && consumer.status !== undefined;

/**
 * What of a view can be planned with.
 *
 * @throws {TerminalError} when the object can have no counterpart; its user is told why
 */
function judge({ mapping, news, provider: { api } }: InstanceDeps, view: View): View {
  const refusal = refusalOf(view, mapping);
  if (!refusal) return plannable(view, mapping);
  const what = `Cannot sync ${resourceName(api.resource)} "${formatKey(view.key)}" to the provider: ${refusal.why}`;
  news.refused(view.key, trouble("Spec", refusal.reason, what));
  throw new TerminalError(what);
}
