import { CHANGE_RULES, type Verdict } from "../../crds/compatibility/change.ts";
import { counted } from "../../kube/plural.ts";
import { printable } from "../../printable.ts";
import { type ApiReport, placeOf, type Report, samplesOf } from "./report.ts";

/** What a pipeline shows by itself: a change, or what that does to the objects of one tenant. */
interface Entry {
  rule: string;
  verdict: Verdict;
  where: string;
  message: string;
  /** An example, as JSON. */
  details?: string;
}

const STORED_OBJECTS = "stored-objects";
const RULES = { ...CHANGE_RULES, [STORED_OBJECTS]: "Stored objects fit, or no longer fit" };

const entriesOf = ({ changes, impact = [] }: ApiReport): Entry[] => [
  ...changes.map((change): Entry => ({
    rule: change.rule,
    verdict: change.verdict,
    where: placeOf(change),
    message: change.message,
    ...(change.example !== undefined && { details: JSON.stringify(change.example) }),
  })),
  ...impact.map((one): Entry => ({
    rule: STORED_OBJECTS,
    verdict: one.refused > 0 ? "breaking" : "safe",
    where: `tenant ${one.tenant || "(none)"}`,
    message: one.refused > 0
      ? `${one.refused} of ${counted(one.objects, "stored object")} no longer fit: ${samplesOf(one)}`
      : `${counted(one.objects, "stored object fits", "stored objects fit")}`,
  })),
];

const LEVELS = { safe: "note", risky: "warning", breaking: "error" } as const;

/** Findings for pages that show code. @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html */
export function toSarif({ apis }: Report, file: string, version: string): object {
  const uri = file.split("/").map(encodeURIComponent).join("/");
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [{
      tool: {
        driver: {
          name: "klutch schema",
          version,
          rules: Object.entries(RULES).map(([id, text]) => ({ id, shortDescription: { text } })),
        },
      },
      results: apis.flatMap((report) =>
        entriesOf(report).map(({ rule, verdict, where, message }) => ({
          ruleId: rule,
          level: LEVELS[verdict],
          message: { text: `${report.api} ${where}: ${message}` },
          locations: [{
            physicalLocation: { artifactLocation: { uri } },
            logicalLocations: [{ fullyQualifiedName: `${report.api}/${where}` }],
          }],
        }))
      ),
    }],
  };
}

/** One test per change and tenant; those that are not safe have failed. */
export function toJUnit({ apis }: Report): string {
  const suites = apis.map((report) => {
    const entries = entriesOf(report);
    const failures = entries.filter(({ verdict }) => verdict !== "safe").length;
    const cases = entries.map(({ rule, verdict, where, message, details = "" }) => {
      const head = `    <testcase classname="${xml(report.api)}" name="${xml(`${rule} ${where}`)}"`;
      if (verdict === "safe") return `${head}/>\n`;
      const failure = `<failure type="${verdict}" message="${xml(message)}">${xml(details)}</failure>`;
      return `${head}>\n      ${failure}\n    </testcase>\n`;
    });
    const counts = `tests="${entries.length}" failures="${failures}"`;
    return `  <testsuite name="${xml(report.api)}" ${counts}>\n${cases.join("")}  </testsuite>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join("")}</testsuites>\n`;
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const xml = (text: string): string => printable(text).replace(/[&<>"]/g, (character) => ENTITIES[character]!);
