import fc from "fast-check";
import type { Json } from "../../../kube/types.ts";
import { keepsUnknown, type SchemaNode, typesOf, valuesOf as mapValuesOf } from "../node.ts";

// Random schemas of every construct that the comparison knows, random changes of them, and random values that fit.

const TEXT_PATTERNS = ["^[a-z]+$", "^[a-z]*$", "^[a-c]{1,3}$", ".*"];
const NAMES = ["a", "b", "c", "d"];

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
const defined = <T extends object>(object: T): T =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;

const texts: fc.Arbitrary<SchemaNode> = fc.oneof(
  fc.record({
    minLength: maybe(fc.nat(2)),
    maxLength: maybe(fc.integer({ min: 3, max: 6 })),
    pattern: maybe(fc.constantFrom(...TEXT_PATTERNS)),
    nullable: maybe(fc.boolean()),
    default: maybe(fc.constantFrom("abc", "aaa")),
  }).map((rest) => defined({ type: "string", ...rest })),
  fc.subarray(["a", "b", "c"], { minLength: 1 }).map((values): SchemaNode => ({ type: "string", enum: values })),
  fc.constantFrom("date-time", "duration", "ipv4", "uuid", "k8s-short-name", "made-up").map((format): SchemaNode => ({
    type: "string",
    format,
  })),
);

const numbers: fc.Arbitrary<SchemaNode> = fc.record({
  type: fc.constantFrom("integer", "number"),
  format: maybe(fc.constantFrom("int32", "int64", "double")),
  minimum: maybe(fc.integer({ min: -4, max: 0 })),
  maximum: maybe(fc.integer({ min: 4, max: 9 })),
  exclusiveMaximum: maybe(fc.boolean()),
  multipleOf: maybe(fc.constantFrom(1, 2, 4)),
}).map(({ exclusiveMaximum, format, ...rest }) =>
  defined({
    ...rest,
    format: rest.type === "integer" && format !== "double" ? format : undefined,
    exclusiveMaximum: rest.maximum === undefined ? undefined : exclusiveMaximum,
  })
);

const leaves: fc.Arbitrary<SchemaNode> = fc.oneof(
  texts,
  numbers,
  fc.constant<SchemaNode>({ type: "boolean" }),
  fc.constant<SchemaNode>({ "x-kubernetes-int-or-string": true }),
  fc.constant<SchemaNode>({ "x-kubernetes-preserve-unknown-fields": true }),
);

/** A structural schema, at most `depth` levels deep. */
export function schemas(depth = 2): fc.Arbitrary<SchemaNode> {
  if (depth === 0) return leaves;
  const inner = schemas(depth - 1);
  const objects = fc.record({
    properties: fc.dictionary(fc.constantFrom(...NAMES), inner, { maxKeys: 3 }),
    required: fc.subarray(NAMES),
    keeps: fc.boolean(),
  }).map(({ properties, required, keeps }): SchemaNode => ({
    type: "object",
    properties,
    required: required.filter((name) => Object.hasOwn(properties, name)),
    ...(keeps && { "x-kubernetes-preserve-unknown-fields": true }),
  }));
  const maps = fc.record({ values: inner, maxProperties: maybe(fc.integer({ min: 1, max: 3 })) })
    .map(({ values, maxProperties }): SchemaNode =>
      defined({ type: "object", additionalProperties: values, maxProperties })
    );
  const lists = fc.record({ items: inner, minItems: maybe(fc.nat(1)), maxItems: maybe(fc.integer({ min: 2, max: 4 })) })
    .map((rest): SchemaNode => defined({ type: "array", ...rest }));
  const sets = lists.map((list): SchemaNode => ({ ...list, "x-kubernetes-list-type": "set" })).filter(isPossible);
  return fc.oneof(leaves, objects, maps, lists, sets);
}

/** API servers take sets of plain values only, defaults that fit (ours fit no format), and rules on what CEL knows. */
const isPossible = (node: SchemaNode): boolean =>
  (node.format === undefined || node.default === undefined) &&
  (node["x-kubernetes-list-type"] !== "set" || isPlain(node.items!)) &&
  (!hasRules(node) || RULED.every((name) => node.properties?.[name] && isKnownToCel(node.properties[name])));

const isPlain = ({ type = "", nullable }: SchemaNode): boolean =>
  ["string", "integer", "number", "boolean"].includes(type) && !nullable;

function isKnownToCel(node: SchemaNode): boolean {
  const inner = node.items ?? mapValuesOf(node);
  return typesOf(node) !== undefined && (!inner || isKnownToCel(inner));
}

const RULED = ["a", "b"];
/** Sees everything that a change does to two fields: a default in one of them makes it equal to the other. */
const RULE = { rule: "!has(self.a) || !has(self.b) || dyn(self.a) != dyn(self.b)" };

export const hasRules = (node: SchemaNode): boolean => node["x-kubernetes-validations"] !== undefined;

/** Rules are for what is there once: in lists and maps without a limit, they may cost API servers too much. */
const ruled: fc.Arbitrary<SchemaNode> = schemas(1).filter(isKnownToCel).map((field) => ({
  type: "object",
  properties: Object.fromEntries(RULED.map((name) => [name, field])),
  "x-kubernetes-validations": [RULE],
}));

/** A schema and what became of it: one place somewhere in it is different. */
export const schemaChanges: fc.Arbitrary<[before: SchemaNode, after: SchemaNode]> = fc.oneof(
  { weight: 3, arbitrary: schemas() },
  { weight: 1, arbitrary: ruled },
).chain((before) => changed(before).map((after) => [before, after]));

function changed(node: SchemaNode): fc.Arbitrary<SchemaNode> {
  const { properties, items, additionalProperties } = node;
  const choices: fc.Arbitrary<SchemaNode>[] = [
    schemas(1),
    // Of the same type, another one has other keywords; one of them is taken over.
    fc.tuple(sameType(node), fc.nat()).map(([other, pick]) => {
      const keywords = [...new Set([...Object.keys(node), ...Object.keys(other)])].filter((keyword) =>
        !["type", "properties", "items", "additionalProperties", "required", "format"].includes(keyword)
      );
      const keyword = keywords[pick % (keywords.length || 1)] as keyof SchemaNode | undefined;
      return keyword ? defined({ ...node, [keyword]: other[keyword] }) : node;
    }),
  ];
  if (items) choices.push(changed(items).map((items) => ({ ...node, items })));
  if (typeof additionalProperties === "object") {
    choices.push(changed(additionalProperties).map((values) => ({ ...node, additionalProperties: values })));
  }
  if (properties) {
    const free = NAMES.filter((name) => !Object.hasOwn(properties, name));
    if (free.length > 0) {
      choices.push(
        fc.tuple(fc.constantFrom(...free), schemas(1)).map(([name, field]) => ({
          ...node,
          properties: { ...properties, [name]: field },
        })),
      );
    }
    choices.push(
      fc.subarray(Object.keys(properties)).map((required) => ({ ...node, required })),
      fc.subarray(Object.keys(properties)).map((names) => ({
        ...node,
        required: node.required?.filter((name) => names.includes(name)),
        properties: Object.fromEntries(names.map((name) => [name, properties[name]!])),
      })),
    );
    for (const name of Object.keys(properties)) {
      choices.push(
        changed(properties[name]!).map((field) => ({ ...node, properties: { ...properties, [name]: field } })),
      );
    }
  }
  return fc.oneof(...choices).filter(isPossible);
}

function sameType(node: SchemaNode): fc.Arbitrary<SchemaNode> {
  const isSame = (other: SchemaNode) => other.type === node.type && !other.enum === !node.enum;
  if (node.type === "string") return texts.filter(isSame);
  if (node.type === "integer" || node.type === "number") return numbers.filter(isSame);
  if (node.type === undefined || node.type === "boolean") return fc.constant(node);
  return schemas(1).filter(({ type }) => type === node.type);
}

/** Where CEL does not see texts, two of one meaning. */
const FORMATTED: Record<string, string[]> = {
  "date-time": ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00"],
  duration: ["60s", "1m"],
  "k8s-short-name": ["a-name"],
  ipv4: ["10.0.0.1"],
  uuid: ["6ba7b810-9dad-41d1-80b4-00c04fd430c8"],
};

/** Values that fit a schema. */
export function valuesOf(node: SchemaNode): fc.Arbitrary<Json> {
  if (node.nullable) return fc.oneof(fc.constant(null), valuesOf({ ...node, nullable: false }));
  if (node.enum) return fc.constantFrom(...node.enum);
  switch (node.type) {
    case "string":
      return textsOf(node);
    case "integer":
    case "number": {
      const { minimum = -20, maximum = 20, exclusiveMaximum, multipleOf: step = 1 } = node;
      return fc.integer({
        min: Math.ceil(minimum / step),
        max: Math.floor((exclusiveMaximum ? maximum - 1 : maximum) / step),
      }).map((count) => count * step);
    }
    case "boolean":
      return fc.boolean();
    case "array": {
      const bounds = { minLength: node.minItems ?? 0, maxLength: node.maxItems ?? 3 };
      const values = valuesOf(node.items!);
      if (node["x-kubernetes-list-type"] === "set") return fc.uniqueArray(values, bounds);
      // Where there is a default, null means it.
      const isFilled = node.items!.default !== undefined;
      return fc.array(isFilled ? fc.oneof(values, fc.constant(null)) : values, bounds);
    }
    case "object":
      return objectsOf(node);
  }
  return node["x-kubernetes-int-or-string"] ? fc.oneof(fc.constant("x"), fc.integer({ min: -9, max: 9 })) : ANYTHING;
}

const ANYTHING: fc.Arbitrary<Json> = fc.constantFrom<Json>("x", 1, true, [], ["x", 1], {}, { a: { b: [null] } });

function textsOf({ format, pattern = ".*", minLength = 0, maxLength = 6 }: SchemaNode): fc.Arbitrary<string> {
  if (format) return fc.constantFrom(...FORMATTED[format] ?? ["anything at all"]);
  const characters = pattern === ".*" ? ["a", "Z", "-", "ü", "😀"] : ["a", "b", "c"];
  const least = Math.max(minLength, pattern.includes("+") || pattern.includes("{1") ? 1 : 0);
  const most = pattern.includes("{1,3}") ? Math.min(3, maxLength) : maxLength;
  return fc.array(fc.constantFrom(...characters), { minLength: least, maxLength: most }).map((list) => list.join(""));
}

function objectsOf(node: SchemaNode): fc.Arbitrary<Json> {
  const { properties = {}, required = [], additionalProperties, maxProperties = 3 } = node;
  if (typeof additionalProperties === "object") {
    return fc.dictionary(fc.constantFrom("k", "l", "a"), valuesOf(additionalProperties), { maxKeys: maxProperties });
  }
  const fields = Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, valuesOf(field)]));
  const known = fc.record(fields, { requiredKeys: required });
  if (!keepsUnknown(node)) return known;
  const unknown = NAMES.filter((name) => !Object.hasOwn(properties, name));
  return fc.tuple(known, fc.dictionary(fc.constantFrom("z", ...unknown), ANYTHING)).map(([a, b]) => ({ ...b, ...a }));
}
