import { isJsonObject } from "../kube/json.ts";
import type { Json } from "../kube/types.ts";
import type { CrdNames } from "../kube/resources.ts";

/**
 * JSON of an exported API byte by byte as Go's `encoding/json` writes it for the structs of
 * k8s.io/apiextensions-apiserver: fields in the order of the struct, keys of maps sorted, zero values left out. Backends
 * compare hashes of this text, so a backend that wrote it differently would rewrite every export of the one before.
 */
export const exportCrdJson = ({ group, names, scope, versions }: CrdPart): string =>
  struct([
    ["group", text(group)],
    ["names", NAMES(names as unknown as Json)],
    ["scope", text(scope)],
    ["versions", list(VERSION)(versions as Json)],
  ]);

/** What exports and CRDs have in common. */
export interface CrdPart {
  group: string;
  names: CrdNames;
  scope: string;
  versions: object[];
}

/** Writes one value; `undefined` leaves its field out. */
type Write = (value: Json) => string | undefined;

// HTML-safe by default: https://pkg.go.dev/encoding/json#Marshal
const text = (value: Json): string =>
  JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

const struct = (fields: [name: string, text: string | undefined][]): string =>
  `{${fields.filter(([, text]) => text !== undefined).map(([name, json]) => `${text(name)}:${json}`).join(",")}}`;

/** Any JSON value, as an API server sends it: keys sorted, numbers in their own text. */
const any = (value: Json): string => {
  if (Array.isArray(value)) return `[${value.map(any).join(",")}]`;
  if (!isJsonObject(value)) return text(value);
  return struct(Object.keys(value).sort().map((key) => [key, any(value[key]!)]));
};

// Fields declared `omitempty` on a plain type vanish with their zero value, those on a pointer do not.
const nonZero: Write = (value) => value === "" || value === false || value === 0 ? undefined : text(value);
const pointer: Write = any;
/** A float64: Go prints numbers as JavaScript does, however they were written before. */
const float: Write = (value) => JSON.stringify(Number(JSON.stringify(value)));
const nonEmptyList = (item: Write): Write => (value) =>
  Array.isArray(value) && value.length === 0 ? undefined : list(item)(value);
const nonEmptyMap = (item: Write): Write => (value) => {
  if (!isJsonObject(value)) return any(value);
  const keys = Object.keys(value).sort();
  return keys.length === 0 ? undefined : struct(keys.map((key) => [key, item(value[key]!)]));
};

function list(item: Write): (value: Json) => string {
  return (value) => Array.isArray(value) ? `[${value.map((entry) => item(entry) ?? "null").join(",")}]` : any(value);
}

/** Fields of a struct in its order; what the struct does not know comes last, so that newer keywords count, too. */
function fields(order: Record<string, Write>): (value: Json) => string {
  return (value) => {
    if (!isJsonObject(value)) return any(value);
    const present = (name: string) => Object.hasOwn(value, name) && value[name] !== undefined && value[name] !== null;
    const unknown = Object.keys(value).filter((name) => !Object.hasOwn(order, name)).sort();
    return struct([
      ...Object.keys(order).filter(present).map((name) => [name, order[name]!(value[name]!)] as [string, string]),
      ...unknown.filter(present).map((name) => [name, any(value[name]!)] as [string, string]),
    ]);
  };
}

const NAMES = fields({
  plural: any,
  singular: nonZero,
  shortNames: nonEmptyList(any),
  kind: any,
  listKind: nonZero,
  categories: nonEmptyList(any),
});

const RULE = fields({
  rule: any,
  message: nonZero,
  messageExpression: nonZero,
  reason: pointer,
  fieldPath: nonZero,
  optionalOldSelf: pointer,
});

const schema: Write = (value) => SCHEMA(value);
const schemaOrList: Write = (value) => Array.isArray(value) ? list(schema)(value) : schema(value);

// k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1, JSONSchemaProps; the same from v0.32 to v0.36.
const SCHEMA = fields({
  id: nonZero,
  $schema: nonZero,
  $ref: pointer,
  description: nonZero,
  type: nonZero,
  format: nonZero,
  title: nonZero,
  default: any,
  maximum: float,
  exclusiveMaximum: nonZero,
  minimum: float,
  exclusiveMinimum: nonZero,
  maxLength: pointer,
  minLength: pointer,
  pattern: nonZero,
  maxItems: pointer,
  minItems: pointer,
  uniqueItems: nonZero,
  multipleOf: float,
  enum: nonEmptyList(any),
  maxProperties: pointer,
  minProperties: pointer,
  required: nonEmptyList(any),
  items: schemaOrList,
  allOf: nonEmptyList(schema),
  oneOf: nonEmptyList(schema),
  anyOf: nonEmptyList(schema),
  not: schema,
  properties: nonEmptyMap(schema),
  additionalProperties: schema,
  patternProperties: nonEmptyMap(schema),
  dependencies: nonEmptyMap(schemaOrList),
  additionalItems: schema,
  definitions: nonEmptyMap(schema),
  externalDocs: fields({ description: nonZero, url: nonZero }),
  example: any,
  nullable: nonZero,
  "x-kubernetes-preserve-unknown-fields": pointer,
  "x-kubernetes-embedded-resource": nonZero,
  "x-kubernetes-int-or-string": nonZero,
  "x-kubernetes-list-map-keys": nonEmptyList(any),
  "x-kubernetes-list-type": pointer,
  "x-kubernetes-map-type": pointer,
  "x-kubernetes-validations": nonEmptyList(RULE),
});

const COLUMN = fields({
  name: any,
  type: any,
  format: nonZero,
  description: nonZero,
  priority: nonZero,
  jsonPath: any,
});

const VERSION = fields({
  name: any,
  served: any,
  storage: any,
  deprecated: nonZero,
  deprecationWarning: pointer,
  schema: fields({ openAPIV3Schema: SCHEMA }),
  subresources: fields({
    status: any,
    scale: fields({ specReplicasPath: any, statusReplicasPath: any, labelSelectorPath: pointer }),
  }),
  additionalPrinterColumns: nonEmptyList(COLUMN),
});
