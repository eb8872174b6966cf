import { SYNC_FINALIZER } from "../crds/names.ts";
import type { Api } from "../kube/client.ts";
import type { Outcome } from "../kube/controller.ts";
import { TerminalError } from "../kube/errors.ts";
import { applyOver } from "../kube/apply.ts";
import { addFinalizer, removeFinalizer } from "../kube/finalizer.ts";
import type { Log } from "../kube/log.ts";
import type { Store } from "../kube/store.ts";
import { type DynamicObject, formatKey, isDeleting, keyOf, type ObjectKey, resourceName } from "../kube/types.ts";
import {
  isIrreversible,
  isOrphan,
  OWNER,
  planInstance,
  type Sides,
  type Step,
  toConsumerObject,
  toProviderObject,
} from "../sync/instance_plan.ts";
import type { Mapping } from "../sync/mapping.ts";
import { type Digest, isSettled } from "./digest.ts";
import type { InHand } from "./in_hand.ts";

/** The longest name Kubernetes takes. */
const MAX_NAME_LENGTH = 253;

/** One cluster's end of a bound API. */
export interface Side {
  api: Api;
  store: Store<Digest>;
  /** Takes the answer to a write for the event that is to follow. */
  accept(object: DynamicObject): void;
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
  /** Whether the CRD keeps status apart from the rest of the object. */
  hasStatusSubresource(): boolean;
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
  const providerKey = deps.mapping.toProvider(key);
  if (!providerKey) {
    if (consumer.store.get(key)) await deps.requestNamespace(key.namespace!, signal);
    return;
  }
  const isAgreed = isSettled(consumer.store.get(key), provider.store.get(providerKey));
  if (isAgreed) deps.noteOrphan(key, false);
  else {
    await settle(deps, await readKnown(deps, key, providerKey, signal), signal);
  }
  consumer.inHand.drop(formatKey(key));
  provider.inHand.drop(formatKey(providerKey));
}

async function settle(deps: InstanceDeps, known: View, signal: AbortSignal): Promise<void> {
  let view = refuseForeign(deps, known);
  if (planInstance(view).some(isIrreversible)) view = refuseForeign(deps, await readLive(deps, view, signal));
  deps.noteOrphan(view.key, isOrphan(view));
  for (const step of planInstance(view)) {
    const { consumer, provider } = await runStep(deps, step, view, signal);
    if (consumer) deps.consumer.accept(consumer);
    if (provider) deps.provider.accept(provider);
    view = { ...view, ...(consumer && { consumer }), ...(provider && { provider }) };
    deps.log.info("instance step done", { step, key: view.key, providerKey: view.providerKey });
  }
}

/**
 * Takes an object on the provider that is not ours for none at all, where that harms nobody.
 *
 * @throws {TerminalError} when a living consumer object would need its name, or a name that cannot be one
 */
function refuseForeign({ mapping, provider: { api } }: InstanceDeps, view: View): View {
  const { key, providerKey, consumer, provider } = view;
  const isTaken = provider !== undefined && mapping.isForeign(provider);
  if (!consumer || isDeleting(consumer)) return isTaken ? { ...view, provider: undefined } : view;
  const what = `Cannot sync ${resourceName(api.resource)} "${formatKey(key)}" to the provider`;
  if (providerKey.name.length > MAX_NAME_LENGTH) {
    throw new TerminalError(
      `${what}: "${providerKey.name}" has more than ${MAX_NAME_LENGTH} characters; choose a shorter name`,
    );
  }
  if (isTaken) {
    throw new TerminalError(`${what}: "${formatKey(providerKey)}" belongs to somebody else there; choose another name`);
  }
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

/** @returns the side that was written, as it is now */
async function runStep(deps: InstanceDeps, step: Step, view: View, signal: AbortSignal): Promise<Sides> {
  const { consumer, provider } = deps;
  switch (step) {
    case "hold":
      return { consumer: await addFinalizer(consumer.api, view.consumer!, SYNC_FINALIZER, signal) };
    case "applySpec": {
      const { marks } = deps.mapping;
      const desired = toProviderObject(view.consumer!, view.providerKey, { provider: view.provider, marks });
      const how = { fieldManager: OWNER.name, predecessor: OWNER.predecessor, force: true };
      return { provider: await applyOver(provider.api, { current: view.provider, desired }, how, signal) };
    }
    case "copyStatus":
      return { consumer: await copyStatus(deps, view.consumer!, view.provider!, signal) };
    case "adopt":
      return { consumer: await consumer.api.create(toConsumerObject(view.provider!, view.key), signal) };
    case "deleteProvider": {
      const { uid } = view.provider!.metadata;
      await provider.api.delete(view.providerKey, { uid }, signal);
      return {};
    }
    case "release":
      await removeFinalizer(consumer.api, view.consumer!, SYNC_FINALIZER, signal);
      return {};
  }
}

/** The status is replaced as a whole; the test on the uid keeps it off a later namesake. */
function copyStatus(deps: InstanceDeps, consumer: DynamicObject, provider: DynamicObject, signal: AbortSignal) {
  const subresource = deps.hasStatusSubresource() ? "status" as const : undefined;
  return deps.consumer.api.jsonPatch(
    keyOf(consumer),
    [
      { op: "test", path: "/metadata/uid", value: consumer.metadata.uid },
      provider.status === undefined
        ? { op: "remove", path: "/status" }
        : { op: "add", path: "/status", value: provider.status },
    ],
    { subresource },
    signal,
  );
}
