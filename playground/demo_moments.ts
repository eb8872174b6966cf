import type { KubeClient } from "../kube/client.ts";
import { type Change, Informer } from "../kube/informer.ts";
import { deepEqual } from "../kube/json.ts";
import { silentLog } from "../kube/log.ts";
import { isDeleting, type ObjectKey } from "../kube/types.ts";
import { POSTGRESQL_INSTANCES, type PostgresqlInstance, readyCondition } from "./demo_api.ts";

export type Side = "consumer" | "provider";

/** Something that happened to an instance on one of the clusters, as their watches tell it. */
export interface Moment {
  side: Side;
  key: ObjectKey;
  what: "created" | "spec changed" | "status" | "being deleted" | "gone";
  /** How it looks afterwards; before, when it is gone. */
  instance: PostgresqlInstance;
  /** As `performance.now()`. */
  atMs: number;
}

/** What a person would call this change; undefined when only bookkeeping has changed. */
export function nameChange({ before, after }: Change<PostgresqlInstance>): Moment["what"] | undefined {
  if (!after) return "gone";
  if (!before || before.metadata.uid !== after.metadata.uid) return "created";
  if (isDeleting(after) && !isDeleting(before)) return "being deleted";
  if (!deepEqual(before.spec, after.spec)) return "spec changed";
  if (!deepEqual(before.status, after.status)) return "status";
  return undefined;
}

/** `created`, `status: Ready=True (Available)`. */
export function describeMoment({ what, instance }: Moment): string {
  if (what !== "status") return what;
  const ready = readyCondition(instance);
  if (!ready) return "status changed";
  return `status: Ready=${ready.status}${ready.reason ? ` (${ready.reason})` : ""}`;
}

/** Watches the instances of one cluster and tells what happens to them, until the signal fires. */
export async function watchMoments(
  client: KubeClient,
  side: Side,
  tell: (moment: Moment) => void,
  signal: AbortSignal,
): Promise<void> {
  const api = client.api<PostgresqlInstance>(POSTGRESQL_INSTANCES);
  const informer = new Informer(api, { log: silentLog });
  informer.subscribe((change) => {
    const what = nameChange(change);
    const instance = change.after ?? change.before;
    if (what && instance && change.fresh) tell({ side, key: change.key, what, instance, atMs: performance.now() });
  }, signal);
  await informer.watch({}, signal);
}

/** Everything that has happened, and what is still to come. */
export class Journal {
  readonly moments: Moment[] = [];
  readonly #waiting = new Set<() => void>();
  /** Called for every moment as it comes. */
  onMoment: (moment: Moment) => void = () => {};

  record(moment: Moment): void {
    this.moments.push(moment);
    this.onMoment(moment);
    for (const wake of [...this.#waiting]) wake();
  }

  /** The first moment that fits, past ones included; undefined when none comes in time. */
  async until(
    fits: (moment: Moment) => boolean,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Moment | undefined> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const { promise, resolve } = Promise.withResolvers<Moment | undefined>();
    const look = () => {
      const found = this.moments.find(fits);
      if (found || deadline.aborted) resolve(found);
    };
    this.#waiting.add(look);
    deadline.addEventListener("abort", look);
    look();
    try {
      return await promise;
    } finally {
      this.#waiting.delete(look);
      deadline.removeEventListener("abort", look);
      signal.throwIfAborted();
    }
  }
}
