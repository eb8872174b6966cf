import { counted } from "../../kube/plural.ts";
import type { Style } from "../style.ts";
import type { UnbindPlan } from "./plan.ts";
import type { Receipt } from "./receipt.ts";

const SHOWN = 10;

/** What there is, name by name, and what becomes of it. */
export function formatPlan(
  { binding, mode, objects, copies, unknown, claimedCopies, held, crd, rights, consequences, obstacle }: UnbindPlan,
  style: Style,
) {
  const list = (title: string, names: readonly string[] | undefined) =>
    names === undefined
      ? [`${title}: not known (${unknown?.reason})`]
      : [`${title}: ${names.length || "none"}`, ...shortened(names).map((name) => `  ${name}`)];
  return [
    style.strong(`Unbind ${binding}, mode ${mode}`),
    ...list("Objects here", objects),
    ...list("Objects on the provider", copies),
    ...list("Claimed objects copied to here", claimedCopies),
    `Held by our finalizer: ${held || "none"}`,
    `CRD of the binding: ${crd ?? "none"}`,
    ...(rights ? list("Rights of the konnector that go", rights) : []),
    "",
    style.strong("What follows:"),
    ...consequences.map((line) => `  ${line}.`),
    ...(obstacle ? ["", `${style.verdict("FAIL")}  ${obstacle}.`] : []),
    "",
  ].join("\n");
}

/** What was done and what is left; after `force` with all names, as nobody else will remember them. */
export function formatReceipt({ binding, mode, unboundAt, left, copies, isAsPlanned }: Receipt): string {
  const there = left.copies ?? (copies ? `not known now, ${copies.length} before` : "not known");
  return [
    `Unbound ${binding}, mode ${mode}, ${unboundAt}`,
    `Left here: ${counted(left.objects, "object")}${left.crd ? " and the CRD" : ""}; on the provider: ${there}`,
    ...(mode === "force" ? (copies ?? []).map((name) => `  ${name}`) : []),
    ...(left.rights ? [`The konnector still has ${counted(left.rights, "right")} that it does not need`] : []),
    ...(isAsPlanned ? [] : ["That is not what the plan said; somebody may have worked on it at the same time"]),
    "",
  ].join("\n");
}

const shortened = (names: readonly string[]): string[] =>
  names.length <= SHOWN ? [...names] : [...names.slice(0, SHOWN), `… and ${names.length - SHOWN} more`];
