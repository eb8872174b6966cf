import { equal } from "node:assert/strict";
import { formatDuration, parseDuration } from "./duration.ts";

const durations: [text: string, ms: number | undefined][] = [
  ["0", 0],
  ["0s", 0],
  ["250ms", 250],
  ["90s", 90_000],
  ["1m30s", 90_000],
  ["1.5h", 5_400_000],
  ["", undefined],
  ["5", undefined],
  ["-5s", undefined],
  ["5 s", undefined],
  ["s", undefined],
  ["5d", undefined],
];
for (const [text, ms] of durations) {
  Deno.test(`parseDuration() reads "${text}" as ${ms}`, () => equal(parseDuration(text), ms));
}

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
