/** In which state each of many things is, and how many are in each. */
export class Census {
  readonly #states = new Map<string, string>();

  /** @param state undefined for what is gone */
  report(id: string, state: string | undefined): void {
    if (state === undefined) this.#states.delete(id);
    else this.#states.set(id, state);
  }

  /** Somebody else counts from now on. */
  clear(): void {
    this.#states.clear();
  }

  /** As a gauge shows it. */
  get counts(): (readonly [labels: { state: string }, count: number])[] {
    const byState = Map.groupBy(this.#states.values(), (state) => state);
    return Array.from(byState, ([state, things]) => [{ state }, things.length]);
  }
}
