import type { Api } from "../kube/api.ts";
import type { Store } from "../kube/store.ts";
import { type DynamicObject, formatKey, type ObjectKey } from "../kube/types.ts";
import type { View } from "../sync/instance_steps.ts";
import type { Digest } from "./digest.ts";
import type { InHand } from "./in_hand.ts";

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

/** Both clusters' ends. */
export interface Ends {
  consumer: Side;
  provider: Side;
}

/** The objects that the stores know of, from the event at hand or read again. */
export async function readKnown(
  deps: Ends & { isDeletionKnown(key: ObjectKey): boolean },
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

/** The same of one side alone. */
export async function readOne({ api, store, inHand }: Side, key: ObjectKey, signal: AbortSignal) {
  const digest = store.get(key);
  return digest && (inHand.get(formatKey(key), digest.resourceVersion) ?? await api.find(key, signal));
}

/** Both objects as they are now, whatever the stores say. */
export async function readLive({ consumer, provider }: Ends, view: View, signal: AbortSignal): Promise<View> {
  const [consumerObject, providerObject] = await Promise.all([
    consumer.api.find(view.key, signal),
    provider.api.find(view.providerKey, signal),
  ]);
  return { ...view, consumer: consumerObject, provider: providerObject };
}
