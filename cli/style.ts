import type { ProgramContext } from "../program.ts";
import type { Verdict } from "./diagnosis/finding.ts";

/** Colours for what people read; plain text where nobody would see them. */
export interface Style {
  verdict(verdict: Verdict): string;
  strong(text: string): string;
  faint(text: string): string;
  /** A line of a unified diff. */
  diff(line: string): string;
}

const COLOURS: Record<Verdict, number> = { OK: 32, WAIT: 33, FAIL: 31 };

/** @see https://no-color.org */
export function createStyle({ env, isTerminal }: Pick<ProgramContext, "env" | "isTerminal">): Style {
  const isColoured = isTerminal.stdout && !env.NO_COLOR && env.TERM !== "dumb";
  const paint = (code: number, text: string) => isColoured ? `\x1b[${code}m${text}\x1b[0m` : text;
  return {
    verdict: (verdict) => paint(COLOURS[verdict], verdict),
    strong: (text) => paint(1, text),
    faint: (text) => paint(2, text),
    diff: (line) => ({ "+": paint(32, line), "-": paint(31, line), "@": paint(36, line) })[line[0]!] ?? line,
  };
}
