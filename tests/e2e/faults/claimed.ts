import type { Api } from "../../../kube/api.ts";
import { systemClock } from "../../../kube/clock.ts";
import { deepEqual } from "../../../kube/json.ts";
import type { Secret } from "../../../kube/resources.ts";
import { within } from "../../clusters.ts";
import { ignoreApiErrors } from "./editors.ts";
import type { Random } from "./random.ts";

const PAUSE_MS = 100;

/** How many there are of each sort. */
const COUNT = 15;
const names = (start: string) => Array.from({ length: COUNT }, (_, index) => `${start}-${index}`);
const COPIED = names("copied");
/** Users have Secrets of their own under these. */
const TAKEN = names("taken");

/** Secrets that the provider makes for a claim while people on both sides interfere; half of them can't be copied. */
export class ClaimedSecrets {
  readonly #consumer: { api: Api<Secret>; namespace: string };
  readonly #provider: { api: Api<Secret>; namespace: string };
  readonly #random: Random;
  /** uid and version of users' own Secrets, by name. */
  readonly #own = new Map<string, string>();

  constructor(
    { consumer, provider, random }: {
      consumer: { api: Api<Secret>; namespace: string };
      provider: { api: Api<Secret>; namespace: string };
      random: Random;
    },
  ) {
    this.#consumer = consumer;
    this.#provider = provider;
    this.#random = random;
  }

  async createAll(signal: AbortSignal): Promise<void> {
    const { api, namespace } = this.#consumer;
    for (const name of TAKEN) {
      this.#own.set(name, identityOf(await api.create(secret({ namespace, name }, "the user's own"), signal)));
    }
    for (const name of [...COPIED, ...TAKEN]) await this.#make(name, signal);
  }

  /** The provider changes, deletes and makes them, users tamper with the copies, until the signal fires. */
  async work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#editOne().catch(ignoreApiErrors);
      await systemClock.sleep(PAUSE_MS, signal).catch(() => {});
    }
  }

  /** Where copies are not what the provider's Secrets are, a line each. */
  async findDifferences(): Promise<string[]> {
    const read = async ({ api, namespace }: { api: Api<Secret>; namespace: string }) => {
      const { items } = await api.list({ namespace }, within(10_000));
      return new Map(items.map(({ metadata: { name }, data }) => [name, data]));
    };
    const [consumer, provider] = await Promise.all([read(this.#consumer), read(this.#provider)]);
    return COPIED.filter((name) => !deepEqual(consumer.get(name), provider.get(name)))
      .map((name) => `Secret ${name}: the copy differs, or one of the two is missing`);
  }

  /** Users' own Secrets that somebody has written to or deleted, a line each. */
  async violations(): Promise<string[]> {
    const { api, namespace } = this.#consumer;
    const { items } = await api.list({ namespace }, within(10_000));
    const now = new Map(items.map((one) => [one.metadata.name, identityOf(one)]));
    return [...this.#own].filter(([name, identity]) => now.get(name) !== identity)
      .map(([name]) => `Secret ${name} is the user's own, and was touched`);
  }

  async #editOne(): Promise<void> {
    const signal = AbortSignal.timeout(5_000);
    const random = this.#random;
    const name = random.pick([...COPIED, ...TAKEN]);
    const dice = random.next();
    if (dice < 0.4) {
      const { api, namespace } = this.#provider;
      await api.mergePatch({ namespace, name }, dataOf(`${random.below(1000)}`), {}, signal);
    } else if (dice < 0.6) await this.#remove(name, signal);
    else if (dice < 0.8) await this.#make(name, signal);
    else {
      const { api, namespace } = this.#consumer;
      const copy = { namespace, name: random.pick(COPIED) };
      if (dice < 0.9) await api.mergePatch(copy, dataOf("tampered with"), {}, signal);
      else await api.delete(copy, {}, signal);
    }
  }

  async #remove(name: string, signal: AbortSignal): Promise<void> {
    const { api, namespace } = this.#provider;
    await api.delete({ namespace, name }, {}, signal);
  }

  async #make(name: string, signal: AbortSignal): Promise<void> {
    const { api, namespace } = this.#provider;
    await api.create(secret({ namespace, name }, `${this.#random.below(1000)}`), signal);
  }
}

const identityOf = ({ metadata: { uid, resourceVersion } }: Secret): string => `${uid} ${resourceVersion}`;
const dataOf = (value: string) => ({ data: { value: btoa(value) } });
const secret = (metadata: { namespace: string; name: string }, value: string): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata,
  ...dataOf(value),
});
