import { deepEqual } from "../../kube/json.ts";
import { shortened } from "../../kube/shortened.ts";
import type { Json } from "../../kube/types.ts";
import type { Change, ChangeRule, Verdict } from "./change.ts";
import { RESTRICTIONS } from "./keywords.ts";
import { type CelRule, keepsUnknown, type SchemaNode, typesOf, valuesOf } from "./node.ts";
import { findExample, plainestOf } from "./samples.ts";

/** Where in an object two schemas are compared. */
export interface Site {
  path: string;
  /** Written by the provider and read by users, so that more values can surprise them. */
  isStatus: boolean;
  /** Whether a CEL rule, here or above, sees the values. */
  isRuled: boolean;
  /** Whether `oneOf` and its like, or `maxProperties`, here or above, look at which fields there are. */
  isCounted: boolean;
  /** Whether null is dropped where it is not allowed, as in optional fields and in maps, instead of being refused. */
  dropsNull: boolean;
}

/** An object as a whole. */
export const WHOLE: Site = { path: "", isStatus: false, isRuled: false, isCounted: false, dropsNull: false };

/** What changed at one place, without a look at fields, values and items. */
export function compareNodes(before: SchemaNode, after: SchemaNode, site: Site): Change[] {
  const type = compareTypes(before, after, site);
  if (type?.verdict === "breaking") return [type];
  return [
    ...(type ? [type] : []),
    ...compareRestrictions(before, after, site),
    ...compareUnknownFields(before, after, site),
    ...compareMerging(before, after, site),
    ...compareRules(before, after, site),
    ...compareViews(before, after, site),
    ...compareWords(before, after, site),
  ];
}

export const change = (
  verdict: Verdict,
  rule: ChangeRule,
  { path }: Site,
  message: string,
  example?: Json,
): Change => ({
  verdict,
  rule,
  path,
  message,
  ...(example !== undefined && { example }),
});

function compareTypes(before: SchemaNode, after: SchemaNode, site: Site): Change | undefined {
  const [had, has] = [typesOf(before), typesOf(after)];
  if (deepEqual(had, has)) return undefined;
  const words = `${typeText(had)} became ${typeText(has)}`;
  const isWider = !has || had?.every((type) => has.includes(type) || (type === "integer" && has.includes("number")));
  if (isWider) return change("risky", "type-widened", site, `${words}: programs that read it may not expect that`);
  return change("breaking", "type-changed", site, words, findExample(before, after));
}

const typeText = (types: string[] | undefined): string => types?.join(" or ") ?? "any type";

function compareRestrictions(before: SchemaNode, after: SchemaNode, site: Site): Change[] {
  return RESTRICTIONS.flatMap(({ keywords, rule, shift }) => {
    const how = shift(before, after);
    if (how === "same") return [];
    const words = `${textOf(before, keywords)} became ${textOf(after, keywords)}`;
    if (how === "looser") {
      const isSurprise = rule.looser === "enum-widened" && site.isStatus;
      return [
        isSurprise
          ? change("risky", rule.looser, site, `${words}: programs that read it may not know the new values`)
          : change("safe", rule.looser, site, words),
      ];
    }
    const only: SchemaNode = { ...before };
    for (const keyword of keywords) Object.assign(only, { [keyword]: after[keyword] });
    const example = findExample(before, only);
    if (rule.tighter === "nullable-changed" && (site.dropsNull || after.default !== undefined)) {
      return [change("risky", rule.tighter, site, `${words}: null means that it is left out`)];
    }
    const isCertain = how === "tighter" || example !== undefined;
    return [change(isCertain ? "breaking" : "risky", rule.tighter, site, words, example)];
  });
}

function textOf(node: SchemaNode, keywords: readonly (keyof SchemaNode)[]): string {
  const given = keywords.filter((keyword) => node[keyword] !== undefined);
  if (given.length === 0) return `no ${keywords[0]}`;
  return given.map((keyword) => `${keyword} ${shortened(JSON.stringify(node[keyword]))}`).join(" ");
}

function compareUnknownFields(before: SchemaNode, after: SchemaNode, site: Site): Change[] {
  const changes: Change[] = [];
  const rule = "unknown-fields-changed";
  if (keepsUnknown(before) && !keepsUnknown(after)) {
    const message = "fields without a schema are dropped from now on";
    changes.push(change("breaking", rule, site, message, findExample(before, { ...before, [PRESERVE]: undefined })));
  } else if (!keepsUnknown(before) && keepsUnknown(after)) {
    changes.push(change("safe", rule, site, "fields without a schema are kept from now on"));
  }
  const [was, is] = [before, after].map((node) => node["x-kubernetes-embedded-resource"] === true);
  if (was && !is) {
    const message = "apiVersion, kind and metadata are not checked any more";
    const isKept = keepsUnknown(after);
    changes.push(
      isKept
        ? change("safe", "embedded-resource-changed", site, message)
        : change("breaking", "embedded-resource-changed", site, `${message}, and dropped`, plainestOf(before)),
    );
  } else if (!was && is) {
    const message = "apiVersion and kind have to be given";
    const example = findExample(before, { ...before, "x-kubernetes-embedded-resource": true });
    changes.push(change("breaking", "embedded-resource-changed", site, message, example));
  }
  return changes;
}

const PRESERVE = "x-kubernetes-preserve-unknown-fields";
const LIST_TYPE = "x-kubernetes-list-type";
const LIST_KEYS = "x-kubernetes-list-map-keys";

function compareMerging(before: SchemaNode, after: SchemaNode, site: Site): Change[] {
  const changes: Change[] = [];
  const [was, is] = [mergingOf(before), mergingOf(after)];
  if (was !== is) {
    const message = `the list is merged as ${is}, before as ${was}`;
    const only = { ...before, [LIST_TYPE]: after[LIST_TYPE], [LIST_KEYS]: after[LIST_KEYS] };
    const example = findExample(before, only);
    changes.push(change(example === undefined ? "risky" : "breaking", "merge-changed", site, message, example));
  }
  const [hadMap, hasMap] = [before, after].map((node) => node["x-kubernetes-map-type"] ?? "granular");
  if (hadMap !== hasMap) {
    changes.push(change("risky", "merge-changed", site, `the map is merged as ${hasMap}, before as ${hadMap}`));
  }
  return changes;
}

function mergingOf(node: SchemaNode): string {
  const keys = node[LIST_KEYS]?.toSorted().join(", ");
  return `${node[LIST_TYPE] ?? "atomic"}${keys ? ` by ${keys}` : ""}`;
}

function compareRules(before: SchemaNode, after: SchemaNode, site: Site): Change[] {
  const [had, has] = [before, after].map((node) => new Map(node["x-kubernetes-validations"]?.map(byMeaning)));
  const added = [...has!].filter(([meaning]) => !had!.has(meaning)).map(([, { rule }]) =>
    change("risky", "rule-added", site, `CEL rule is new: ${shortened(rule)}; only objects tell whether they obey it`)
  );
  const removed = [...had!].filter(([meaning]) => !has!.has(meaning)).map(([, { rule }]) =>
    change("safe", "rule-removed", site, `CEL rule is gone: ${shortened(rule)}`)
  );
  return [...added, ...removed];
}

/** Two rules with the same text refuse the same objects, whatever they say about it. */
const byMeaning = (
  rule: CelRule,
): [string, CelRule] => [JSON.stringify([rule.rule, rule.optionalOldSelf ?? false]), rule];

function compareViews(before: SchemaNode, after: SchemaNode, site: Site): Change[] {
  if (!site.isRuled || deepEqual(viewOf(before), viewOf(after))) return [];
  return [change("risky", "rule-view-changed", site, "CEL rules see the same values in another way")];
}

/**
 * What decides how CEL sees a value: texts of some formats as times or bytes, null only where it is allowed, and of
 * objects what has a schema.
 *
 * @see https://kubernetes.io/docs/reference/using-api/cel/#type-system-integration
 */
function viewOf(node: SchemaNode): Json {
  const format = CEL_FORMATS.find((format) => format === node.format) ?? null;
  const isEmbedded = node["x-kubernetes-embedded-resource"] === true;
  return [typesOf(node) ?? null, format, node.nullable === true, valuesOf(node) !== undefined, isEmbedded];
}

const CEL_FORMATS = ["byte", "date", "date-time", "duration"];

function compareWords(before: SchemaNode, after: SchemaNode, site: Site): Change[] {
  const [was, is] = [before, after].map(({ description, title, example, externalDocs }) => [
    description,
    title,
    example,
    externalDocs,
  ]);
  return deepEqual(was, is) ? [] : [change("safe", "documentation-changed", site, "the description changed")];
}
