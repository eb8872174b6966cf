import { equal, throws } from "node:assert/strict";
import { toMilliseconds } from "./common_options.ts";

for (const [text, ms] of [["0", 0], ["1m30s", 90_000], ["1.5h", 5_400_000]] as const) {
  Deno.test(`toMilliseconds() reads ${text}`, () => equal(toMilliseconds(text), ms));
}

for (const text of ["", "5", "-5s", "5 s", "5d"]) {
  Deno.test(`toMilliseconds() refuses "${text}"`, () => throws(() => toMilliseconds(text), /It has to be a duration/));
}
