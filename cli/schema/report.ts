import { type Change, CHANGE_RULES, type Verdict, verdictOf } from "../../crds/compatibility/change.ts";
import type { ProgramContext } from "../../program.ts";
import { type DataFormat, printData } from "../data.ts";
import { printable } from "../../printable.ts";
import { createStyle } from "../style.ts";
import type { Impact } from "../../crds/compatibility/impact.ts";
import { formatTable } from "../table.ts";

export type ReportFormat = DataFormat | "sarif" | "junit";

/** What became of one API. */
export interface ApiReport {
  /** `<plural>.<group>` */
  api: string;
  verdict: Verdict;
  changes: Change[];
  /** On stored objects, tenant by tenant; absent where nobody looked. */
  impact?: Impact[];
}

export interface Report {
  verdict: Verdict;
  apis: ApiReport[];
}

export const toReport = (apis: readonly Omit<ApiReport, "verdict">[]): Report => ({
  verdict: verdictOf(apis.flatMap(({ changes }) => changes)),
  apis: apis.map((one) => ({ ...one, verdict: verdictOf(one.changes) })),
});

/** @param file that a pipeline shows findings on */
export async function printReport(report: Report, format: ReportFormat, file: string, context: ProgramContext) {
  if (format === "sarif") {
    return context.writeOut(`${JSON.stringify(toSarif(report, file, context.version), null, 2)}\n`);
  }
  if (format === "junit") return context.writeOut(toJUnit(report));
  await printData(report, format, () => toText(report, context), context);
}

const placeOf = ({ version, path }: Change): string => [version, path].filter(Boolean).join(" ") || "-";

function toText({ verdict, apis }: Report, context: ProgramContext): string {
  const { strong, faint } = createStyle(context);
  const rows = apis.flatMap(({ api, changes }) =>
    changes.map((change) => [change.verdict, api, placeOf(change), printable(change.message)])
  );
  if (rows.length === 0) return "Nothing changed.\n";
  const examples = apis.flatMap(({ changes }) => changes).filter(({ example }) => example !== undefined).map((change) =>
    `\n${strong(placeOf(change))}: ${printable(change.message)}. No longer fits:\n  ${
      faint(JSON.stringify(change.example))
    }\n`
  );
  return `${formatTable(["change", "api", "where", "what"], rows)}${examples.join("")}${
    impactText(apis)
  }\nThe change is ${verdict}.\n`;
}

function impactText(apis: readonly ApiReport[]): string {
  const rows = apis.flatMap(({ api, impact = [] }) =>
    impact.map(({ tenant, objects, refused, samples }) => [
      api,
      tenant || "(none)",
      String(objects),
      String(refused),
      samples.map(({ object, paths }) => `${object} (${paths.join(", ") || "as a whole"})`).join("; ") || "-",
    ])
  );
  return rows.length === 0
    ? ""
    : `\n${formatTable(["api", "tenant", "objects", "no longer fit", "for example"], rows)}`;
}

const LEVELS = { safe: "note", risky: "warning", breaking: "error" } as const;

/** @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html */
function toSarif({ apis }: Report, file: string, version: string): object {
  const location = { physicalLocation: { artifactLocation: { uri: file } } };
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [{
      tool: {
        driver: {
          name: "klutch schema",
          version,
          rules: Object.entries(CHANGE_RULES).map(([id, text]) => ({ id, shortDescription: { text } })),
        },
      },
      results: apis.flatMap(({ api, changes }) =>
        changes.map((change) => ({
          ruleId: change.rule,
          level: LEVELS[change.verdict],
          message: { text: `${api} ${placeOf(change)}: ${change.message}` },
          locations: [{ ...location, logicalLocations: [{ fullyQualifiedName: `${api}/${placeOf(change)}` }] }],
        }))
      ),
    }],
  };
}

/** One test per API and change; those that are not safe have failed. */
function toJUnit({ apis }: Report): string {
  const suites = apis.map(({ api, changes }) => {
    const failures = changes.filter(({ verdict }) => verdict !== "safe").length;
    const cases = changes.map((change) => {
      const head = `    <testcase classname="${xml(api)}" name="${xml(`${change.rule} ${placeOf(change)}`)}"`;
      if (change.verdict === "safe") return `${head}/>\n`;
      const details = change.example === undefined ? "" : xml(JSON.stringify(change.example));
      return `${head}>\n      <failure type="${change.verdict}" message="${
        xml(change.message)
      }">${details}</failure>\n` +
        "    </testcase>\n";
    });
    const counts = `tests="${changes.length}" failures="${failures}"`;
    return `  <testsuite name="${xml(api)}" ${counts}>\n${cases.join("")}  </testsuite>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join("")}</testsuites>\n`;
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const xml = (text: string): string => printable(text).replace(/[&<>"]/g, (character) => ENTITIES[character]!);
