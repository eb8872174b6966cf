import { formatKey, type ObjectKey } from "../../kube/types.ts";
import { type Finding, type Verdict, worstOf } from "../diagnosis/finding.ts";
import { formatFindings } from "../diagnosis/text.ts";
import { printable } from "../../printable.ts";
import type { Style } from "../style.ts";
import type { RecentEvent } from "./events.ts";

/** What `explain` says; `-o json` prints it as it is. */
export interface Explanation {
  object: ObjectKey & { kind: string };
  /** The worst of the findings. */
  verdict: Verdict;
  /** In the order of the object's way: of several that fail, the first is the cause. */
  findings: Finding[];
  events: RecentEvent[];
}

/** A line per checkpoint, what to do below those that are not OK, Events, and at the end the answer in one sentence. */
export function formatExplanation({ object, findings, events }: Explanation, style: Style): string {
  const lines = [formatFindings(findings, style)];
  if (events.length > 0) {
    lines.push("Events:");
    for (const { age, type, reason, message, count } of events) {
      lines.push(`  ${age.padEnd(5)} ${type} ${reason}${count > 1 ? ` ×${count}` : ""}: ${message}`);
    }
  }
  return `${lines.join("\n")}\n${answer(object, worstOf(findings), style)}\n`;
}

function answer({ kind, ...key }: Explanation["object"], worst: Finding | undefined, style: Style): string {
  const subject = style.strong(`${kind} "${printable(formatKey(key), 300)}"`);
  if (!worst) return `${subject} is in sync: all checkpoints are passed.`;
  const state = worst.verdict === "FAIL" ? "is stopped at" : "waits at";
  return `${subject} ${state} ${worst.checkpoint}: ${worst.reason}. ${worst.action ?? ""}${worst.action ? "." : ""}`;
}
