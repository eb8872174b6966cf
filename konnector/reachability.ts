import type { KubeClient } from "../kube/client.ts";
import { type Clock, systemClock } from "../kube/clock.ts";
import { Deadline } from "../kube/deadline.ts";
import { messageOf } from "../kube/errors.ts";

/** A watch that breaks is opened again in a moment, mostly: only trouble at two looks in a row is trouble. */
const LOOK_EVERY_MS = 5_000;
const ASK_EVERY_MS = 15_000;
const ANSWER_WITHIN_MS = 5_000;

/** Whether a cluster answers, as seen by what stands on its answers, an informer for example. */
export interface Reach {
  /** Why it does not; undefined when it does. */
  readonly trouble?: string;
  /** Whether it has answered with all that was asked for at first. */
  readonly isSynced: boolean;
}

/** Asks a cluster for next to nothing: a watch that stands does not tell that its credentials are refused by now. */
export class Probe implements Reach {
  readonly isSynced = true;
  trouble: string | undefined;

  /** Asks until the signal fires. */
  async run(client: KubeClient, signal: AbortSignal): Promise<void> {
    while (true) {
      await systemClock.sleep(ASK_EVERY_MS, signal);
      try {
        using deadline = new Deadline(ANSWER_WITHIN_MS, signal);
        await client.request("GET", "/version", {}, deadline.signal);
        this.trouble = undefined;
      } catch (error) {
        if (signal.aborted) throw error;
        this.trouble = messageOf(error);
      }
    }
  }
}

/** Whether a cluster answers, by the watches on it and by a `Probe`. */
export class Reachability implements Reach {
  readonly #watched: readonly Reach[];
  readonly #clock: Clock;
  #trouble: string | undefined;

  constructor(watched: readonly Reach[], clock: Clock = systemClock) {
    this.#watched = watched;
    this.#clock = clock;
  }

  /** Whether all of it has been listed. */
  get isSynced(): boolean {
    return this.#watched.every(({ isSynced }) => isSynced);
  }

  /** Why the cluster does not answer, once that lasts. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Tells whenever `trouble` says something else, until the signal fires. */
  async follow(onChange: () => void, signal: AbortSignal): Promise<void> {
    let before: string | undefined;
    while (true) {
      await this.#clock.sleep(LOOK_EVERY_MS, signal);
      const present = this.#watched.find(({ trouble }) => trouble !== undefined)?.trouble;
      const lasting = before && present;
      before = present;
      if (lasting === this.#trouble) continue;
      this.#trouble = lasting;
      onChange();
    }
  }
}
