import { rehearseApply } from "./apply_rehearsal.ts";
import type { Api, JsonPatchOperation } from "./api.ts";
import { KubeError } from "./errors.ts";
import { isEmpty, isJsonObject } from "./json.ts";
import {
  appliedFields,
  childOf,
  type FieldManager,
  type FieldSet,
  fieldsOfOthers,
  inheritFields,
  ownsWhole,
} from "./managed_fields.ts";
import { keyOf, type KubeObject } from "./types.ts";

/**
 * Server-side apply for an object that may have been applied before, also when it leaves an object or a list inside it
 * empty. Of `{"a":{"b":1}}` and then `{"a":{}}` the API server makes `{"a":null}`, and often refuses that by the schema;
 * of a list that is a set or a map it makes nothing at all; so what has to go from there is removed first. The manager
 * has to own something else, too, such as an annotation: one that owns nothing is forgotten by the API server, which
 * then takes somebody else for the owner of the rest.
 *
 * Fields of the manager's predecessor become its own first: whoever else owns a field keeps it from being removed.
 *
 * An object that was last written in a version that is served no longer can be applied, too.
 *
 * @param current as last read; undefined when there is none yet
 * @throws {KubeError} 409 when something has to be removed or taken over and `current` is not the present state
 * @see https://github.com/kubernetes-sigs/structured-merge-diff, typed/remove.go
 */
export async function applyOver<T extends KubeObject>(
  api: Api<T>,
  { current, desired }: { current?: T; desired: T },
  { predecessor, ...options }: { fieldManager: string; force?: boolean; predecessor?: string },
  signal: AbortSignal,
): Promise<T> {
  const guarded = async (changes: JsonPatchOperation[]) => {
    if (!current || changes.length === 0) return;
    const { uid, resourceVersion } = current.metadata;
    const guard: JsonPatchOperation[] = [
      { op: "replace", path: "/metadata/uid", value: uid },
      { op: "replace", path: "/metadata/resourceVersion", value: resourceVersion },
    ];
    await api.jsonPatch(keyOf(current), [...guard, ...changes], {}, signal);
  };
  const manager = { name: options.fieldManager, predecessor };
  if (current && api.isDryRun) return await rehearseApply(api, { current, desired }, manager, options, signal);
  if (current) await guarded(preparation(current, desired, manager));
  try {
    return await api.apply(desired, options, signal);
  } catch (error) {
    const retired = retiredVersion(error);
    if (!current || !retired) throw error;
    await guarded(restatement(current, retired, desired.apiVersion));
    return await api.apply(desired, options, signal);
  }
}

/** The API server cannot read records of a version that the CRD has lost, and fails as if it were broken. */
const retiredVersion = (error: unknown): string | undefined =>
  error instanceof KubeError && error.status === 500
    ? /convert CR to an invalid group\/version: (\S+)/.exec(error.message)?.[1]
    : undefined;

/** The records of one version as records of another, in which fields are called the same. */
function restatement({ metadata }: KubeObject, from: string, to: string): JsonPatchOperation[] {
  const value = metadata.managedFields?.map((entry) =>
    entry.apiVersion === from ? { ...entry, apiVersion: to } : entry
  );
  return value ? [{ op: "replace", path: "/metadata/managedFields", value }] : [];
}

/** What has to be patched before the apply, so that it does what it should. */
function preparation(current: KubeObject, desired: KubeObject, manager: FieldManager): JsonPatchOperation[] {
  const managedFields = inheritFields(current, manager);
  return [
    ...(managedFields ? [{ op: "replace" as const, path: "/metadata/managedFields", value: managedFields }] : []),
    ...removalsOf(current, desired, manager),
  ];
}

/**
 * Fields and items that the manager applied and that no apply removes: those in what `desired` wants to be empty, and
 * fields that somebody else has set, too, as whoever made an object has that is adopted later.
 */
function removalsOf(current: KubeObject, desired: KubeObject, manager: FieldManager): JsonPatchOperation[] {
  const paths: string[] = [];
  const visit = (path: string, present: unknown, wanted: unknown, fields: FieldSet, ofOthers: FieldSet[]) => {
    const children = Object.entries(fields).flatMap(([key, below]) => {
      const found = childOf(present, key);
      return found ? [{ key, below: below as FieldSet, ...found }] : [];
    });
    // The last item first, as those behind a removed one move up.
    if (Array.isArray(present)) children.sort((a, b) => Number(b.at) - Number(a.at));
    for (const { key, below, at, value } of children) {
      const inside = `${path}/${escapePointer(String(at))}`;
      const shared = ofOthers.flatMap((one) => key in one ? [one[key] as FieldSet] : []);
      const child = childOf(wanted, key);
      const isLeft = isJsonObject(present) && !child && shared.length > 0 && ownsWhole(value, below);
      if (isEmpty(wanted) || isLeft) paths.push(inside);
      else visit(inside, value, child?.value, below, shared);
    }
  };
  visit("", current, desired, appliedFields(current, manager) ?? {}, fieldsOfOthers(current, manager));
  return paths.map((path) => ({ op: "remove", path }));
}

/** RFC 6901. */
const escapePointer = (part: string): string => part.replaceAll("~", "~0").replaceAll("/", "~1");
