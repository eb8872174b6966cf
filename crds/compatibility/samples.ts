import { isJsonObject } from "../../kube/json.ts";
import type { Json } from "../../kube/types.ts";
import { accepts } from "./accepts.ts";
import { keepsUnknown, type SchemaNode, typesOf, valuesOf } from "./node.ts";

/** Values of all formats, and some of none. */
const TEXTS = [
  ...[
    "a",
    "",
    "-",
    "A",
    "a b",
    "1",
    "01",
    "a1",
    "example",
    "Example",
    "a-b",
    "a_b",
    "a.b",
    "10Gi",
    "100m",
    "1s",
    "5m0s",
  ],
  ...["example.com", "a@example.com", "https://example.com", "10.0.0.1", "::1", "10.0.0.0/8", "00:00:5e:00:53:01"],
  ...["2026-01-01", "2026-01-01T00:00:00Z", "v1", "v1.2.3", "1.2.3", "YWJj", "#ff0000", "507f1f77bcf86cd799439011"],
  ...["6ba7b810-9dad-41d1-80b4-00c04fd430c8", "!"],
];
/** Longer texts say nothing more and make examples unreadable. */
const MAX_EXAMPLE_LENGTH = 300;
const MAX_EXAMPLE_ITEMS = 50;

const known = new WeakMap<SchemaNode, Json[]>();

/** Values that a schema takes, the plainest first; empty when none is found. */
function acceptedBy(node: SchemaNode): Json[] {
  let values = known.get(node);
  if (!values) known.set(node, values = samplesOf(node).filter((value) => value !== null && accepts(node, value)));
  return values;
}

/** The plainest value that a schema takes, as far as one is found. */
export const plainestOf = (node: SchemaNode): Json | undefined => acceptedBy(node)[0];

/** A value that was accepted and is not any more; undefined when none is found, which does not mean that none exists. */
export function findExample(before: SchemaNode, after: SchemaNode): Json | undefined {
  return [...samplesOf(before), ...samplesOf(after)].find((value) => accepts(before, value) && !accepts(after, value));
}

/** Values around everything that a schema says, the plainest first; not all of them fit it. */
function samplesOf(node: SchemaNode): Json[] {
  const types = typesOf(node);
  return [
    ...(node.default === undefined ? [] : [node.default]),
    ...(node.enum ?? []),
    ...(types ? types.flatMap((type) => SAMPLES[type]?.(node) ?? []) : [{}, "a", 1, true, []]),
    null,
  ];
}

const SAMPLES: Record<string, (node: SchemaNode) => Json[]> = {
  boolean: () => [false, true],
  integer: numbers,
  number: (node) => [...numbers(node), 0.5],
  string: texts,
  array: lists,
  object: objects,
};

function numbers({ minimum = 0, maximum = minimum, multipleOf = 1 }: SchemaNode): number[] {
  const near = [minimum, maximum].flatMap((bound) => [bound, bound + 1, bound - 1]);
  const multiples = [minimum, maximum].map((bound) => Math.ceil(bound / multipleOf) * multipleOf);
  return [...near, ...multiples, 0, 1, 2, 3, 5, 7, -1, 1000, 2 ** 31, 1e39];
}

function texts({ minLength, maxLength }: SchemaNode): string[] {
  const lengths = [minLength, maxLength].flatMap((length) =>
    length === undefined ? [] : [length, length + 1, length - 1]
  );
  return [
    ...TEXTS,
    ...lengths.filter((length) => length >= 0 && length <= MAX_EXAMPLE_LENGTH).map((n) => "a".repeat(n)),
  ];
}

function lists({ items = {}, minItems = 0, maxItems = minItems }: SchemaNode): Json[] {
  const values = acceptedBy(items);
  const lengths = [0, 1, minItems, minItems - 1, minItems + 1, maxItems, maxItems + 1]
    .filter((length) => length >= 0 && length <= Math.min(values.length, MAX_EXAMPLE_ITEMS));
  const few = values.slice(0, 6);
  return [
    ...lengths.map((length) => values.slice(0, length)),
    ...few.flatMap((one) => few.map((other) => [one, other])),
  ];
}

function objects(node: SchemaNode): Json[] {
  const { properties = {}, required = [], minProperties = 0, maxProperties = minProperties } = node;
  const values = valuesOf(node) ?? (keepsUnknown(node) ? {} : undefined);
  const isEmbedded = node["x-kubernetes-embedded-resource"];
  const base: Record<string, Json> = isEmbedded ? { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } } : {};
  for (const name of required) {
    const value = plainestOf(properties[name] ?? values ?? {});
    if (value !== undefined) base[name] = value;
  }
  const without = Object.keys(base).map((name) => {
    const { [name]: _, ...rest } = base;
    return rest;
  });
  const withOne = Object.entries(properties).flatMap(([name, field]) =>
    acceptedBy(field).slice(0, 2).map((value) => ({ ...base, [name]: value }))
  );
  const all = Object.assign({}, ...withOne.toReversed()) as Record<string, Json>;
  const free = values && plainestOf(values);
  const withFree = free === undefined ? [] : [1, minProperties, maxProperties, maxProperties + 1]
    .filter((count) => count <= MAX_EXAMPLE_ITEMS)
    .map((count) => ({
      ...base,
      ...Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index || ""}`, free])),
    }));
  return [base, ...without, ...withOne, all, ...withFree, { ...base, unknown: "a" }];
}

/** A whole value around that of one of its parts; undefined when no whole is found. */
export const inField = (node: SchemaNode, name: string, value: Json): Json | undefined => {
  const whole = plainestOf(node);
  return isJsonObject(whole) ? { ...whole, [name]: value } : undefined;
};

export const inList = ({ minItems = 0, items = {} }: SchemaNode, value: Json): Json | undefined => {
  if (minItems <= 1) return [value];
  const others = acceptedBy(items).slice(0, minItems - 1);
  return others.length === minItems - 1 ? [value, ...others] : undefined;
};
