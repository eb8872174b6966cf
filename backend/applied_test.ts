import { equal } from "node:assert/strict";
import { covers } from "./applied.ts";

const cases: [name: string, actual: unknown, wanted: unknown, want: boolean][] = [
  ["the same", { a: 1, b: ["c"] }, { a: 1, b: ["c"] }, true],
  ["more than is wanted", { a: 1, b: { c: 2, d: 3 } }, { b: { c: 2 } }, true],
  ["items with more than is wanted", [{ a: 1, b: 2 }], [{ a: 1 }], true],
  ["another value", { a: 1 }, { a: 2 }, false],
  ["a value of another type", { a: "1" }, { a: 1 }, false],
  ["less than is wanted", { a: 1 }, { a: 1, b: 2 }, false],
  ["nothing", undefined, { a: 1 }, false],
  ["more items", { a: [1, 2] }, { a: [1] }, false],
  ["an object for a list", { a: { 0: 1 } }, { a: [1] }, false],
  ["amounts as the API server writes them", { limits: { cpu: "500m", memory: "1Gi" } }, {
    limits: { cpu: "0.5", memory: "1024Mi" },
  }, true],
  ["amounts in other units", { requests: { a: "1e3", b: "2k", c: "1G" } }, {
    requests: { a: 1000, b: "2000", c: "1000M" },
  }, true],
  ["other amounts", { limits: { cpu: "500m" } }, { limits: { cpu: "1" } }, false],
  ["no such amount", { limits: {} }, { limits: { cpu: "1" } }, false],
  ["amounts that are none", { limits: { cpu: "much" } }, { limits: { cpu: "much" } }, false],
];
for (const [name, actual, wanted, want] of cases) {
  Deno.test(`covers() ${want ? "takes" : "does not take"} ${name}`, () => equal(covers(actual, wanted), want));
}
