import { equal } from "node:assert/strict";
import { parseJson } from "../kube/json.ts";
import { type DataFormat, printData } from "./data.ts";

const cases: [format: DataFormat, want: RegExp][] = [
  ["json", /^\{\n {2}"spec": \{\n {4}"sizeBytes": 9007199254740993\n {2}\}\n\}\n$/],
  ["yaml", /^spec:\n {2}sizeBytes: 9007199254740993\n$/],
];
for (const [format, want] of cases) {
  Deno.test(`printData() keeps every digit of a number as ${format}`, async () => {
    let text = "";
    const data = parseJson<object>('{"spec":{"sizeBytes":9007199254740993}}');
    await printData({ ...data, absent: undefined }, format, () => "", { writeOut: (out) => text += out });
    equal(want.test(text), true, text);
  });
}
