import { printable } from "../../printable.ts";
import { byVerdict, type Finding } from "../diagnosis/finding.ts";
import { formatAge } from "../duration.ts";
import type { Style } from "../style.ts";
import { formatTable } from "../table.ts";
import type { Status } from "./report.ts";

const HEADINGS = ["health", "name", "provider", "objects", "claimed", "konnector", "heartbeat"];

/** The table of bindings, and below it what to do, each cause once. */
export function formatStatus(status: Status, style: Style): string {
  const { konnector, bindings, namespace } = status;
  if (bindings.length === 0) {
    return namespace === undefined
      ? "Nothing is bound in this cluster. Bind an API with `kubectl klutch bind URL`.\n"
      : `No binding is in namespace "${printable(namespace)}". Without -n, those of all namespaces are shown.\n`;
  }
  const rows = bindings.map((one) => [
    style.verdict(one.verdict),
    one.name,
    one.provider ?? "-",
    String(one.objects ?? "-"),
    String(one.claimedObjects),
    one.konnectorVersion ?? "-",
    one.heartbeatAgeSeconds === undefined ? "-" : formatAge(one.heartbeatAgeSeconds * 1000),
  ]);
  const causes = new Map<string, { finding: Finding; names: string[] }>();
  for (const { name, findings } of bindings) {
    for (const finding of findings) {
      const id = `${finding.reason} ${finding.what}`;
      const cause = causes.get(id) ?? { finding, names: [] };
      causes.set(id, cause);
      cause.names.push(name);
    }
  }
  const notes = [...causes.values()].toSorted((a, b) => byVerdict(a.finding, b.finding)).map(({ finding, names }) => {
    const { verdict, reason, what, action } = finding;
    const whose = finding.reason === konnector.reason ? "konnector" : namesText(names);
    return `${style.verdict(verdict)}  ${style.strong(whose)}: ${reason}: ${what}\n${
      action ? `      → ${action}\n` : ""
    }`;
  });
  return formatTable(HEADINGS, rows) + (notes.length > 0 ? `\n${notes.join("")}` : "");
}

const namesText = (names: readonly string[]): string =>
  names.length <= 2 ? names.join(", ") : `${names[0]} and ${names.length - 1} others`;
