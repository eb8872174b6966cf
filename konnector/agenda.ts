import type { Change, Informer } from "../kube/informer.ts";
import { WorkQueue } from "../kube/queue.ts";
import { type DynamicObject, formatKey, type ObjectKey } from "../kube/types.ts";
import { type Digest, isSettled } from "./digest.ts";
import { InHand } from "./in_hand.ts";
import type { Mapping } from "./mapping.ts";

/** Objects of one side kept whole while their key waits; at 10 KiB each, 20 MiB. */
const IN_HAND_LIMIT = 2_000;

type InstanceInformer = Informer<DynamicObject, Digest>;

/**
 * Which instances have to be looked at: one queue of consumer keys for the events of both clusters and of the namespace
 * mapping. A pair that agrees is never queued, so that a start with everything in order wakes nobody.
 */
export class Agenda {
  readonly queue = new WorkQueue();
  readonly inHand = { consumer: new InHand(IN_HAND_LIMIT), provider: new InHand(IN_HAND_LIMIT) };
  readonly #consumer: InstanceInformer;
  readonly #provider: InstanceInformer;
  readonly #mapping: Mapping;
  /** Before both sides are known, absence means nothing: objects are only kept at hand. */
  #isOpen = false;

  constructor(
    { consumer, provider, mapping }: { consumer: InstanceInformer; provider: InstanceInformer; mapping: Mapping },
    signal: AbortSignal,
  ) {
    this.#consumer = consumer;
    this.#provider = provider;
    this.#mapping = mapping;
    consumer.subscribe((change) => this.#consumerChanged(change), signal);
    provider.subscribe((change) => this.#providerChanged(change), signal);
  }

  /** Both stores are complete: compares all pairs, and from now on every change. */
  open(): void {
    this.#isOpen = true;
    for (const key of this.#consumer.store.keys()) this.#consider(key, this.#mapping.toProvider(key), false);
    for (const key of this.#provider.store.keys()) {
      const consumerKey = this.#mapping.toConsumer(key);
      if (consumerKey) this.#consider(consumerKey, key, false);
    }
  }

  /** A consumer namespace has got its counterpart, or lost it. */
  namespaceMapped(namespace: string): void {
    if (!this.#isOpen) return;
    for (const key of this.#consumer.store.keys()) {
      if (key.namespace === namespace) this.#consider(key, this.#mapping.toProvider(key), true);
    }
  }

  #consumerChanged({ key, object, fresh }: Change<Digest, DynamicObject>): void {
    if (object) this.inHand.consumer.put(formatKey(key), object);
    if (this.#isOpen) this.#consider(key, this.#mapping.toProvider(key), fresh);
  }

  #providerChanged({ key, object, fresh }: Change<Digest, DynamicObject>): void {
    const consumerKey = this.#isOpen && this.#mapping.toConsumer(key);
    if (!consumerKey) return;
    if (object) this.inHand.provider.put(formatKey(key), object);
    this.#consider(consumerKey, key, fresh);
  }

  #consider(key: ObjectKey, providerKey: ObjectKey | undefined, fresh: boolean): void {
    if (providerKey && isSettled(this.#consumer.store.get(key), this.#provider.store.get(providerKey))) {
      this.inHand.consumer.drop(formatKey(key));
      this.inHand.provider.drop(formatKey(providerKey));
    } else this.queue.add(formatKey(key), { priority: fresh ? "fresh" : "backlog" });
  }
}
