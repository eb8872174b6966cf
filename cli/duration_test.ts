import { equal } from "node:assert/strict";
import { formatDuration } from "./duration.ts";

const texts: [ms: number, text: string][] = [
  [0, "0ms"],
  [250, "250ms"],
  [45_000, "45s"],
  [300_000, "5m0s"],
  [3_600_000, "1h0m0s"],
  [3_725_000, "1h2m5s"],
];
for (const [ms, text] of texts) {
  Deno.test(`formatDuration() writes ${ms} as ${text}`, () => equal(formatDuration(ms), text));
}
