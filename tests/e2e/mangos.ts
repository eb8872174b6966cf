import { API_SERVICE_NAMESPACE_ANNOTATION } from "../../crds/names.ts";
import type { Api } from "../../kube/api.ts";
import { NAMESPACES } from "../../kube/resources.ts";
import { annotationOf, type DynamicObject, formatKey, isDeleting } from "../../kube/types.ts";
import { eventually, within } from "../clusters.ts";
import { mangoDb, mangoDbResource } from "../mangodb.ts";
import type { Story } from "./harness.ts";

type Side = "provider" | "consumer";
/** On the consumer, whatever side is spoken of. */
type Key = { namespace: string; name: string };

export const DEFAULT: Key = { namespace: "default", name: "test" };

/** The objects of one bound API, as people on both sides see and change them. */
export class Mangos {
  readonly consumer: Api;
  readonly provider: Api;
  readonly #group: string;
  readonly #story: Story;

  constructor(story: Story, group: string, version = "v1alpha1") {
    this.#story = story;
    this.#group = group;
    const resource = { ...mangoDbResource(group), version };
    this.consumer = story.consumer.client.api(resource);
    this.provider = story.provider.client.api(resource);
  }

  /** A user creates one on the consumer. */
  async create(key: Key = DEFAULT, spec?: Record<string, unknown>): Promise<DynamicObject> {
    return await this.consumer.create(mangoDb(this.#group, key, spec), within(30_000)); // with many at once
  }

  /** Somebody changes it with a merge patch; the provider's by its key on the consumer. */
  async patch(side: Side, patch: object, key: Key = DEFAULT, subresource?: "status"): Promise<DynamicObject> {
    return await this[side].mergePatch(await this.#keyOn(side, key), patch, { subresource }, within(5_000));
  }

  /** The provider's operator writes the status. */
  async report(status: object, key: Key = DEFAULT): Promise<void> {
    await this.patch("provider", { status }, key, "status");
  }

  async delete(side: Side, key: Key = DEFAULT): Promise<void> {
    await this[side].delete(await this.#keyOn(side, key), {}, within(30_000));
  }

  /** The object as it is now; undefined when there is none. */
  async find(side: Side, key: Key = DEFAULT): Promise<DynamicObject | undefined> {
    return await this[side].find(await this.#keyOn(side, key), within(5_000));
  }

  /** Waits until the object is as it should be. */
  async until(
    side: Side,
    what: string,
    isReached: (object: DynamicObject) => boolean = () => true,
    { key = DEFAULT, timeoutMs }: { key?: Key; timeoutMs?: number } = {},
  ): Promise<DynamicObject> {
    let last: DynamicObject | undefined;
    const goal = `${formatKey(key)} on the ${side} ${what}`;
    try {
      return await eventually(goal, async () => {
        last = await this.find(side, key);
        return last && isReached(last) ? last : undefined;
      }, { timeoutMs });
    } catch (error) {
      throw new Error(`${(error as Error).message}; last seen: ${JSON.stringify(last, null, 2)}`, { cause: error });
    }
  }

  /** Waits until the object is gone. */
  async untilGone(side: Side, key: Key = DEFAULT, timeoutMs?: number): Promise<void> {
    await eventually(`${formatKey(key)} on the ${side} is gone`, async () => !await this.find(side, key), {
      timeoutMs,
    });
  }

  /** All of them on one side. */
  async list(side: Side): Promise<DynamicObject[]> {
    return (await this[side].list({}, within(5_000))).items;
  }

  /** The provider's namespace for one of the consumer. */
  async mappedNamespace(namespace: string): Promise<string> {
    return await eventually(`namespace ${namespace} is mapped`, async () => {
      const { items } = await this.#story.provider.client.api(NAMESPACES).list({}, within(5_000));
      const mapped = items.find((one) =>
        !isDeleting(one) && annotationOf(one, API_SERVICE_NAMESPACE_ANNOTATION)?.split("/")[1] === namespace
      );
      return mapped?.metadata.name;
    });
  }

  async #keyOn(side: Side, { namespace, name }: Key): Promise<Key> {
    return { namespace: side === "consumer" ? namespace : await this.mappedNamespace(namespace), name };
  }
}
