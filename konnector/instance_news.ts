import { type Checkpoint, type Obstacle, obstacle } from "../crds/checkpoints.ts";
import { type Clock, systemClock } from "../kube/clock.ts";
import type { Outcome } from "../kube/controller.ts";
import { KubeError, messageOf } from "../kube/errors.ts";
import type { EventDetails } from "../kube/event_series.ts";
import { type DynamicObject, formatKey, type ObjectKey } from "../kube/types.ts";
import type { Step } from "../sync/instance_plan.ts";

/** What stops an object, and where; `what` is a sentence without its full stop. */
export interface Trouble<C extends Checkpoint = Checkpoint> {
  checkpoint: C;
  reason: Obstacle<C>;
  what: string;
}

/** A trouble, its type checked. */
export const trouble = <C extends Checkpoint>(checkpoint: C, reason: Obstacle<C>, what: string): Trouble =>
  ({ checkpoint, reason, what }) as Trouble;

/** What an object waits for whose counterpart is being deleted. */
export function awaitedDeletion({ metadata: { namespace, name, finalizers = [] } }: DynamicObject): Trouble {
  const held = finalizers.length > 0 ? `, which is held by ${finalizers.join(", ")}` : "";
  const what = `Waits until the provider has deleted "${formatKey({ namespace, name })}"${held}`;
  return trouble("Deletion", "ProviderDeleting", what);
}

const GOOD_NEWS = {
  Synced: "The provider has its copy of this object",
  SyncedAgain: "The provider has a copy of this object again",
  Adopted: "Made for an object of the provider, and in sync with it",
  Recovered: "In sync with the provider again",
};

/** What takes less is not worth a word. */
const PATIENCE_MS = 5_000;
/** How often the same trouble is told again, which counts it up. */
const REPEAT_MS = 60_000;
/** How often it is told what an object waits for: API servers forget Events after an hour. */
const REMIND_MS = 30 * 60_000;

/** Tells the users of instances what happens to them, as Kubernetes Events with the reasons that `explain` gives. */
export class InstanceNews {
  readonly #tell: (key: ObjectKey, details: EventDetails) => void;
  readonly #clock: Clock;
  /** What stops which object, since when, and when that was told last. */
  readonly #troubles = new Map<string, { text: string; sinceMs: number; toldMs?: number }>();

  constructor(tell: (key: ObjectKey, details: EventDetails) => void, clock: Clock = systemClock) {
    this.#tell = tell;
    this.#clock = clock;
  }

  /** A step is done that users are glad to hear of. */
  good(key: ObjectKey, reason: keyof typeof GOOD_NEWS): void {
    this.#tell(key, { type: "Normal", reason, message: `${GOOD_NEWS[reason]}.` });
  }

  /** Somebody on the provider changes what the user has set; to be called for every time it is written again. */
  disputed(key: ObjectKey, field: string | undefined): void {
    const what = `Something on the provider changes ${field ?? "fields"} back whenever it is written`;
    this.#tell(key, eventOf(trouble("Spec", "SpecOverridden", what)));
  }

  /**
   * The object has to wait; told once it waits for long.
   *
   * @returns when to look again, so that it is told, and told again
   */
  waits(key: ObjectKey, trouble: Trouble): Outcome {
    return { requeueAfterMs: this.#note(key, trouble, PATIENCE_MS) || REMIND_MS };
  }

  /** The object cannot be brought over as it is. */
  refused(key: ObjectKey, trouble: Trouble): void {
    this.#note(key, trouble, 0);
  }

  /** A step was refused by a cluster; what may pass by itself is left to the log. */
  failed(key: ObjectKey, step: Step, error: unknown): void {
    const refusal = error instanceof KubeError ? refusalOf(step, error) : undefined;
    // Rights come a moment after a namespace.
    if (refusal) this.#note(key, refusal, refusal.checkpoint === "Rights" ? PATIENCE_MS : 0);
  }

  /** The pair agrees; that of an object that is being deleted is no good news. */
  settled(key: ObjectKey, isDeleting = false): void {
    const known = this.#troubles.get(formatKey(key));
    if (!known) return;
    this.#troubles.delete(formatKey(key));
    if (known.toldMs !== undefined && !isDeleting) this.good(key, "Recovered");
  }

  /** @returns milliseconds until it may be told */
  #note(key: ObjectKey, trouble: Trouble, patienceMs: number): number {
    const nowMs = this.#clock.monotonicMs();
    const details = eventOf(trouble);
    const before = this.#troubles.get(formatKey(key));
    const known = before?.text === details.message ? before : { text: details.message, sinceMs: nowMs };
    this.#troubles.set(formatKey(key), known);
    const leftMs = known.sinceMs + patienceMs - nowMs;
    if (leftMs > 0 || nowMs < (known.toldMs ?? -Infinity) + REPEAT_MS) return Math.max(0, leftMs);
    known.toldMs = nowMs;
    this.#tell(key, details);
    return 0;
  }
}

function eventOf({ checkpoint, reason, what }: Trouble): EventDetails {
  const { severity, advice } = obstacle(checkpoint, reason);
  return { type: severity === "Info" ? "Normal" : "Warning", reason, message: `${what}. ${advice}.` };
}

/** What the server does not like about the object itself; admission webhooks answer with a status of their choice. */
function refusalOf(step: Step, error: KubeError): Trouble | undefined {
  const isDenied = /admission webhook .* denied/.test(error.message);
  if (!isDenied && ![400, 403, 413, 422].includes(error.status)) return undefined;
  const what = messageOf(error);
  const lacksRights = !isDenied && /\bUser ".*" cannot \w+ resource\b/.test(error.message);
  switch (step) {
    case "applySpec":
    case "deleteProvider":
      if (lacksRights) return trouble("Rights", "ProviderRightsMissing", what);
      return step === "applySpec" ? trouble("Spec", "SpecRefused", what) : trouble("Deletion", "DeletionRefused", what);
    case "copyStatus":
      if (lacksRights) return trouble("Rights", "ConsumerRightsMissing", what);
      // A test in a patch that does not hold: the object is another one by now.
      return /error in our request/.test(error.message) ? undefined : trouble("Status", "StatusRefused", what);
    default:
      return lacksRights ? trouble("Rights", "ConsumerRightsMissing", what) : undefined;
  }
}
