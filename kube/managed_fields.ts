import { deepEqual, isJsonObject, parseJson } from "./json.ts";
import type { DynamicObject, KubeObject } from "./types.ts";

/** A set of fields as `metadata.managedFields[].fieldsV1` writes it. */
export type FieldSet = Record<string, unknown>;

/**
 * Whether a manager's last server-side apply set fields that `desired` no longer has: only another apply removes them.
 * An object that this manager never applied counts as such, too.
 *
 * @see sigs.k8s.io/structured-merge-diff, fieldpath/serialize-pe.go, for the keys of a field set
 */
export function ownsMoreThan(object: KubeObject, desired: KubeObject, manager: string): boolean {
  const applied = appliedFields(object, manager);
  return !applied || !hasAllFields(desired, applied);
}

/** What a manager's last server-side apply set; undefined when there was none, or one without any field. */
export const appliedFields = (object: KubeObject, manager: string): FieldSet | undefined =>
  object.metadata.managedFields?.find((one) => one.manager === manager && one.operation === "Apply" && !one.subresource)
    ?.fieldsV1;

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
export function appliedPart(object: KubeObject, manager: string): Partial<DynamicObject> {
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
