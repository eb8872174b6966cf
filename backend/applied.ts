import { createHash } from "node:crypto";
import { APPLIED_HASH_ANNOTATION, FIELD_MANAGER } from "../crds/names.ts";
import type { Api } from "../kube/api.ts";
import { isJsonObject } from "../kube/json.ts";
import type { KubeObject } from "../kube/types.ts";

/**
 * Applies an object of ours unless it is there as wanted: with all that it shall have, and applied by somebody who wanted
 * the same. What others add to it stays.
 *
 * @param known as a cache has it; absent when it has none
 * @returns whether something was written
 */
export async function applyOwn<T extends KubeObject>(
  api: Api<T>,
  known: T | undefined,
  wanted: T,
  signal: AbortSignal,
): Promise<boolean> {
  const hash = createHash("sha256").update(JSON.stringify(wanted)).digest("hex").slice(0, 16);
  const annotations = { ...wanted.metadata.annotations, [APPLIED_HASH_ANNOTATION]: hash };
  const marked = { ...wanted, metadata: { ...wanted.metadata, annotations } };
  if (known && covers(known, marked)) return false;
  await api.apply(marked, { fieldManager: FIELD_MANAGER, force: true }, signal);
  return true;
}

/** Whether a value has all that is wanted; it may have more, such as defaults of the API server. */
export function covers(actual: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return Array.isArray(actual) && actual.length === wanted.length &&
      wanted.every((item, index) => covers(actual[index], item));
  }
  if (!isJsonObject(wanted)) return actual === wanted;
  return Object.entries(wanted).every(([field, value]) => {
    const found = isJsonObject(actual) ? actual[field] : undefined;
    return field === "requests" || field === "limits" ? coversAmounts(found, value) : covers(found, value);
  });
}

/** An API server writes amounts in its own way: `0.5` as `500m`, `1024Mi` as `1Gi`. */
function coversAmounts(actual: unknown, wanted: unknown): boolean {
  if (!isJsonObject(wanted)) return covers(actual, wanted);
  return isJsonObject(actual) &&
    Object.entries(wanted).every(([name, amount]) => amountOf(actual[name]) === amountOf(amount));
}

const UNITS: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
};
const BINARY_UNITS = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/** @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
function amountOf(text: unknown): number {
  const [, number, unit = ""] = /^([+-]?[\d.]+(?:[eE][+-]?\d+)?)([numkMGTPE]?i?)$/.exec(String(text)) ?? [];
  const binary = BINARY_UNITS.indexOf(unit) + 1;
  return Number(number) * (binary > 0 ? 1024 ** binary : UNITS[unit] ?? NaN);
}
