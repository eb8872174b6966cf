/** Control characters and marks that reorder text: with them, a stranger could paint over what we say. */
// deno-lint-ignore no-control-regex
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g;

/** Text of a provider in a form that is safe to show on a terminal, in one line. */
export function printable(text: string, maxLength = 1000): string {
  const safe = text.replace(UNPRINTABLE, " ");
  return safe.length > maxLength ? `${safe.slice(0, maxLength)}…` : safe;
}

/** The same for text of several lines, of whatever length. */
export const printableLines = (text: string): string =>
  text.split("\n").map((line) => printable(line, line.length)).join("\n");
