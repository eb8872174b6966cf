import { stripVTControlCharacters } from "node:util";

/** How a test run went. */
export interface Summary {
  passed: number;
  failed: number;
  /** Not run, as something that they need is not there. */
  skipped: number;
}

/** Reads `ok | 5 passed (1 step) | 0 failed (1s)`, the line `deno test` ends with; undefined when it never got there. */
export function readSummary(output: string): Summary | undefined {
  const line = stripVTControlCharacters(output).split("\n").findLast((line) => /^(ok|FAILED) \| \d+ passed/.test(line));
  const [, passed, failed] = /(\d+) passed\b.*?\| (\d+) failed\b/.exec(line ?? "") ?? [];
  const [, ignored = "0"] = /(\d+) ignored\b/.exec(line ?? "") ?? [];
  return passed && failed ? { passed: Number(passed), failed: Number(failed), skipped: Number(ignored) } : undefined;
}
