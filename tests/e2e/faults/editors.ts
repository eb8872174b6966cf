import type { Api } from "../../../kube/api.ts";
import { systemClock } from "../../../kube/clock.ts";
import { KubeError } from "../../../kube/errors.ts";
import { formatKey, type ObjectKey } from "../../../kube/types.ts";
import { mangoDb } from "../../mangodb.ts";
import { GROUP, type Kind, onProvider } from "./kind.ts";
import type { Random } from "./random.ts";

/** What one key should come to: its last request that certainly arrived; undefined when that is not certain. */
export type Intent = "there" | "gone" | undefined;

interface Place {
  kind: Kind;
  key: ObjectKey;
}

const TIERS = ["Shared", "Dedicated"];
const PHASES = ["Pending", "Running", "Failed", "Unknown"];
const PAUSE_MS = 60;

/** An operator's finalizer, and how long the work takes that it stands for. */
const HOLD = "example.com/operator";
const DELETION_MS = 5_000;

/** Users on the consumer and operators on the provider, who change objects at random. */
export class Editors {
  readonly intents = new Map<string, Intent>();
  /** Objects (uids) on the provider that an operator has deleted, or may have deleted. */
  readonly deletedByOperators = new Set<string>();
  readonly #places: readonly Place[];
  readonly #random: Random;

  constructor(places: readonly Place[], random: Random) {
    this.#places = places;
    this.#random = random;
  }

  /** Creates everything there is a place for. */
  async createAll(signal: AbortSignal): Promise<void> {
    await this.#share(8, async (places) => {
      for (const place of places) await this.#create(place, signal);
    });
  }

  /** Several editors at work until the signal fires, each on objects of its own; API servers may fail meanwhile. */
  async work(signal: AbortSignal): Promise<void> {
    await this.#share(4, async (places) => {
      while (!signal.aborted) {
        await this.#editOne(this.#random.pick(places)).catch(ignoreApiErrors);
        await systemClock.sleep(PAUSE_MS, signal).catch(() => {});
      }
    });
  }

  /** What operators hold, they let go some time after its deletion has begun; until the signal fires. */
  async finishDeletions(signal: AbortSignal): Promise<void> {
    const kinds = new Set(this.#places.map(({ kind }) => kind));
    while (!signal.aborted) {
      for (const { provider } of kinds) await finishDeletions(provider).catch(ignoreApiErrors);
      await systemClock.sleep(1_000, signal).catch(() => {});
    }
  }

  async #share(count: number, action: (places: readonly Place[]) => Promise<void>): Promise<void> {
    await Promise.all(
      Array.from({ length: count }, (_, share) => action(this.#places.filter((_, index) => index % count === share))),
    );
  }

  async #editOne(place: Place): Promise<void> {
    const { kind, key } = place;
    const signal = AbortSignal.timeout(5_000);
    const random = this.#random;
    const dice = random.next();
    if (dice < 0.15) return await this.#create(place, signal);
    if (dice < 0.3) return await this.#delete(place, signal);
    if (dice < 0.35) {
      await kind.provider.mergePatch(onProvider(kind, key), { metadata: { finalizers: [HOLD] } }, {}, signal);
    } else if (dice < 0.5) {
      const spec = { tier: random.pick(TIERS), users: [{ name: `user-${random.below(100)}` }] };
      await kind.consumer.mergePatch(key, { spec }, {}, signal);
    } else if (dice < 0.6) {
      await kind.consumer.mergePatch(key, { spec: { users: null } }, {}, signal);
    } else if (dice < 0.8) {
      const status = { phase: random.pick(PHASES), endpoint: `${random.below(1000)}` };
      await kind.provider.mergePatch(onProvider(kind, key), { status }, { subresource: "status" }, signal);
    } else if (dice < 0.9) {
      await kind.provider.mergePatch(onProvider(kind, key), { spec: { tier: random.pick(TIERS) } }, {}, signal);
    } else if (dice < 0.96) {
      const spec = { resourceRef: { name: `ref-${random.below(100)}` } };
      await kind.provider.mergePatch(onProvider(kind, key), { spec }, {}, signal);
    } else {
      const { metadata: { uid } } = await kind.provider.get(onProvider(kind, key), signal);
      this.deletedByOperators.add(uid!);
      await kind.provider.delete(onProvider(kind, key), { uid }, signal);
    }
  }

  async #create({ kind, key }: Place, signal: AbortSignal): Promise<void> {
    const { namespace, name } = key;
    await this.#intend({ kind, key }, "there", async () => {
      await kind.consumer.create(mangoDb(GROUP, { namespace: namespace!, name }, {}, kind.name), signal);
    });
  }

  async #delete({ kind, key }: Place, signal: AbortSignal): Promise<void> {
    await this.#intend({ kind, key }, "gone", () => kind.consumer.delete(key, {}, signal));
  }

  async #intend({ kind, key }: Place, intent: Intent, action: () => Promise<void>): Promise<void> {
    const text = placeName(kind, key);
    try {
      await action();
      this.intents.set(text, intent);
    } catch (error) {
      if (!(error instanceof KubeError)) this.intents.set(text, undefined);
      else if (error.status === 0 || error.status >= 500) this.intents.set(text, undefined);
      throw error;
    }
  }
}

async function finishDeletions(api: Api): Promise<void> {
  const { items } = await api.list({}, AbortSignal.timeout(5_000));
  for (const { metadata } of items) {
    const { deletionTimestamp, finalizers } = metadata;
    if (!deletionTimestamp || !finalizers || Date.now() - Date.parse(deletionTimestamp) < DELETION_MS) continue;
    await api.mergePatch(metadata, { metadata: { finalizers: null } }, {}, AbortSignal.timeout(5_000));
  }
}

/** `MangoDB default/db` */
export const placeName = ({ name }: Kind, key: ObjectKey): string => `${name} ${formatKey(key)}`;

/** API servers may fail, and objects may be gone, or there already. */
export function ignoreApiErrors(error: unknown): void {
  const isTimeout = error instanceof DOMException && error.name === "TimeoutError";
  if (!(error instanceof KubeError) && !isTimeout) throw error;
}
