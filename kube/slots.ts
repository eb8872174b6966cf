export interface SlotsOptions {
  /** For all together. */
  most: number;
  mostEach: number;
}

/** How many of something there may be at the same time, in all and for each who has some. */
export class Slots {
  readonly #options: SlotsOptions;
  readonly #taken = new Map<string, number>();
  #count = 0;

  constructor(options: SlotsOptions) {
    this.#options = options;
  }

  /**
   * @param owner has no limit of its own when absent
   * @returns gives it back, which does no harm twice; undefined when none is left
   */
  take(owner?: string): (() => void) | undefined {
    const own = owner === undefined ? 0 : this.#taken.get(owner) ?? 0;
    if (this.#count >= this.#options.most || own >= this.#options.mostEach) return undefined;
    this.#add(owner, 1);
    let isTaken = true;
    return () => {
      if (isTaken) this.#add(owner, -1);
      isTaken = false;
    };
  }

  #add(owner: string | undefined, change: 1 | -1): void {
    this.#count += change;
    if (owner === undefined) return;
    const own = (this.#taken.get(owner) ?? 0) + change;
    if (own > 0) this.#taken.set(owner, own);
    else this.#taken.delete(owner);
  }
}
