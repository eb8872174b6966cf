import { UsageError } from "../program.ts";

/** @throws {UsageError} unless the text is an http or https URL without query */
export function readUrl(text: string, flag: string): URL {
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol) && !url.search && !url.hash && !url.username) return url;
  throw new UsageError(`invalid value '${text}' for '${flag}': it takes an http or https URL without query`);
}

/** @throws {UsageError} for nothing but blanks */
export function notEmpty(text: string, flag: string): string {
  if (text.trim()) return text;
  throw new UsageError(`'${flag}' must not be empty`);
}

/** The words of a list with commas or blanks between them. */
export const readList = (text = ""): string[] => text.split(/[\s,]+/).filter(Boolean);
