import type { Recorder } from "../kube/recorder.ts";
import { redactText } from "../kube/redact.ts";
import { type DynamicObject, formatKey, type ObjectKey } from "../kube/types.ts";
import type { Owner } from "../sync/claim_rules.ts";

/** Why a claim has no effect, or not on all objects. */
export interface ClaimTrouble {
  reason: "ClaimConflict" | "ClaimedKindNotServed" | "ClaimSyncFailed" | "UnsupportedClaimFeature";
  message: string;
}

export interface ClaimNewsDeps {
  /** Name of the claimed kind, e.g. `secrets`. */
  kind: string;
  owner: Owner;
  /** For Events on the app cluster. */
  recorder: Recorder;
  /** There is something else to tell. */
  onChange: () => void;
}

/** What there is to tell about single objects of one claimed kind. All keys are the consumer's. */
export class ClaimNews {
  readonly #deps: ClaimNewsDeps;
  readonly #conflicts = new Set<string>();
  readonly #orphans = new Set<string>();
  readonly #errors = new Map<string, string>();

  constructor(deps: ClaimNewsDeps) {
    this.#deps = deps;
  }

  /** Keys that there is something to tell about. */
  get keys(): Set<string> {
    return this.#conflicts.union(this.#orphans).union(new Set(this.#errors.keys()));
  }

  /** Copies on the provider whose source is missing although nobody saw it deleted, e.g. `secrets default/login`. */
  get orphans(): string[] {
    return Array.from(this.#orphans, (key) => `${this.#deps.kind} ${key}`);
  }

  /** @param consumerObject the one that is in the way, or whose copy cannot be made; absent when the way is free */
  conflict(key: ObjectKey, consumerObject?: DynamicObject): void {
    if (!this.#note(this.#conflicts, key, consumerObject !== undefined) || !consumerObject) return;
    const message = this.#deps.owner === "Provider"
      ? "The provider has an object of this name for this cluster. This one is no copy of it, so it is left alone; " +
        "rename or delete it if nobody needs it"
      : "Not copied to the provider as claimed: an object of this name is there already, and is no copy of this one; " +
        "rename this one, or ask whoever runs the provider to delete theirs";
    this.#deps.recorder.event(consumerObject, { type: "Warning", reason: "ClaimConflict", message });
  }

  orphan(key: ObjectKey, isOrphan: boolean): void {
    this.#note(this.#orphans, key, isOrphan);
  }

  /** @param message absent when the last pass has gone well */
  error(key: ObjectKey, message?: string): void {
    const text = formatKey(key);
    if (this.#errors.get(text) === message) return;
    if (message === undefined) this.#errors.delete(text);
    else this.#errors.set(text, message);
    this.#deps.onChange();
  }

  /** There is nothing wrong with it any more. */
  settled(key: ObjectKey): void {
    this.conflict(key);
    this.orphan(key, false);
    this.error(key);
  }

  /** @param claimed keys to look at; all when absent */
  conflictAmong(claimed: ReadonlySet<string> | undefined): ClaimTrouble | undefined {
    const [first, ...others] = [...this.#conflicts].filter((key) => !claimed || claimed.has(key));
    if (first === undefined) return undefined;
    const { kind, owner } = this.#deps;
    const side = owner === "Provider" ? "this cluster" : "the provider";
    const more = others.length > 0 ? `, and ${others.length} more,` : "";
    return { reason: "ClaimConflict", message: `${kind} "${first}"${more} exists on ${side} without being a copy` };
  }

  errorAmong(claimed: ReadonlySet<string> | undefined): ClaimTrouble | undefined {
    const failed = [...this.#errors].find(([key]) => !claimed || claimed.has(key));
    return failed && { reason: "ClaimSyncFailed", message: redactText(failed[1]) };
  }

  #note(keys: Set<string>, key: ObjectKey, isIn: boolean): boolean {
    const text = formatKey(key);
    if (keys.has(text) === isIn) return false;
    if (isIn) keys.add(text);
    else keys.delete(text);
    this.#deps.onChange();
    return true;
  }
}
