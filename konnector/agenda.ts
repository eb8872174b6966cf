import type { Change, Informer } from "../kube/informer.ts";
import { WorkQueue } from "../kube/queue.ts";
import { type DynamicObject, formatKey, type ObjectKey, parseKey } from "../kube/types.ts";
import type { Mapping } from "../sync/mapping.ts";
import { compare, type Digest } from "./digest.ts";
import { InHand } from "./in_hand.ts";

/** Objects of one side kept whole while their key waits; at 10 KiB each, 20 MiB. */
const IN_HAND_LIMIT = 2_000;

/** The cluster that news come from. */
export type Origin = "consumer" | "provider";

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
  /** Consumer keys whose deletion was seen; forgotten when they come back, or when nothing is left to do for them. */
  readonly #deleted = new Set<string>();
  /** Consumer keys whose provider object stands alone. */
  readonly #orphans = new Set<string>();
  readonly #isDeletionKnown: (key: ObjectKey) => boolean;
  readonly #onChange: () => void;
  readonly #onSettled: (key: ObjectKey) => void;
  /** Since when a key has news from that side which are to be brought to the other. */
  readonly #newsSince: Record<Origin, Map<string, number>> = { consumer: new Map(), provider: new Map() };
  /** Before both sides are known, absence means nothing: objects are only kept at hand. */
  #isOpen = false;

  constructor(
    { consumer, provider, mapping, isDeletionKnown, onChange, onSettled }: {
      consumer: InstanceInformer;
      provider: InstanceInformer;
      mapping: Mapping;
      /** Whether a consumer object, whose own deletion nobody saw, is to be taken for deleted all the same. */
      isDeletionKnown: (key: ObjectKey) => boolean;
      /** `orphans` has changed. */
      onChange: () => void;
      /** A pair agrees, as it may have done before. */
      onSettled: (key: ObjectKey) => void;
    },
    signal: AbortSignal,
  ) {
    this.#isDeletionKnown = isDeletionKnown;
    this.#onChange = onChange;
    this.#onSettled = onSettled;
    this.#consumer = consumer;
    this.#provider = provider;
    this.#mapping = mapping;
    consumer.subscribe((change) => this.#consumerChanged(change), signal);
    provider.subscribe((change) => this.#providerChanged(change), signal);
  }

  /** Both stores are complete, but for what cannot be listed: compares all pairs, and from now on every change. */
  open(): void {
    this.#isOpen = true;
    for (const key of this.#consumer.store.keys()) {
      this.#consider("consumer", key, this.#mapping.toProvider(key), false);
    }
    for (const providerKey of this.#provider.store.keys()) {
      const key = this.#mapping.toConsumer(providerKey);
      if (key) this.#considerProvider(key, providerKey, false);
    }
    this.#onChange();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** A consumer namespace has got its counterpart, or lost it, or nobody asks for one any more. */
  namespaceMapped(namespace: string): void {
    this.#considerWhere((key) => key.namespace === namespace);
  }

  /** All objects of a namespace on the provider, or of all namespaces, are known now. */
  providerListed(namespace: string | undefined): void {
    this.#considerWhere((_, providerKey) => !namespace || providerKey?.namespace === namespace);
    for (const text of this.#deleted) {
      const key = parseKey(text);
      const providerKey = this.#mapping.toProvider(key);
      if (this.#isSettled(key, providerKey)) this.#rest(key, providerKey);
    }
    if (this.#isOpen) this.#onChange();
  }

  /**
   * Consumer keys of provider objects whose consumer object is missing, without anybody having seen its deletion;
   * undefined as long as that is not known.
   */
  get orphans(): ReadonlySet<string> | undefined {
    const isKnown = this.#isOpen && (this.#orphans.size > 0 || this.#provider.isComplete);
    return isKnown ? this.#orphans : undefined;
  }

  /** Objects of the consumer, and those of them that agree with the provider's. */
  count(): { total: number; inSync: number } {
    let inSync = 0;
    for (const key of this.#consumer.store.keys()) {
      const providerKey = this.#mapping.toProvider(key);
      if (this.#isSettled(key, providerKey)) inSync++;
    }
    return { total: this.#consumer.store.size, inSync };
  }

  /** News from that side have been brought over; returns how long it took, if that is known. */
  delivered(origin: Origin, key: ObjectKey): number | undefined {
    const news = this.#newsSince[origin];
    const sinceMs = news.get(formatKey(key));
    news.delete(formatKey(key));
    return sinceMs === undefined ? undefined : performance.now() - sinceMs;
  }

  isDeletionKnown(key: ObjectKey): boolean {
    return this.#deleted.has(formatKey(key)) || this.#isDeletionKnown(key);
  }

  noteOrphan(key: ObjectKey, isOrphan: boolean): void {
    const text = formatKey(key);
    if (this.#orphans.has(text) === isOrphan) return;
    if (isOrphan) this.#orphans.add(text);
    else this.#orphans.delete(text);
    this.#onChange();
  }

  /** Looks at the orphans again. */
  reviewOrphans(): void {
    for (const text of this.#orphans) this.queue.add(text, { priority: "backlog" });
  }

  #consumerChanged({ key, object, after, fresh }: Change<Digest, DynamicObject>): void {
    const providerKey = this.#mapping.toProvider(key);
    if (object && !this.#isSettled(key, providerKey)) this.inHand.consumer.put(formatKey(key), object);
    if (after) this.#deleted.delete(formatKey(key));
    else if (fresh) this.#deleted.add(formatKey(key));
    if (this.#isOpen) this.#consider("consumer", key, providerKey, fresh);
  }

  #providerChanged({ key, object, fresh }: Change<Digest, DynamicObject>): void {
    const consumerKey = this.#isOpen && this.#mapping.toConsumer(key);
    if (!consumerKey) return;
    if (object) this.inHand.provider.put(formatKey(key), object);
    this.#consider("provider", consumerKey, key, fresh);
  }

  /** A pass over this instance has ended. */
  passed(key: ObjectKey, providerKey: ObjectKey): void {
    this.#dropInHand(key, providerKey);
    if (this.#isSettled(key, providerKey)) this.#rest(key, providerKey);
  }

  /** There is no such object, and nowhere for its counterpart to be. */
  forget(key: ObjectKey): void {
    this.inHand.consumer.drop(formatKey(key));
    this.#deleted.delete(formatKey(key));
    this.#letRest(key);
  }

  #considerWhere(matches: (key: ObjectKey, providerKey: ObjectKey | undefined) => boolean): void {
    if (!this.#isOpen) return;
    for (const key of this.#consumer.store.keys()) {
      const providerKey = this.#mapping.toProvider(key);
      if (matches(key, providerKey)) this.#consider("consumer", key, providerKey, true);
    }
    for (const providerKey of this.#provider.store.keys()) {
      const key = this.#mapping.toConsumer(providerKey);
      if (!key || this.#consumer.store.get(key)) continue;
      if (matches(key, providerKey)) this.#considerProvider(key, providerKey, true);
    }
  }

  #considerProvider(key: ObjectKey, providerKey: ObjectKey, fresh: boolean): void {
    if (!this.#consumer.store.get(key)) {
      const { isOurs, isForeign, isDeleting } = this.#provider.store.get(providerKey)!;
      this.noteOrphan(key, isOurs && !isForeign && !isDeleting && !this.isDeletionKnown(key));
    }
    this.#consider("provider", key, providerKey, fresh);
  }

  #consider(origin: Origin, key: ObjectKey, providerKey: ObjectKey | undefined, fresh: boolean): void {
    const text = formatKey(key);
    if (!this.#isSettled(key, providerKey)) {
      const news = this.#newsSince[origin];
      if (!news.has(text)) news.set(text, performance.now());
      this.queue.add(text, { priority: fresh ? "fresh" : "backlog" });
    } else if (!this.queue.isTaken(text)) { // a pass under way may be about to write
      this.#dropInHand(key, providerKey);
      this.#rest(key, providerKey);
    }
  }

  #isSettled(key: ObjectKey, providerKey: ObjectKey | undefined): providerKey is ObjectKey {
    return !!providerKey && compare(this.#consumer.store.get(key), this.#provider.store.get(providerKey)) === "settled";
  }

  #rest(key: ObjectKey, providerKey: ObjectKey): void {
    const isGone = this.#provider.isListed(providerKey.namespace) && !this.#provider.store.get(providerKey);
    if (isGone) this.#deleted.delete(formatKey(key));
    this.#letRest(key);
  }

  #letRest(key: ObjectKey): void {
    this.#newsSince.consumer.delete(formatKey(key));
    this.#newsSince.provider.delete(formatKey(key));
    this.noteOrphan(key, false);
    this.#onSettled(key);
  }

  #dropInHand(key: ObjectKey, providerKey: ObjectKey): void {
    this.inHand.consumer.drop(formatKey(key));
    this.inHand.provider.drop(formatKey(providerKey));
  }
}
