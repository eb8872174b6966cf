import { deepEqual, isJsonObject, parseJson } from "./json.ts";
import type { DynamicObject, KubeObject, ManagedFields } from "./types.ts";

/** A set of fields as `metadata.managedFields[].fieldsV1` writes it. */
export type FieldSet = Record<string, unknown>;

/** Who applies. */
export interface FieldManager {
  name: string;
  /** A program before this one, which created objects without server-side apply; what it set counts as applied. */
  predecessor?: string;
}

/**
 * Whether a manager's last server-side apply set fields that `desired` no longer has: only another apply removes them.
 * An object that this manager never applied counts as such, too.
 *
 * @see sigs.k8s.io/structured-merge-diff, fieldpath/serialize-pe.go, for the keys of a field set
 */
export function ownsMoreThan(object: KubeObject, desired: KubeObject, manager: FieldManager): boolean {
  const applied = appliedFields(object, manager);
  return !applied || !hasAllFields(desired, applied);
}

/** What a manager's last server-side apply set; undefined when there was none, or one without any field. */
export function appliedFields(object: KubeObject, manager: FieldManager): FieldSet | undefined {
  const { applied, inherited } = entriesOf(object, manager);
  return [applied, inherited].map((entry) => entry?.fieldsV1).reduce((all, one) =>
    all && one ? union(all, one) : all ?? one
  );
}

/**
 * The `managedFields` of an object after its predecessor's fields have become the manager's own, so that the next apply
 * without them removes them. Finalizers become nobody's: the manager must neither remove those of others nor keep them.
 *
 * @returns undefined when the predecessor owns nothing
 * @see k8s.io/client-go/util/csaupgrade
 */
export function inheritFields(object: KubeObject, manager: FieldManager): ManagedFields[] | undefined {
  const { applied, inherited } = entriesOf(object, manager);
  if (!inherited) return undefined;
  const heir = { ...inherited, ...applied, manager: manager.name, operation: "Apply" as const };
  const others = object.metadata.managedFields!.filter((entry) => entry !== applied && entry !== inherited);
  return [...others, { ...heir, fieldsV1: withoutFinalizers(appliedFields(object, manager)!) }];
}

/** What everybody but a manager and its predecessor has set, without status and metadata: finalizers are their owners'. */
export const fieldsOfOthers = (object: KubeObject, manager: FieldManager): FieldSet[] => {
  const own = Object.values(entriesOf(object, manager));
  return (object.metadata.managedFields ?? []).flatMap((entry) => {
    if (own.includes(entry) || entry.subresource || !entry.fieldsV1) return [];
    const { "f:metadata": _, ...content } = entry.fieldsV1;
    return [content];
  });
};

/** Whether nothing in a value belongs to others alone. */
export const ownsWhole = (value: unknown, fields: FieldSet): boolean =>
  Object.keys(fields).length === 0 || !isJsonObject(value) ||
  Object.entries(value).every(([name, below]) =>
    `f:${name}` in fields && ownsWhole(below, fields[`f:${name}`] as FieldSet)
  );

function withoutFinalizers({ "f:metadata": ofMetadata, ...fields }: FieldSet): FieldSet {
  const { "f:finalizers": _, ...metadata } = (ofMetadata ?? {}) as FieldSet;
  return Object.keys(metadata).length === 0 ? fields : { "f:metadata": metadata, ...fields };
}

function entriesOf({ metadata: { managedFields = [] } }: KubeObject, { name, predecessor }: FieldManager) {
  const own = managedFields.filter(({ subresource }) => !subresource);
  const applied = own.find(({ manager, operation }) => manager === name && operation === "Apply");
  const inherited = own.find(({ manager = "", operation, apiVersion }) =>
    // Sets of different versions of a schema cannot be united.
    manager === predecessor && operation === "Update" && (!applied || applied.apiVersion === apiVersion)
  );
  return { applied, inherited };
}

/** Members of a set are its empty ends, and what has a `.` besides the fields below it. */
function union(one: FieldSet, other: FieldSet): FieldSet {
  if (Object.keys(one).length === 0) return Object.keys(other).length === 0 ? {} : { ".": {}, ...other };
  if (Object.keys(other).length === 0) return { ".": {}, ...one };
  const both = { ...one, ...other };
  for (const [key, below] of Object.entries(one)) {
    if (key in other) both[key] = union(below as FieldSet, other[key] as FieldSet);
  }
  return both;
}

function hasAllFields(value: unknown, fields: FieldSet): boolean {
  return Object.entries(fields).every(([key, below]) => {
    if (key === ".") return true;
    const child = childOf(value, key);
    return child !== undefined && hasAllFields(child.value, below as FieldSet);
  });
}

/**
 * What a key of a field set stands for, and the field or index where it is: `f:name` is a field, `k:{…}` the list item
 * with these keys, `v:…` the set element, `i:3` the item at that place.
 */
export function childOf(value: unknown, key: string): { at: string | number; value: unknown } | undefined {
  const text = key.slice(2);
  switch (key.slice(0, 2)) {
    case "f:":
      return isJsonObject(value) && value[text] !== undefined ? { at: text, value: value[text] } : undefined;
    case "k:": {
      const wanted = Object.entries(parseJson<Record<string, unknown>>(text));
      // A key with a default may be missing in what was applied: absent matches, so at worst a removal waits.
      return itemWhere(
        value,
        (item) =>
          isJsonObject(item) && wanted.every(([name, want]) => item[name] === undefined || deepEqual(item[name], want)),
      );
    }
    case "v:": {
      const wanted = parseJson(text);
      return itemWhere(value, (item) => deepEqual(item, wanted));
    }
    case "i:":
      return itemWhere(value, (_, at) => at === Number(text));
  }
}

function itemWhere(value: unknown, holds: (item: unknown, at: number) => boolean) {
  const items = Array.isArray(value) ? value as unknown[] : [];
  const at = items.findIndex(holds);
  return at < 0 ? undefined : { at, value: items[at] };
}

/** The part of an object that a manager's last server-side apply set, with present values; `{}` when it never did. */
export function appliedPart(object: KubeObject, manager: FieldManager): Partial<DynamicObject> {
  return project(object, appliedFields(object, manager) ?? {}) as Partial<DynamicObject>;
}

function project(value: unknown, fields: FieldSet): unknown {
  const keys = Object.keys(fields).filter((key) => key !== ".");
  if (isJsonObject(value)) {
    const entries = Object.entries(value).filter(([name]) => `f:${name}` in fields);
    return Object.fromEntries(entries.map(([name, below]) => [name, projectBelow(below, fields[`f:${name}`])]));
  }
  if (!Array.isArray(value)) return value;
  const owned = new Map(keys.map((key) => [childOf(value, key)?.at, fields[key]]));
  return value.flatMap((item, at) => owned.has(at) ? [projectBelow(item, owned.get(at))] : []);
}

/** A field that has no fields of its own in the set is owned as a whole. */
const projectBelow = (value: unknown, fields: unknown): unknown =>
  Object.keys(fields as FieldSet).length === 0 ? value : project(value, fields as FieldSet);
