import { deepEqual, isJsonObject } from "../../kube/json.ts";
import type { Json } from "../../kube/types.ts";
import { keepsUnknown, type SchemaNode, typesOf, valuesOf } from "./node.ts";
import { matches } from "./pattern.ts";

/**
 * Formats that an API server checks in strings, without their dashes, as it reads them; it ignores all others. Rough,
 * since these only tell examples apart.
 */
const TEXT_FORMATS = new Map(Object.entries({
  datetime: /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d/,
  date: /^\d{4}-\d\d-\d\d$/,
  duration: /^\d+(\.\d+)? ?(ns|us|µs|ms|s|m|h|d|w)/,
  byte: /^[A-Za-z0-9+/]+={0,2}$/,
  email: /^[^@\s]+@[^@\s]+$/,
  hostname: /^[a-zA-Z0-9.-]+$/,
  ipv4: /^\d+\.\d+\.\d+\.\d+$/,
  ipv6: /^[0-9a-f:.]*:[0-9a-f:.]*$/i,
  cidr: /^[0-9a-f.:]+\/\d+$/i,
  mac: /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i,
  uri: /^(\/|[a-z][a-z0-9+.-]*:)/i,
  uuid: /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i,
  uuid3: /^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i,
  uuid4: /^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i,
  uuid5: /^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i,
  creditcard: /^\d{13,19}$/,
  isbn: /^[\dX-]{10,17}$/,
  isbn10: /^[\dX-]{10,13}$/,
  isbn13: /^[\d-]{13,17}$/,
  ssn: /^\d{3}[- ]?\d{2}[- ]?\d{4}$/,
  hexcolor: /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i,
  rgbcolor: /^rgb\(/,
  bsonobjectid: /^[0-9a-f]{24}$/i,
  k8sshortname: /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
  k8slongname: /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/,
}));
const textFormat = (format: string): RegExp | undefined => TEXT_FORMATS.get(format.replaceAll("-", ""));
const NUMBER_LIMITS: Record<string, number> = { int32: 2 ** 31 - 1, float: 3.4028235e38 };

/** Whether an API server looks at a format at all. */
export const isChecked = (format: string): boolean =>
  textFormat(format) !== undefined || Object.hasOwn(NUMBER_LIMITS, format);

/**
 * Whether a value fits a schema, and nothing of it would be dropped. Knows nothing of CEL rules.
 *
 * @param isPart of an allOf, anyOf, oneOf or not: those name only the fields they are about
 */
export function accepts(node: SchemaNode, value: Json, isPart = false): boolean {
  if (value === null) return node.nullable === true || !typesOf(node) || node.default !== undefined;
  const types = typesOf(node);
  if (types && !types.some((type) => isOfType(type, value))) return false;
  if (node.enum && !node.enum.some((one) => deepEqual(one, value))) return false;
  const part = (one: SchemaNode) => accepts(one, value, true);
  if (node.allOf && !node.allOf.every(part)) return false;
  if (node.anyOf && !node.anyOf.some(part)) return false;
  if (node.oneOf && node.oneOf.filter(part).length !== 1) return false;
  if (node.not && part(node.not)) return false;
  if (typeof value === "string") return acceptsText(node, value);
  if (typeof value === "number") return acceptsNumber(node, value);
  if (Array.isArray(value)) return acceptsList(node, value, isPart);
  return !isJsonObject(value) || acceptsObject(node, value, isPart);
}

function isOfType(type: string, value: Json): boolean {
  switch (type) {
    case "array":
      return Array.isArray(value);
    case "object":
      return isJsonObject(value);
    case "integer":
      return Number.isInteger(value);
    default:
      return typeof value as string === type;
  }
}

const isWithin = (size: number, least = -Infinity, most = Infinity): boolean => size >= least && size <= most;

function acceptsText({ minLength, maxLength, pattern, format }: SchemaNode, text: string): boolean {
  return isWithin([...text].length, minLength, maxLength) &&
    (pattern === undefined || matches(pattern, text)) &&
    (format === undefined || (textFormat(format)?.test(text) ?? true));
}

function acceptsNumber(node: SchemaNode, number: number): boolean {
  const limit = NUMBER_LIMITS[node.format ?? ""] ?? Infinity;
  return isWithin(number, node.minimum, node.maximum) && Math.abs(number) <= limit &&
    !(node.exclusiveMinimum && number === node.minimum) && !(node.exclusiveMaximum && number === node.maximum) &&
    (node.multipleOf === undefined || Number.isInteger(number / node.multipleOf));
}

function acceptsList(node: SchemaNode, list: Json[], isPart: boolean): boolean {
  const { items } = node;
  if (!isWithin(list.length, node.minItems, node.maxItems)) return false;
  if (items && !list.every((item) => accepts(items, item, isPart))) return false;
  const keys = node["x-kubernetes-list-map-keys"] ?? [];
  const identityOf = {
    atomic: undefined,
    set: (item: Json) => item,
    map: (item: Json) => keys.map((key) => (item as Record<string, Json>)[key] ?? items?.properties?.[key]?.default),
  }[node["x-kubernetes-list-type"] ?? "atomic"];
  if (!identityOf) return true;
  return new Set(list.map((item) => JSON.stringify(identityOf(item)))).size === list.length;
}

function acceptsObject(node: SchemaNode, object: Record<string, Json>, isPart: boolean): boolean {
  const { properties = {}, required = [] } = node;
  const values = valuesOf(node);
  const schemaOf = (name: string) => Object.hasOwn(properties, name) ? properties[name] : values;
  // A null that is not allowed counts as left out.
  const isLeftOut = (name: string) => object[name] === null && schemaOf(name)?.nullable !== true;
  const names = Object.keys(object).filter((name) => !isLeftOut(name));
  const isEmbedded = node["x-kubernetes-embedded-resource"] === true;
  if (!isWithin(names.length, node.minProperties, node.maxProperties)) return false;
  if (required.some((name) => !names.includes(name) && properties[name]?.default === undefined)) return false;
  if (isEmbedded && !["apiVersion", "kind"].every((name) => typeof object[name] === "string")) return false;
  return names.every((name) => {
    const field = schemaOf(name);
    if (field) return accepts(field, object[name]!, isPart);
    return isPart || keepsUnknown(node) || (isEmbedded && ["apiVersion", "kind", "metadata"].includes(name));
  });
}
