import { printable } from "../../printable.ts";
import { describeAbsent } from "../konnector/update_rights.ts";
import type { Style } from "../style.ts";
import { formatTable } from "../table.ts";
import type { AuditedCluster } from "./audit.ts";
import type { AuditResult } from "./provider.ts";

/** A section per cluster: one sentence, or a table of what is not as it should be. */
export const formatAudit = (clusters: readonly AuditedCluster[], style: Style): string =>
  clusters.map((one) => `${style.strong(`${one.subject} on the ${one.cluster}`)}\n${formatCluster(one, style)}`).join(
    "\n",
  );

function formatCluster({ absent = [], ...cluster }: AuditedCluster, style: Style): string {
  const later = describeAbsent(absent).map((line) => `${style.verdict("WAIT")}  ${line}\n`);
  return [formatFindings(cluster, style), ...later].join("");
}

function formatFindings({ findings, problem }: AuditResult, style: Style): string {
  const lines = problem ? `${style.verdict("WAIT")}  cannot be told: ${printable(problem)}\n` : "";
  if (findings.length === 0) return lines || `${style.verdict("OK")}  may do what it needs, and nothing else\n`;
  return lines + formatTable(
    ["finding", "namespace", "resource", "names", "verbs", "granted by"],
    findings.map(({ finding, namespace, resource, names, verbs, by }) =>
      [finding, namespace ?? "(all)", resource, names?.join(",") ?? "(all)", verbs.join(","), by ?? "-"]
        .map((cell) => printable(cell))
    ),
  );
}
