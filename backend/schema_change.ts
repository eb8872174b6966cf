import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { type Change, isAboutValues, type Verdict, verdictOf } from "../crds/compatibility/change.ts";
import { compareApis } from "../crds/compatibility/compare_crd.ts";
import { type ExportCrdSpec, sourceSpecHash, toCrdOfExport } from "../crds/export_schema.ts";
import type { HELD_BACK_SCHEMA } from "../crds/reasons.ts";
import type { SchemaImpact } from "./schema_check.ts";

/** What an export would become if it followed its CRD. */
export interface SchemaChange {
  /** Of the schema that it would have. */
  hash: string;
  verdict: Verdict;
  changes: Change[];
}

/** Exports of one API are mostly alike; beyond so many pairs something is odd, and comparing again is cheap enough. */
const MAX_KNOWN = 100;

/** Compares what exports say with what their CRD says, each pair once. */
export class SchemaChanges {
  readonly #known = new Map<string, SchemaChange>();

  /** Undefined when both are the same. */
  between(before: ExportCrdSpec, after: ExportCrdSpec): SchemaChange | undefined {
    const [was, hash] = [sourceSpecHash(before), sourceSpecHash(after)];
    if (was === hash) return undefined;
    const id = `${was} ${hash}`;
    const known = this.#known.get(id);
    if (known) return known;
    const changes = compareApis(toCrdOfExport({ spec: before }).spec, toCrdOfExport({ spec: after }).spec);
    const change = { hash, verdict: verdictOf(changes), changes };
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(id, change);
    return change;
  }
}

/** Where one export stands among those that get changes first; absent when all get them at once. */
export interface Stage {
  isCanary: boolean;
  /** App clusters that get it first. */
  canaries: readonly { isInstalled: boolean }[];
  /** Cluster namespace of an app cluster that has refused the change, be it one of the first or not. */
  refusedBy?: string;
}

/**
 * Why an export does not follow its CRD yet. Its app cluster reads `what`; `details` may name other app clusters, and are
 * for the template alone.
 */
export type HeldBack = [reason: keyof typeof HELD_BACK_SCHEMA, what: string, details?: string];

/** Whether a change may reach one app cluster by what its template says; undefined when it may. */
export function holdBack(
  change: SchemaChange,
  template: APIServiceExportTemplate | undefined,
  stage: Stage | undefined,
): HeldBack | undefined {
  const { policy, approved, rollBackTo } = template?.spec.schemaChanges ?? { policy: "Auto" };
  const { hash, verdict } = change;
  if (rollBackTo && rollBackTo !== hash) {
    return ["SchemaPinned", `No schema "${rollBackTo}" is kept to go back to; ${wordsOn(change)}`];
  }
  if (policy === "Pinned") return ["SchemaPinned", `The template pins the schema; ${wordsOn(change)}`];
  const impact = impactFor(change, template);
  if (template && verdict !== "safe") {
    if (!impact) return ["SchemaPending", `Stored objects are being checked; ${wordsOn(change)}`];
    const { problem } = impact;
    if (problem) return ["SchemaUnchecked", `Stored objects could not be checked; ${wordsOn(change)}`, problem];
  }
  const isCleared = policy === "Force" || approved === hash || (policy === "Auto" && isHarmless(change, impact));
  if (!isCleared) {
    const reason = verdict === "safe" ? "SchemaPending" : "SchemaBlocked";
    return [reason, wordsOn(change), impact && impactWords(impact)];
  }
  return stage && awaitCanaries(change, stage);
}

/** What is known of stored objects, if it is about this change. */
function impactFor({ hash }: SchemaChange, template: APIServiceExportTemplate | undefined): SchemaImpact | undefined {
  const impact = template?.status?.schema?.impact;
  return impact?.hash === hash ? impact : undefined;
}

/** Nothing that was valid means something else, or all there is has been looked at. */
const isHarmless = ({ verdict, changes }: SchemaChange, impact: SchemaImpact | undefined): boolean =>
  verdict === "safe" || (impact !== undefined && impact.refused === 0 && isAboutValues(changes));

/** Why all have a kept schema instead of the CRD's. */
export const rolledBack = (change: SchemaChange, to: string): HeldBack => [
  "SchemaRolledBack",
  `App clusters have schema "${to}" again; ${wordsOn(change)}`,
];

function awaitCanaries(change: SchemaChange, { isCanary, canaries, refusedBy }: Stage): HeldBack | undefined {
  if (refusedBy) {
    return ["SchemaRefused", `An app cluster has refused the change; ${wordsOn(change)}`, `it is "${refusedBy}"`];
  }
  if (isCanary) return undefined;
  if (canaries.length === 0) {
    return ["SchemaPending", `No app cluster that has the API is one of those that go first; ${wordsOn(change)}`];
  }
  const waiting = canaries.filter(({ isInstalled }) => !isInstalled).length;
  if (waiting === 0) return undefined;
  return [
    "SchemaPending",
    `App clusters that go first are not there yet; ${wordsOn(change)}`,
    `${waiting} of ${canaries.length} are missing`, // a number that changes: not for every export to be written again
  ];
}

/** The worst of what changed, in words. */
function wordsOn({ hash, verdict, changes }: SchemaChange): string {
  const worst = changes.filter((change) => change.verdict === verdict);
  const [first] = worst;
  const where = first && [first.version, first.path].filter(Boolean).join(" ");
  const what = first ? `: ${where ? `${where}: ` : ""}${first.message}` : "";
  const more = worst.length > 1 ? `, and ${worst.length - 1} more` : "";
  return `schema "${hash}" is ${verdict}${what}${more}`;
}

function impactWords({ objects, refused, tenants }: SchemaImpact): string {
  const [sample] = tenants.flatMap(({ samples }) => samples);
  const example = sample ? `, e.g. ${sample.object} (${sample.paths.join(", ") || "as a whole"})` : "";
  return `${refused} of ${objects} stored objects no longer fit${example}`;
}

/** The worst of some reasons to hold a change back, for the template that they all have. */
export function worstHeldBack(all: readonly HeldBack[]): HeldBack | undefined {
  const order: HeldBack[0][] = [
    "SchemaRefused",
    "SchemaUnchecked",
    "SchemaBlocked",
    "SchemaPending",
    "SchemaPinned",
    "SchemaRolledBack",
  ];
  return all.toSorted(([a], [b]) => order.indexOf(a) - order.indexOf(b))[0];
}
