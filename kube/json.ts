import type { Json } from "./types.ts";

// TypeScript's library does not know them yet: https://tc39.es/proposal-json-parse-with-source/
const { rawJSON, isRawJSON } = JSON as unknown as {
  rawJSON(text: string): { readonly rawJSON: string };
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
};

// Where a value may begin: many digits, a fraction, an exponent or a negative zero. May match inside a string; that only
// costs time.
const PRECISE_NUMBER = /(?:^|[[,]|"\s*:)\s*-?(?:\d{16,}|\d+[.eE]|(?<=-)0)/;
const STRING_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?=\s*(?:[,\]}]|$))/g;
/** What a string begins with that stands for a number; nobody outside can know it. */
const MARK = crypto.randomUUID();

/**
 * Parses JSON so that writing it again gives the same numbers: what a double cannot hold (`9007199254740993`),
 * or prints differently (`1.0`, `1e3`), stays a `JSON.rawJSON` object. Other documents take the fast path.
 *
 * However deep a document is nested, it does not exhaust the stack, as a reviver of `JSON.parse` would.
 *
 * @throws {SyntaxError} as `JSON.parse`
 */
export function parseJson<T>(text: string): T {
  if (!PRECISE_NUMBER.test(text)) return JSON.parse(text);
  const root = { value: JSON.parse(text.replace(STRING_OR_NUMBER, markPreciseNumber)) };
  const open: Record<string, unknown>[] = [root];
  for (let one; (one = open.pop());) {
    for (const [field, value] of Object.entries(one)) {
      if (typeof value === "object" && value !== null) open.push(value as Record<string, unknown>);
      else if (typeof value === "string" && value.startsWith(MARK)) {
        setField(one, field, rawJSON(value.slice(MARK.length)));
      }
    }
  }
  return root.value;
}

const markPreciseNumber = (token: string): string =>
  token.startsWith('"') || String(Number(token)) === token ? token : `"${MARK}${token}"`;

/** Also when the field is called `__proto__`. */
function setField(object: object, field: string, value: unknown): void {
  Object.defineProperty(object, field, { value, writable: true, enumerable: true, configurable: true });
}

/** Whether there are more than so many lists and objects one inside the other. */
export function isNestedDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  for (const child of Object.values(value)) if (isNestedDeeper(child, levels - 1)) return true;
  return false;
}

/** Whether two JSON values are the same; the order of object keys does not matter, the text of exact numbers does. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (isRawJSON(a) || isRawJSON(b)) return isRawJSON(a) && isRawJSON(b) && a.rawJSON === b.rawJSON;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length &&
      a.every((item, index) => deepEqual(item, b[index]));
  }
  const left = definedEntries(a);
  const right = b as Record<string, unknown>;
  return left.length === definedEntries(b).length &&
    left.every(([field, value]) => Object.hasOwn(right, field) && deepEqual(value, right[field]));
}

/** Fields set to `undefined` do not reach the wire and count as absent. */
const definedEntries = (object: object) => Object.entries(object).filter(([, value]) => value !== undefined);

/**
 * The JSON merge patch (RFC 7386) that makes `after` of `before`, neither of which may hold null.
 *
 * @returns `{}` when both are the same
 */
export function mergePatchBetween(before: object, after: object): Record<string, unknown> {
  const present = new Map<string, unknown>(definedEntries(before));
  const patch = new Map<string, unknown>(Array.from(present.keys(), (field) => [field, null]));
  for (const [field, value] of definedEntries(after)) {
    const was = present.get(field);
    if (deepEqual(was, value)) patch.delete(field);
    else patch.set(field, isJsonObject(was) && isJsonObject(value) ? mergePatchBetween(was, value) : value);
  }
  return Object.fromEntries(patch);
}

/** Whether a value is an object or a list without anything in it. */
export const isEmpty = (value: unknown): boolean =>
  Array.isArray(value) ? value.length === 0 : isJsonObject(value) && Object.keys(value).length === 0;

/** Whether a value is a JSON object: not null, not a list, not an exact number. */
export const isJsonObject = (value: unknown): value is Record<string, Json> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !isRawJSON(value);
