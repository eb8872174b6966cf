import type { ProgramContext } from "../../program.ts";
import { printable, printableLines } from "../../printable.ts";
import { type DataFormat, printData } from "../data.ts";
import { createStyle } from "../style.ts";
import { printableTable } from "../table.ts";
import { toJUnit, toSarif } from "./pipeline_report.ts";
import { type ApiReport, placeOf, type Report, samplesOf } from "./report.ts";

export type ReportFormat = DataFormat | "sarif" | "junit";

/** @param file that a pipeline shows findings on */
export async function printReport(report: Report, format: ReportFormat, file: string, context: ProgramContext) {
  if (format === "sarif") {
    return context.writeOut(`${JSON.stringify(toSarif(report, file, context.version), null, 2)}\n`);
  }
  if (format === "junit") return context.writeOut(toJUnit(report));
  await printData(report, format, () => toText(report, context), context);
}

function toText({ verdict, apis }: Report, context: ProgramContext): string {
  const { strong, faint } = createStyle(context);
  const rows = apis.flatMap(({ api, changes }) =>
    changes.map((change) => [change.verdict, api, placeOf(change), change.message])
  );
  if (rows.length === 0) return "Nothing changed.\n";
  const examples = apis.flatMap(({ changes }) => changes).filter(({ example }) => example !== undefined).map((change) =>
    `\n${strong(printable(placeOf(change)))}: ${printable(change.message)}. No longer fits:\n  ${
      faint(printableLines(JSON.stringify(change.example)))
    }\n`
  );
  return `${printableTable(["change", "api", "where", "what"], rows)}${examples.join("")}${
    impactText(apis)
  }\nThe change is ${verdict}.\n`;
}

function impactText(apis: readonly ApiReport[]): string {
  const rows = apis.flatMap(({ api, impact = [] }) =>
    impact.map((one) => [
      api,
      one.tenant || "(none)",
      String(one.objects),
      String(one.refused),
      samplesOf(one) || "-",
    ])
  );
  return rows.length === 0
    ? ""
    : `\n${printableTable(["api", "tenant", "objects", "no longer fit", "for example"], rows)}`;
}
