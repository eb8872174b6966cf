import type { Static, TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import { TerminalError } from "../kube/errors.ts";
import { isJsonObject, parseJson } from "../kube/json.ts";
import type { Json } from "../kube/types.ts";

/** An object is not what its kind demands; the message names the object and the first few fields that are wrong. */
export class InvalidObjectError extends TerminalError {}

/**
 * Whether an object is what its kind demands, e.g. `check(ClusterBinding.schema, object)`. Fields the schema does not
 * know are fine: a newer version may have them. Costs microseconds, so every reconciler can begin with it.
 *
 * @throws {InvalidObjectError} e.g. `Cannot use ClusterBinding "ns/cluster": spec.providerPrettyName is missing`
 */
export function check<Schema extends TSchema>(schema: Schema, value: unknown): asserts value is Static<Schema> {
  const validator = validatorOf(schema);
  if (!validator.Check(value)) throw new InvalidObjectError(describe(schema, value, validator));
}

/**
 * A checked copy with the defaults filled in and unknown fields left out, as an API server would do it: for what comes
 * over HTTP or from a file.
 *
 * @throws {InvalidObjectError} as `check`
 */
export function decode<Schema extends TSchema>(schema: Schema, value: unknown): Static<Schema> {
  const projected = project(schema as Node, value);
  check(schema, projected);
  return projected;
}

/**
 * `decode` of a JSON text from a stranger.
 *
 * @param maxLength in characters
 * @throws {InvalidObjectError} also for a text that is too long, or no JSON
 */
export function decodeJson<Schema extends TSchema>(
  schema: Schema,
  json: string,
  { maxLength = 4_000_000 }: { maxLength?: number } = {},
): Static<Schema> {
  const title = titleOf(schema);
  if (json.length > maxLength) {
    throw new InvalidObjectError(`Cannot read ${title}: longer than ${maxLength} characters`);
  }
  let value: unknown;
  try {
    value = parseJson(json);
  } catch {
    // The cause quotes the text, which may hold credentials.
    throw new InvalidObjectError(`Cannot read ${title}: not a JSON document`);
  }
  return decode(schema, value);
}

const validators = new WeakMap<TSchema, Validator>();

function validatorOf(schema: TSchema): Validator {
  let validator = validators.get(schema);
  if (!validator) validators.set(schema, validator = Compile(schema));
  return validator;
}

const titleOf = (schema: TSchema): string => (schema as { title?: string }).title ?? "object";

/** The keywords that matter for defaults and unknown fields. */
interface Node {
  properties?: Record<string, Node>;
  additionalProperties?: Node;
  items?: Node;
  default?: unknown;
  "x-kubernetes-preserve-unknown-fields"?: boolean;
}

function project(node: Node, value: unknown): unknown {
  if (Array.isArray(value)) return node.items ? value.map((item) => project(node.items!, item)) : value;
  if (!isJsonObject(value)) return value;
  const { properties, additionalProperties } = node;
  if (properties) {
    const known = node["x-kubernetes-preserve-unknown-fields"] ? { ...value } : {} as typeof value;
    for (const [field, inner] of Object.entries(properties)) {
      // An API server takes null for absent, too.
      const given = Object.hasOwn(value, field) ? value[field] ?? undefined : undefined;
      const present = given === undefined ? structuredClone(inner.default) : given;
      if (present !== undefined) known[field] = project(inner, present) as Json;
    }
    return known;
  }
  if (!additionalProperties) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, project(additionalProperties, item)]));
}

const MOST_PROBLEMS = 3;

function describe(schema: TSchema, value: unknown, validator: Validator): string {
  const problems = [...new Set(validator.Errors(value).flatMap(problemsOf))];
  const shown = problems.slice(0, MOST_PROBLEMS).join("; ");
  const more = problems.length > MOST_PROBLEMS ? ` (and ${problems.length - MOST_PROBLEMS} more)` : "";
  return `Cannot use ${titleOf(schema)}${nameOf(value)}: ${shown}${more}`;
}

interface Problem {
  keyword: string;
  instancePath: string;
  params: unknown;
  message: string;
}

function problemsOf({ keyword, instancePath, params, message }: Problem): string[] {
  const path = fieldPath(instancePath);
  switch (keyword) {
    case "required": {
      const { requiredProperties } = params as { requiredProperties: string[] };
      return requiredProperties.map((field) => `${path ? `${path}.` : ""}${field} is missing`);
    }
    case "additionalProperties": // said again for the value inside
      return [];
    case "enum": {
      const { allowedValues } = params as { allowedValues: unknown[] };
      return [`${path} must be ${allowedValues.map((allowed) => JSON.stringify(allowed)).join(" or ")}`];
    }
    case "const":
      return [`${path} must be ${JSON.stringify((params as { allowedValue: unknown }).allowedValue)}`];
    default:
      return [`${path || "it"} ${message}`];
  }
}

/** `/spec/resources/0/group` → `spec.resources[0].group`. */
const fieldPath = (pointer: string): string =>
  pointer.split("/").slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce((path, part) => /^\d+$/.test(part) ? `${path}[${part}]` : path ? `${path}.${part}` : part, "");

/** ` "ns/name"`, as far as the object says it; cut, since the object may be hostile. */
function nameOf(value: unknown): string {
  const metadata = isJsonObject(value) && isJsonObject(value.metadata) ? value.metadata : {};
  const parts = [metadata.namespace, metadata.name].filter((part) => typeof part === "string");
  return parts.length === 0 ? "" : ` ${JSON.stringify(parts.join("/").slice(0, 253))}`;
}
