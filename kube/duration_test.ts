import assert, { equal } from "node:assert/strict";
import { parseGoDuration } from "./duration.ts";

Deno.test("parseGoDuration() reads what Go prints, and nothing else", () => {
  const readings: [string, number | undefined][] = [
    ["5m0s", 300_000],
    ["2m30s", 150_000],
    ["1h2m3.5s", 3_723_500],
    ["1.5h", 5_400_000],
    ["100ms", 100],
    ["-1s", -1000],
    ["0", 0],
    ["", undefined],
    ["5", undefined],
    ["5 m", undefined],
    ["m", undefined],
    ["1.2.3s", undefined],
  ];
  for (const [text, wantMs] of readings) equal(parseGoDuration(text), wantMs, text);
  assert(Math.abs(parseGoDuration("1µs")! - 0.001) < 1e-9);
});
