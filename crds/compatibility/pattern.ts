import { RE2JS, RE2JSException } from "re2js";

/**
 * Whether a text matches a pattern as API servers read it: in the syntax of Go, in which `(?i)` and `\:` are fine, and
 * in a time that grows with the text only. A pattern that no API server takes matches everything.
 */
export function matches(pattern: string, text: string): boolean {
  let compiled = known.get(pattern);
  if (compiled === undefined) {
    compiled = compile(pattern);
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(pattern, compiled);
  }
  return compiled?.test(text) ?? true;
}

const known = new Map<string, RE2JS | null>();
const MOST_KNOWN = 1000;

function compile(pattern: string): RE2JS | null {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (error instanceof RE2JSException) return null;
    throw error;
  }
}
