import { systemClock } from "../kube/clock.ts";

/** A watch that breaks is opened again in a moment, mostly: only trouble at two looks in a row is told about. */
const LOOK_EVERY_MS = 5_000;

/** Whether a cluster answers. */
export interface Reach {
  /** Why it does not; undefined when it does. */
  readonly trouble?: string;
}

/** What stands on a cluster's answers, an informer for example. */
interface Watched extends Reach {
  readonly isSynced: boolean;
}

/** Whether a cluster answers, by the watches on it. */
export class Reachability implements Reach {
  readonly #watched: readonly Watched[];
  #lasting: string | undefined;

  constructor(...watched: Watched[]) {
    this.#watched = watched;
  }

  /** Whether all of it has been listed. */
  get isSynced(): boolean {
    return this.#watched.every(({ isSynced }) => isSynced);
  }

  /** Why the cluster does not answer: told at once in the beginning, later only when it lasts. */
  get trouble(): string | undefined {
    return this.isSynced ? this.#lasting : this.#present;
  }

  /** Tells when trouble begins to last, and when it is over, until the signal fires. */
  async follow(onChange: () => void, signal: AbortSignal): Promise<void> {
    let before: string | undefined;
    while (true) {
      await systemClock.sleep(LOOK_EVERY_MS, signal);
      const present = this.#present;
      const lasting = before && present;
      before = present;
      if (!this.#lasting === !lasting) continue;
      this.#lasting = lasting;
      onChange();
    }
  }

  get #present(): string | undefined {
    return this.#watched.find(({ trouble }) => trouble !== undefined)?.trouble;
  }
}
