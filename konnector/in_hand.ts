import type { DynamicObject } from "../kube/types.ts";

/**
 * Whole objects between the event that brought them and the pass it causes, so that most passes need no read. Bounded:
 * of a large backlog it keeps those whose turn comes first; the others are read again.
 */
export class InHand {
  readonly #limit: number;
  readonly #objects = new Map<string, DynamicObject>();

  /** @param limit number of objects */
  constructor(limit: number) {
    this.#limit = limit;
  }

  put(key: string, object: DynamicObject): void {
    if (this.#objects.size < this.#limit || this.#objects.has(key)) this.#objects.set(key, object);
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
