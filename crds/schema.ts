import Type, { type TSchema } from "typebox";

/**
 * Parts of schemas from which the TypeScript type, the published CRD and the runtime check come alike. A description is
 * what `kubectl explain` shows, so every field has one.
 */
type Options = Record<string, unknown>;

/** A CEL rule of the API server, with the message users read when it does not hold. */
export interface Rule {
  rule: string;
  message: string;
}

/** The option that puts CEL rules on a schema. */
export const rules = (...list: Rule[]): Options => ({
  "x-kubernetes-validations": list.map(({ rule, message }) => ({ message, rule })),
});

/** The rule that a field keeps the value it was created with. */
export const immutable = (message: string): Options => rules({ rule: "self == oldSelf", message });

/** The option that lets users merge a list by the given keys of its items. */
export const listMap = (...keys: string[]): Options => ({
  "x-kubernetes-list-map-keys": keys,
  "x-kubernetes-list-type": "map",
});

/** The option that makes a list change as a whole. */
export const ATOMIC_LIST: Options = { "x-kubernetes-list-type": "atomic" };
/** The option that makes an object change as a whole. */
export const ATOMIC_MAP: Options = { "x-kubernetes-map-type": "atomic" };

export const text = (description: string, options: Options = {}) => Type.String({ description, ...options });
export const flag = (description: string, options: Options = {}) => Type.Boolean({ description, ...options });
export const int32 = (description: string) => Type.Integer({ description, format: "int32" });
export const int64 = (description: string) => Type.Integer({ description, format: "int64" });
export const optional = Type.Optional;

export const time = (description: string) => text(description, { format: "date-time" });

/** A string out of a closed set. */
export const choice = <Value extends string>(values: Value[], description: string, options: Options = {}) =>
  Type.Unsafe<Value>({ description, type: "string", enum: values, ...options });

/** A string out of a set that the schema does not close: other values are accepted, though nothing is known to write them. */
export const openChoice = <Value extends string>(description: string) =>
  Type.Unsafe<Value>({ description, type: "string" });

export const list = <Item extends TSchema>(items: Item, description: string, options: Options = {}) =>
  Type.Array(items, { description, ...options });

export const object = <Fields extends Type.TProperties>(fields: Fields, description: string, options: Options = {}) =>
  Type.Object(fields, { description, ...options });

/** An object with free keys and values of one kind. */
export const mapOf = <Value extends TSchema>(values: Value, description: string, options: Options = {}) =>
  Type.Unsafe<Record<string, Type.Static<Value>>>({
    description,
    type: "object",
    additionalProperties: values,
    ...options,
  });

/** An object whose content is not ours to know. */
export const freeObject = (description: string, options: Options = {}) =>
  Type.Unsafe<Record<string, unknown>>({
    description,
    type: "object",
    "x-kubernetes-preserve-unknown-fields": true,
    ...options,
  });

export const intOrText = (description: string, options: Options = {}) =>
  Type.Unsafe<number | string>({
    description,
    anyOf: [{ type: "integer" }, { type: "string" }],
    "x-kubernetes-int-or-string": true,
    ...options,
  });

const filledIn = new WeakSet<TSchema>();

/** Marks a field that may be left out when writing, but is always there when reading: its default is filled in. */
export function alwaysRead<Schema extends TSchema>(schema: Schema): Schema {
  filledIn.add(schema);
  return schema;
}

export const isFilledIn = (schema: TSchema): boolean => filledIn.has(schema);
