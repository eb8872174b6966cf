import { type ConditionedKind, type ConditionType, fails, type Reason } from "../crds/reasons.ts";
import { type Condition, type ConditionState, setCondition, summarize } from "../kube/conditions.ts";
import { isConflict, isUnreachable, KubeError, messageOf } from "../kube/errors.ts";

/** What one pass over an object has to tell about it; what fails in one part must not hide what is known of another. */
export class ConditionReport<Kind extends ConditionedKind> {
  /** What has to be tried again; undefined when nothing failed. */
  failure: KubeError | undefined;
  readonly #kind: Kind;
  readonly #states: ConditionState[] = [];

  constructor(kind: Kind) {
    this.#kind = kind;
  }

  say(state: ConditionState | undefined): void {
    if (state) this.#states.push(state);
  }

  /**
   * Does one part of the work. What a cluster refuses becomes a condition; a conflict with another writer, or silence,
   * is thrown, as it tells nobody anything.
   */
  async attempt<T, Type extends ConditionType<Kind>>(
    type: Type,
    reason: Reason<Kind, Type>,
    action: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof KubeError) || isConflict(error) || isUnreachable(error)) throw error;
      this.failure ??= error;
      this.say(fails(this.#kind, type, reason, messageOf(error).replace(/\.$/, "")));
    }
  }

  /** The conditions of before with all that was said, and their summary. */
  over(conditions: readonly Condition[] | undefined, now: Date): Condition[] {
    return summarize(this.#states.reduce((all, state) => setCondition(all, state, now), [...conditions ?? []]), now);
  }
}
