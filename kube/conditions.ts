import { formatTime } from "./time.ts";

/** One aspect of an object's state. Klutch's kinds carry a `severity`, Kubernetes' own do not; both work here. */
export interface Condition {
  type: string;
  status: "True" | "False" | "Unknown";
  /** Set only while `status` is `False`. */
  severity?: Severity;
  reason?: string;
  message?: string;
  /** `2026-01-01T00:00:00Z`: when one of the fields above last changed, and not `status` alone. */
  lastTransitionTime: string;
}

export type Severity = "Error" | "Warning" | "Info";

/** What a writer says; the time is `setCondition`'s business, except for a condition copied from elsewhere. */
export type ConditionState = Omit<Condition, "lastTransitionTime"> & { lastTransitionTime?: string };

/** The summary of all other conditions. */
export const READY = "Ready";

export const conditionTrue = (type: string): ConditionState => ({ type, status: "True" });

export const conditionFalse = (type: string, reason: string, severity: Severity, message: string): ConditionState => ({
  type,
  status: "False",
  severity,
  reason,
  message,
});

export const findCondition = <C extends ConditionState>(conditions: readonly C[] | undefined, type: string) =>
  conditions?.find((condition) => condition.type === type);

export const isTrue = (conditions: readonly ConditionState[] | undefined, type: string): boolean =>
  findCondition(conditions, type)?.status === "True";

/**
 * The list with this condition instead of the one of the same type, sorted: `Ready` first, the others by type. The time
 * is `now` if status, severity, reason or message differ from before, and stays otherwise; a condition that was not
 * there may bring its own.
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  { lastTransitionTime, ...state }: ConditionState,
  now: Date,
): Condition[] {
  const others = conditions?.filter(({ type }) => type !== state.type) ?? [];
  const before = findCondition(conditions, state.type);
  const time = before ? isSameState(before, state) && before.lastTransitionTime : lastTransitionTime;
  return [...others, { ...state, lastTransitionTime: time || formatTime(now) }].sort(byType);
}

/**
 * The list with `Ready` brought up to date: the worst of all others decides, in the order of `PRIORITY`, and among
 * equally bad ones the first by type. Without any others `Ready` stays what it is.
 */
export function summarize(conditions: readonly Condition[] | undefined, now: Date): Condition[] {
  const [worst] = (conditions ?? []).filter(({ type }) => type !== READY)
    .sort((a, b) => priorityOf(a) - priorityOf(b) || byType(a, b));
  if (!worst) return [...conditions ?? []];
  if (worst.status === "True") return setCondition(conditions, conditionTrue(READY), now);
  const { status, severity, reason, message } = worst;
  const ready: ConditionState = { type: READY, status };
  if (severity && status === "False") ready.severity = severity;
  if (reason) ready.reason = reason;
  if (message) ready.message = message;
  return setCondition(conditions, ready, now);
}

/** Whether both lists say the same, whatever their order and times: if so, there is nothing to write. */
export function sameConditions(
  a: readonly ConditionState[] | undefined = [],
  b: readonly ConditionState[] | undefined = [],
): boolean {
  return a.length === b.length && a.every((condition) => {
    const other = findCondition(b, condition.type);
    return other !== undefined && isSameState(condition, other);
  });
}

// A `False` without severity comes from the kinds that have none: there it is always bad.
const PRIORITY = ["False/Error", "False/", "False/Warning", "False/Info", "True", "Unknown"];

function priorityOf({ status, severity }: Condition): number {
  const index = PRIORITY.indexOf(status === "False" ? `False/${severity ?? ""}` : status);
  return index < 0 ? PRIORITY.length : index;
}

/** An absent field and an empty one are the same: Go writes either. */
const isSameState = (a: ConditionState, b: ConditionState): boolean =>
  a.status === b.status &&
  (a.severity ?? "") === (b.severity ?? "") &&
  (a.reason ?? "") === (b.reason ?? "") &&
  (a.message ?? "") === (b.message ?? "");

function byType({ type: a }: ConditionState, { type: b }: ConditionState): number {
  if (a === b) return 0;
  if (a === READY || b === READY) return a === READY ? -1 : 1;
  return a < b ? -1 : 1;
}
