import type { Api } from "./api.ts";
import { deepEqual, isEmpty, isJsonObject } from "./json.ts";
import {
  appliedFields,
  appliedPart,
  childOf,
  type FieldManager,
  type FieldSet,
  fieldsOfOthers,
  inheritFields,
  ownsWhole,
} from "./managed_fields.ts";
import type { KubeObject } from "./types.ts";

/**
 * What `applyOver` would make of an object. Its preparation and its apply cannot be rehearsed one after the other, so the
 * apply is asked about alone, leaving full what is to be emptied, and what the manager gives up is taken out of the answer.
 */
export async function rehearseApply<T extends KubeObject>(
  api: Api<T>,
  { current, desired }: { current: T; desired: T },
  manager: FieldManager,
  options: { fieldManager: string; force?: boolean },
  signal: AbortSignal,
): Promise<T> {
  const answer = await api.apply(filled(desired, appliedPart(current, manager)) as T, options, signal);
  const inherited = { metadata: { managedFields: inheritFields(current, manager) ?? current.metadata.managedFields } };
  const fields = appliedFields({ ...current, ...inherited } as T, { name: manager.name }) ?? {};
  const left = withoutRest(answer, desired, fields, fieldsOfOthers(current, manager)) as T;
  return deepEqual(left, answer) ? answer : await api.replace(left, signal); // for defaults and admission
}

/** With empty objects and lists as they were applied before. */
function filled(desired: unknown, applied: unknown): unknown {
  if (isEmpty(desired)) return applied === undefined ? desired : applied;
  if (!isJsonObject(desired) || !isJsonObject(applied)) return desired;
  return Object.fromEntries(Object.entries(desired).map(([name, value]) => [name, filled(value, applied[name])]));
}

/** Without the fields and items that the manager has applied and does not want any more. */
function withoutRest(present: unknown, wanted: unknown, fields: FieldSet, ofOthers: FieldSet[]): unknown {
  const gone = new Set<string | number>();
  const changed = new Map<string | number, unknown>();
  for (const [key, below] of Object.entries(fields) as [string, FieldSet][]) {
    const found = childOf(present, key);
    if (!found) continue;
    const shared = ofOthers.flatMap((one) => key in one ? [one[key] as FieldSet] : []);
    const child = childOf(wanted, key);
    const isLeft = !child && (shared.length === 0 || isJsonObject(present)) && ownsWhole(found.value, below);
    if (isEmpty(wanted) || isLeft) gone.add(found.at);
    else changed.set(found.at, withoutRest(found.value, child?.value, below, shared));
  }
  const left = <K extends string | number>([at, value]: [K, unknown]): [K, unknown][] =>
    gone.has(at) ? [] : [[at, changed.has(at) ? changed.get(at) : value]];
  if (Array.isArray(present)) return [...present.entries()].flatMap(left).map(([, item]) => item);
  return isJsonObject(present) ? Object.fromEntries(Object.entries(present).flatMap(left)) : present;
}
