import { type Checkpoint, type Obstacle, obstacle } from "../../crds/checkpoints.ts";
import { adviceOn, severityOf } from "../../crds/reasons.ts";
import type { ConditionState, Severity } from "../../kube/conditions.ts";
import { printable } from "../../printable.ts";

/** `OK`: nothing to do. `WAIT`: it goes on by itself. `FAIL`: somebody has to act. */
export type Verdict = "OK" | "WAIT" | "FAIL";

/** What a look at one thing found. */
export interface Finding {
  /** What was looked at: a checkpoint, or a condition of that kind. */
  checkpoint: string;
  verdict: Verdict;
  /** Word for machines; absent when all is well. */
  reason?: string;
  /** What is so, in one line. */
  what: string;
  /** What to do next, as a sentence without a full stop. */
  action?: string;
}

export const passed = (checkpoint: string, what: string): Finding => ({
  checkpoint,
  verdict: "OK",
  what: printable(what),
});

/** What stops an object at a checkpoint, with the advice that belongs to the reason. */
export function stopped<C extends Checkpoint>(checkpoint: C, reason: Obstacle<C>, what: string): Finding {
  const { severity, advice } = obstacle(checkpoint, reason);
  return { checkpoint, verdict: verdictOf(severity), reason, what: printable(what), action: advice };
}

/** What a condition of one of our kinds says, or would say, with the advice that belongs to its reason. */
export function ofCondition(kind: string, condition: ConditionState, checkpoint = condition.type): Finding {
  const { type, status, severity, reason = "", message = "" } = condition;
  if (status === "True") return passed(checkpoint, `${kind} says ${type}`);
  const action = adviceOn(kind, type, reason);
  const verdict = status === "False" ? verdictOf(severity ?? severityOf(kind, type, reason) ?? "Error") : "WAIT";
  // The message of our own konnector ends with the advice, which is shown apart.
  const what = action ? message.replace(`. ${action}.`, "") : message;
  return { checkpoint, verdict, reason, what: printable(what || `${type} is ${status}`), ...(action && { action }) };
}

const verdictOf = (severity: Severity): Verdict => severity === "Info" ? "WAIT" : "FAIL";

const RANK: Record<Verdict, number> = { FAIL: 0, WAIT: 1, OK: 2 };

/** For sorting: the worst first, otherwise in the order given. */
export const byVerdict = (a: { verdict: Verdict }, b: { verdict: Verdict }): number =>
  RANK[a.verdict] - RANK[b.verdict];

/** The worst of them, the first among equals; undefined when all are OK. */
export const worstOf = (findings: readonly Finding[]): Finding | undefined =>
  findings.filter(({ verdict }) => verdict !== "OK").toSorted(byVerdict)[0];
