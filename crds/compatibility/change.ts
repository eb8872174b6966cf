import type { Json } from "../../kube/types.ts";

/** What a change of an API does to its users, from harmless to harmful. */
export const VERDICTS = ["safe", "risky", "breaking"] as const;
export type Verdict = typeof VERDICTS[number];

/** What kinds of changes there are, for machines, and what each is about. */
export const CHANGE_RULES = {
  "api-added": "Another API is defined",
  "api-removed": "An API is not defined any more",
  "api-renamed": "Group, plural or kind changed: it is another API",
  "names-changed": "Singular, list kind, short names or categories changed",
  "scope-changed": "Objects move into or out of namespaces",
  "version-added": "A version is served in addition",
  "version-removed": "A version is not served any more",
  "version-deprecated": "The deprecation of a version changed",
  "storage-version-changed": "Objects are stored in another version",
  "conversion-changed": "Objects are converted between versions in another way",
  "subresource-changed": "Subresources status or scale changed",
  "columns-changed": "Printer columns changed",
  "selectable-fields-changed": "Fields for field selectors changed",
  "documentation-changed": "Descriptions changed",
  "field-added": "A field is new",
  "field-removed": "A field is gone",
  "field-renamed": "A field has another name",
  "field-checked": "A field that could hold anything has a schema",
  "required-added": "A field must be given",
  "required-removed": "A field may be left out",
  "type-changed": "A field has another type",
  "type-widened": "A field takes more types than before",
  "format-changed": "A field has another format",
  "nullable-changed": "A field may, or may not, be null",
  "enum-narrowed": "Values of a closed set are gone",
  "enum-widened": "A closed set has more values",
  "pattern-changed": "A field has another pattern",
  "bounds-narrowed": "A lower or upper bound is stricter",
  "bounds-widened": "A lower or upper bound is less strict",
  "default-changed": "A field that is left out gets another value",
  "unknown-fields-changed": "Fields without a schema are kept, or not",
  "embedded-resource-changed": "A field holds a whole object of Kubernetes, or not",
  "merge-changed": "Lists or maps are merged in another way",
  "junctor-changed": "allOf, anyOf, oneOf or not changed",
  "rule-added": "A CEL rule is new or has changed",
  "rule-removed": "A CEL rule is gone",
  "rule-view-changed": "CEL rules see the values of a field in another way",
} as const;
export type ChangeRule = keyof typeof CHANGE_RULES;

/** One difference between two versions of an API. */
export interface Change {
  verdict: Verdict;
  rule: ChangeRule;
  /** Version of the API; absent when all are concerned. */
  version?: string;
  /** `spec.nodes[].size`, `spec.labels{}`; empty for the object as a whole. */
  path: string;
  /** What changed and what follows from it, without a full stop. */
  message: string;
  /** Accepted before; refused now, or robbed of some of its fields. A whole object, without apiVersion and metadata. */
  example?: Json;
}

/** What some changes do together: the worst of their verdicts, and nothing when there are none. */
export const verdictOf = (changes: readonly Pick<Change, "verdict">[]): Verdict =>
  VERDICTS[Math.max(0, ...changes.map(({ verdict }) => VERDICTS.indexOf(verdict)))]!;

/** Rules about values alone: when all stored objects obey, nobody is harmed. Others concern programs as well. */
const ABOUT_VALUES: ReadonlySet<ChangeRule> = new Set([
  "field-added",
  "field-checked",
  "format-changed",
  "junctor-changed",
  "pattern-changed",
  "rule-added",
  "rule-view-changed",
]);

/** Whether stored objects alone tell if changes do harm. */
export const isAboutValues = (changes: readonly Change[]): boolean =>
  changes.every(({ verdict, rule }) => verdict === "safe" || (verdict === "risky" && ABOUT_VALUES.has(rule)));
