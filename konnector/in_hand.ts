import type { DynamicObject } from "../kube/types.ts";

/**
 * Whole objects between the event that brought them and the pass it causes, so that most passes need no read. Bounded:
 * in a large backlog the oldest are forgotten, and read again when their turn comes.
 */
export class InHand {
  readonly #limit: number;
  readonly #objects = new Map<string, DynamicObject>();

  /** @param limit number of objects */
  constructor(limit: number) {
    this.#limit = limit;
  }

  put(key: string, object: DynamicObject): void {
    this.#objects.delete(key);
    if (this.#objects.size >= this.#limit) this.#objects.delete(this.#objects.keys().next().value!);
    this.#objects.set(key, object);
  }

  /** The object, if it is that version of it. */
  get(key: string, resourceVersion: string | undefined): DynamicObject | undefined {
    const object = this.#objects.get(key);
    return object?.metadata.resourceVersion === resourceVersion ? object : undefined;
  }

  drop(key: string): void {
    this.#objects.delete(key);
  }
}
