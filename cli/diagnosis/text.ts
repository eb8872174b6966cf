import type { Style } from "../style.ts";
import type { Finding } from "./finding.ts";

/** A line per finding, and below each that is not OK what to do. */
export function formatFindings(findings: readonly Finding[], style: Style): string {
  const width = Math.max(...findings.map(({ checkpoint }) => checkpoint.length));
  return findings.map(({ verdict, checkpoint, reason, what, action }) => {
    const head = `${style.verdict(verdict)}${" ".repeat(6 - verdict.length)}${checkpoint.padEnd(width)}  `;
    return `${head}${reason ? `${reason}: ` : ""}${what}\n${action ? `${" ".repeat(8 + width)}→ ${action}\n` : ""}`;
  }).join("");
}
