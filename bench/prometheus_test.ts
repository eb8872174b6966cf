import assert from "node:assert/strict";
import { parseSamples, type Sample } from "./prometheus.ts";

const cases: [name: string, text: string, want: Sample[]][] = [
  ["reads labels and value", 'requests{verb="PUT",code="200"} 12\n', [
    { name: "requests", labels: { verb: "PUT", code: "200" }, value: 12 },
  ]],
  ["reads samples without labels, with exponents and timestamps", "requests 1.5e+03 1700000000000\nrequests{} 2\n", [
    { name: "requests", labels: {}, value: 1500 },
    { name: "requests", labels: {}, value: 2 },
  ]],
  ["leaves comments and other names alone", "# HELP requests Of all.\nrequests_total 3\nother 4\n", []],
  ["undoes escapes, and is not confused by braces and commas", 'requests{a="x\\"},b=\\"\\\\\\n",b=""} 1\n', [
    { name: "requests", labels: { a: 'x"},b="\\\n', b: "" }, value: 1 },
  ]],
  ["knows infinity", "requests +Inf\n", [{ name: "requests", labels: {}, value: Infinity }]],
];
for (const [name, text, want] of cases) {
  Deno.test(`parseSamples() ${name}`, () => assert.deepEqual([...parseSamples(text, ["requests"])], want));
}

Deno.test("parseSamples() finds several names", () => {
  assert.deepEqual([...parseSamples("a 1\nb 2\nc 3\n", ["a", "c"])].map(({ value }) => value), [1, 3]);
});
