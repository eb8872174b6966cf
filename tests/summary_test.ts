import { deepEqual } from "node:assert/strict";
import { readSummary, type Summary } from "./summary.ts";

const cases: [name: string, output: string, want: Summary | undefined][] = [
  ["reads a good run", "running 5 tests\n\nok | 5 passed | 0 failed (1s)\n\n", { passed: 5, failed: 0, skipped: 0 }],
  ["leaves steps out", "FAILED | 1 passed (3 steps) | 2 failed (1 step) | 1 ignored (9ms)\n", {
    passed: 1,
    failed: 2,
    skipped: 1,
  }],
  ["sees through colours", "\x1b[0m\x1b[32mok\x1b[0m | 7 passed | 0 failed \x1b[90m(1s)\x1b[0m\n", {
    passed: 7,
    failed: 0,
    skipped: 0,
  }],
  ["takes the last of several", "ok | 9 passed | 9 failed\nok | 2 passed | 0 failed (1s)\n", {
    passed: 2,
    failed: 0,
    skipped: 0,
  }],
  ["is not taken in by a test's own words", "it printed ok | 5 passed | 0 failed\n", undefined],
  ["finds nothing when the run broke off", "running 5 tests\n", undefined],
];
for (const [name, output, want] of cases) {
  Deno.test(`readSummary() ${name}`, () => deepEqual(readSummary(output), want));
}
