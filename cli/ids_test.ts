import { deepEqual, equal, match } from "node:assert/strict";
import { base62, clusterIdOf, createSessionId } from "./ids.ts";

const cases: [bytes: number[], want: string][] = [
  [[0], "0"],
  [[9], "9"],
  [[10], "a"],
  [[35], "z"],
  [[36], "A"],
  [[61], "Z"],
  [[62], "10"],
  [[0, 0, 62], "10"],
  [[1, 0], "48"],
  [[255, 255, 255, 255], "4GFfc3"],
];
for (const [bytes, want] of cases) {
  Deno.test(`base62() writes ${bytes.join(",")} as ${want}`, () => equal(base62(Uint8Array.from(bytes)), want));
}

Deno.test("clusterIdOf() is the start of base62 of SHA-224, so that an old contract is found again", () => {
  // printf 2f7b0e3c-5d2a-4c58-9a44-0c3f2b1d6e70 | sha224sum gives the number behind this text.
  equal(clusterIdOf("2f7b0e3c-5d2a-4c58-9a44-0c3f2b1d6e70"), "3CwrlN");
});

Deno.test("createSessionId() gives six base62 characters, each time others", () => {
  const ids = Array.from({ length: 200 }, createSessionId);
  for (const id of ids) match(id, /^[0-9a-zA-Z]{6}$/);
  deepEqual(new Set(ids).size, ids.length);
});
