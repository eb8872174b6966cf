import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { type Change, type Verdict, verdictOf } from "../crds/compatibility/change.ts";
import { compareApis } from "../crds/compatibility/compare_crd.ts";
import { type ExportCrdSpec, sourceSpecHash, toCrdOfExport } from "../crds/export_schema.ts";
import type { HELD_BACK_SCHEMA } from "../crds/reasons.ts";

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

/** An app cluster that gets changes first. */
export interface Canary {
  /** Its cluster namespace. */
  namespace: string;
  /** What has become of the change there. */
  state: "waiting" | "installed" | "refused";
}

/** Where one export stands among those that get changes first; absent when all get them at once. */
export interface Stage {
  isCanary: boolean;
  canaries: readonly Canary[];
}

/** Why an export does not follow its CRD yet. */
export type HeldBack = [reason: keyof typeof HELD_BACK_SCHEMA, what: string];

/** Whether a change may reach one app cluster by what its template says; undefined when it may. */
export function holdBack(
  change: SchemaChange,
  template: APIServiceExportTemplate | undefined,
  stage: Stage | undefined,
): HeldBack | undefined {
  const { policy, approved } = template?.spec.schemaChanges ?? { policy: "Auto" };
  const { hash, verdict } = change;
  if (policy === "Pinned") return ["SchemaPinned", `The template pins the schema; ${wordsOn(change)}`];
  const isCleared = policy === "Force" || approved === hash || (policy === "Auto" && verdict === "safe");
  if (!isCleared) return [verdict === "safe" ? "SchemaPending" : "SchemaBlocked", wordsOn(change)];
  return stage && !stage.isCanary ? awaitCanaries(change, stage.canaries) : undefined;
}

function awaitCanaries(change: SchemaChange, canaries: readonly Canary[]): HeldBack | undefined {
  const refused = canaries.find(({ state }) => state === "refused");
  if (refused) {
    return ["SchemaRefused", `The app cluster of "${refused.namespace}" has refused the change; ${wordsOn(change)}`];
  }
  if (canaries.length === 0) {
    return ["SchemaPending", `No app cluster has the labels of those that go first; ${wordsOn(change)}`];
  }
  const waiting = canaries.filter(({ state }) => state === "waiting").length;
  if (waiting === 0) return undefined;
  return [
    "SchemaPending",
    `${waiting} of ${canaries.length} app clusters that go first are not there yet; ${wordsOn(change)}`,
  ];
}

/** The worst of what changed, in words. */
function wordsOn({ hash, verdict, changes }: SchemaChange): string {
  const worst = changes.filter((change) => change.verdict === verdict);
  const [first] = worst;
  const where = first && [first.version, first.path].filter(Boolean).join(" ");
  const what = first ? `: ${where ? `${where}: ` : ""}${first.message}` : "";
  return `schema "${hash}" is ${verdict}${what}${worst.length > 1 ? `, and ${worst.length - 1} more` : ""}`;
}

/** The worst of some reasons to hold a change back, for the template that they all have. */
export function worstHeldBack(all: readonly HeldBack[]): HeldBack | undefined {
  const order: HeldBack[0][] = ["SchemaRefused", "SchemaBlocked", "SchemaPending", "SchemaPinned"];
  return all.toSorted(([a], [b]) => order.indexOf(a) - order.indexOf(b))[0];
}
