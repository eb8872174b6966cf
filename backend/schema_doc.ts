import { stringify } from "yaml";
import type { OpenApiSchema } from "../kube/resources.ts";
import type { ServedApi } from "./catalogue.ts";

/** One field of an API, for people. */
export interface FieldDoc {
  name: string;
  /** E.g. `list of text`. */
  type: string;
  isRequired: boolean;
  description?: string;
  /** Sentences: default, choices, limits. */
  facts: string[];
  /** What is inside, of an object or of the items of a list. */
  fields: FieldDoc[];
}

/** A version of an API, for people. */
export interface SchemaDoc {
  spec: FieldDoc[];
  status: FieldDoc[];
  /** YAML of an object with what has to be there. */
  example: string;
}

/** Schemas may contain themselves as often as they like; nobody reads further. */
const DEEPEST = 6;

/** What the schema of a CRD says, in words and by example. */
export function describeSchema(api: ServedApi, version: string, schema: OpenApiSchema): SchemaDoc {
  const { spec, status } = propertiesOf(schema);
  const namespace = api.scope === "Namespaced" && { namespace: "default" };
  const example = {
    apiVersion: `${api.group}/${version}`,
    kind: api.kind,
    metadata: { name: `my-${api.singular}`, ...namespace },
    ...(spec && { spec: exampleOf(spec, DEEPEST) }),
  };
  return {
    spec: spec ? fieldsOf(spec, DEEPEST) : [],
    status: status ? fieldsOf(status, DEEPEST) : [],
    example: stringify(example, { lineWidth: 0 }).trimEnd(),
  };
}

const propertiesOf = (schema: OpenApiSchema): Record<string, OpenApiSchema> =>
  (schema.properties ?? {}) as Record<string, OpenApiSchema>;
const itemsOf = (schema: OpenApiSchema) => schema.items as OpenApiSchema | undefined;
const requiredOf = (schema: OpenApiSchema) => (schema.required ?? []) as string[];

function fieldsOf(schema: OpenApiSchema, depth: number): FieldDoc[] {
  if (depth === 0) return [];
  const inner = itemsOf(schema) ?? schema;
  const required = requiredOf(inner);
  return Object.entries(propertiesOf(inner))
    .map(([name, field]) => ({
      name,
      type: typeOf(field),
      isRequired: required.includes(name),
      ...(typeof field.description === "string" && { description: field.description }),
      facts: factsOf(field),
      fields: fieldsOf(field, depth - 1),
    }))
    .sort((a, b) => Number(b.isRequired) - Number(a.isRequired));
}

const TYPES: Record<string, string> = { string: "text", integer: "whole number", boolean: "yes or no" };

function typeOf(schema: OpenApiSchema): string {
  if (schema["x-kubernetes-int-or-string"]) return "whole number or text";
  const items = itemsOf(schema);
  if (items) return `list of ${typeOf(items)}`;
  const type = String(schema.type ?? "anything");
  return schema.additionalProperties ? "map" : TYPES[type] ?? type;
}

function factsOf(schema: OpenApiSchema): string[] {
  const { enum: choices, default: standard, minimum, maximum, pattern, minLength, maxLength, format } = schema;
  const facts = [
    Array.isArray(choices) && `One of ${choices.map(show).join(", ")}.`,
    standard !== undefined && `${show(standard)} unless you say otherwise.`,
    minimum !== undefined && `At least ${minimum}.`,
    maximum !== undefined && `At most ${maximum}.`,
    minLength !== undefined && `At least ${minLength} characters.`,
    maxLength !== undefined && `At most ${maxLength} characters.`,
    pattern !== undefined && `Has to match ${pattern}`,
    typeof format === "string" && `Format: ${format}.`,
  ];
  return facts.filter((fact) => typeof fact === "string");
}

const show = (value: unknown): string => typeof value === "string" ? value || '""' : JSON.stringify(value);

/** The least that has to be there, and what is there by default. */
function exampleOf(schema: OpenApiSchema, depth: number): unknown {
  const { default: standard, enum: choices, type, minimum } = schema;
  if (standard !== undefined) return standard;
  if (Array.isArray(choices)) return choices[0];
  const items = itemsOf(schema);
  if (items) return schema.minItems ? [exampleOf(items, depth - 1)] : [];
  if (type === "integer" || type === "number") return minimum ?? 1;
  if (type === "boolean") return false;
  if (type !== "object") return "…";
  const required = requiredOf(schema);
  const shown = Object.entries(propertiesOf(schema))
    .filter(([name, field]) => depth > 0 && (required.includes(name) || isPlain(field.default)));
  return Object.fromEntries(shown.map(([name, field]) => [name, exampleOf(field, depth - 1)]));
}

/** Defaults that say something; an empty object is there for its inner defaults. */
const isPlain = (value: unknown) => value !== undefined && typeof value !== "object";
