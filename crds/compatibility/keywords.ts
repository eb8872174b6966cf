import { deepEqual } from "../../kube/json.ts";
import type { Json } from "../../kube/types.ts";
import { isChecked } from "./accepts.ts";
import type { ChangeRule } from "./change.ts";
import type { SchemaNode } from "./node.ts";

/** How the set of accepted values changed. */
export type Shift = "same" | "looser" | "tighter" | "unclear";

/** One restriction of values that a schema can express. */
export interface Restriction {
  keywords: (keyof SchemaNode)[];
  rule: { looser: ChangeRule; tighter: ChangeRule };
  shift(before: SchemaNode, after: SchemaNode): Shift;
}

type Bound = "maximum" | "minimum" | `${"max" | "min"}${"Length" | "Items" | "Properties"}`;

/** @param sign 1 for an upper bound, -1 for a lower one, of which the lower is the looser */
function bound(keyword: Bound, sign: 1 | -1, exclusive?: "exclusiveMaximum" | "exclusiveMinimum"): Restriction {
  const unbounded = sign === 1 ? Infinity : keyword === "minimum" ? -Infinity : 0;
  const reach = (node: SchemaNode) => sign * (node[keyword] ?? unbounded);
  const touches = (node: SchemaNode) => exclusive && node[exclusive] ? 0 : 1;
  return {
    keywords: [keyword, ...(exclusive ? [exclusive] : [])],
    rule: { looser: "bounds-widened", tighter: "bounds-narrowed" },
    shift: (before, after) =>
      byOrder(reach(before), reach(after)) ?? byOrder(touches(before), touches(after)) ?? "same",
  };
}

const byOrder = (before: number, after: number): Shift | undefined =>
  after < before ? "tighter" : after > before ? "looser" : undefined;

/** Each keyword that restricts values by itself. */
export const RESTRICTIONS: readonly Restriction[] = [
  bound("maximum", 1, "exclusiveMaximum"),
  bound("minimum", -1, "exclusiveMinimum"),
  bound("maxLength", 1),
  bound("minLength", -1),
  bound("maxItems", 1),
  bound("minItems", -1),
  bound("maxProperties", 1),
  bound("minProperties", -1),
  {
    keywords: ["multipleOf"],
    rule: { looser: "bounds-widened", tighter: "bounds-narrowed" },
    shift: ({ multipleOf: before }, { multipleOf: after }) => {
      if (before === after) return "same";
      if (after === undefined) return "looser";
      return before !== undefined && Number.isInteger(before / after) ? "looser" : "tighter";
    },
  },
  {
    keywords: ["pattern"],
    rule: { looser: "pattern-changed", tighter: "pattern-changed" },
    shift: ({ pattern: before }, { pattern: after }) =>
      before === after ? "same" : after === undefined ? "looser" : "unclear",
  },
  {
    keywords: ["format"],
    rule: { looser: "format-changed", tighter: "format-changed" },
    shift: ({ format: before }, { format: after }) => {
      if (before === after) return "same";
      if (after === undefined || !isChecked(after)) return "looser";
      return "tighter";
    },
  },
  {
    keywords: ["enum"],
    rule: { looser: "enum-widened", tighter: "enum-narrowed" },
    shift: ({ enum: before }, { enum: after }) => {
      if (after === undefined) return before === undefined ? "same" : "looser";
      if (before === undefined || !before.every(isIn(after))) return "tighter";
      return after.every(isIn(before)) ? "same" : "looser";
    },
  },
  {
    keywords: ["nullable"],
    rule: { looser: "nullable-changed", tighter: "nullable-changed" },
    shift: ({ nullable: before = false }, { nullable: after = false }) =>
      before === after ? "same" : after ? "looser" : "tighter",
  },
  junctor("allOf", (before, after) => after.every(isIn(before))),
  junctor("anyOf", (before, after) => before.length > 0 && before.every(isIn(after))),
  junctor("oneOf", (before, after) => before.length > 0 && before.length === after.length && before.every(isIn(after))),
  {
    keywords: ["not"],
    rule: { looser: "junctor-changed", tighter: "junctor-changed" },
    shift: ({ not: before }, { not: after }) =>
      deepEqual(before, after) ? "same" : after === undefined ? "looser" : "unclear",
  },
];

/** @param isLooser whether a list takes all that another one took */
function junctor(
  keyword: "allOf" | "anyOf" | "oneOf",
  isLooser: (before: SchemaNode[], after: SchemaNode[]) => boolean,
): Restriction {
  return {
    keywords: [keyword],
    rule: { looser: "junctor-changed", tighter: "junctor-changed" },
    shift: ({ [keyword]: before = [] }, { [keyword]: after = [] }) => {
      if (deepEqual(before, after)) return "same";
      return after.length === 0 || isLooser(before, after) ? "looser" : "unclear";
    },
  };
}

const isIn = (list: readonly (Json | SchemaNode)[]) => (value: Json | SchemaNode): boolean =>
  list.some((one) => deepEqual(one, value));
