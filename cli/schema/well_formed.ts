import { isJsonObject } from "../../kube/json.ts";
import type { Json } from "../../kube/types.ts";

type Shape = (value: Json) => boolean;

const isNames: Shape = (value) => Array.isArray(value) && value.every((one) => typeof one === "string");
const isObjects: Shape = (value) => Array.isArray(value) && value.every(isJsonObject);

const NAMES: Record<string, Shape> = { shortNames: isNames, categories: isNames };
const VERSION: Record<string, Shape> = {
  schema: isJsonObject,
  subresources: isJsonObject,
  additionalPrinterColumns: isObjects,
  selectableFields: isObjects,
};
const isText: Shape = (value) => typeof value === "string";
const isNumber: Shape = (value) => typeof value === "number";
/** Keywords of a schema that are read, but for those that hold schemas. */
const NODE: Record<string, Shape> = {
  type: isText,
  format: isText,
  pattern: isText,
  ...Object.fromEntries(
    [
      "maximum",
      "minimum",
      "multipleOf",
      "maxLength",
      "minLength",
      "maxItems",
      "minItems",
      "maxProperties",
      "minProperties",
    ]
      .map((name) => [name, isNumber]),
  ),
  enum: Array.isArray,
  required: isNames,
  "x-kubernetes-list-map-keys": isNames,
  "x-kubernetes-validations": (value) =>
    isObjects(value) && (value as { rule?: Json }[]).every(({ rule }) => isText(rule!)),
};

/** Keywords of a schema that hold values of the API, whose nulls mean something. */
const VALUES = new Set(["default", "enum", "example"]);

/** What an API server reads in the `spec` of a CRD or XRD: a field that is null is not there. */
export function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isJsonObject(value)) return value;
  const fields = Object.entries(value).filter(([, one]) => one !== null).map(([name, one]): [string, Json] => {
    if (VALUES.has(name)) return [name, one];
    if (name !== "properties" || !isJsonObject(one)) return [name, withoutNulls(one)];
    const schemas = Object.entries(one).map(([property, schema]) => [property, withoutNulls(schema)]);
    return [name, Object.fromEntries(schemas)];
  });
  return Object.fromEntries(fields);
}

/** Where a CRD or XRD, complete at the top, is of another shape than one that an API server takes; undefined if nowhere. */
export function misshapenAt({ names, versions }: { names: Record<string, Json>; versions: Record<string, Json>[] }) {
  const found = wrongField(names, NAMES, "spec.names");
  if (found) return found;
  for (const version of versions) {
    const at = `version ${version.name}`;
    const node = isJsonObject(version.schema!) ? version.schema.openAPIV3Schema : undefined;
    const wrong = wrongField(version, VERSION, at) ?? (node === undefined ? undefined : wrongNode(node, at));
    if (wrong) return wrong;
  }
}

const wrongField = (value: Record<string, Json>, shapes: Record<string, Shape>, at: string): string | undefined => {
  const name = Object.keys(shapes).find((name) => value[name] !== undefined && !shapes[name]!(value[name]));
  return name && `${at} ${name}`;
};

function wrongNode(node: Json, at: string): string | undefined {
  if (!isJsonObject(node)) return at;
  const wrong = wrongField(node, NODE, at);
  if (wrong) return wrong;
  const { properties = {}, items, not, additionalProperties, allOf = [], anyOf = [], oneOf = [] } = node;
  if (!isJsonObject(properties)) return `${at} properties`;
  for (const [name, junctors] of Object.entries({ allOf, anyOf, oneOf })) {
    if (!Array.isArray(junctors)) return `${at} ${name}`;
  }
  const inner: [string, Json | undefined][] = [
    ...Object.entries(properties).map(([name, one]): [string, Json] => [`.${name}`, one]),
    ["[]", items],
    ["{}", typeof additionalProperties === "boolean" ? undefined : additionalProperties],
    [" not", not],
    ...[allOf, anyOf, oneOf].flatMap((junctors) => (junctors as Json[]).map((one): [string, Json] => [" of", one])),
  ];
  for (const [step, one] of inner) {
    const wrong = one === undefined ? undefined : wrongNode(one, `${at}${step}`);
    if (wrong) return wrong;
  }
}
