import assert from "node:assert/strict";
import { withoutValues } from "./redact.ts";

const cases: [name: string, message: string, want: string][] = [
  [
    "a text",
    'MangoDB.x "db" is invalid: spec.token: Invalid value: "s3cret, \\"quoted\\": yes": should be at most 3 chars long',
    'MangoDB.x "db" is invalid: spec.token: Invalid value: …: should be at most 3 chars long',
  ],
  [
    "one of a choice, which stays",
    'spec.tier: Unsupported value: "s3cret": supported values: "Dedicated", "Shared"',
    'spec.tier: Unsupported value: …: supported values: "Dedicated", "Shared"',
  ],
  [
    "several at once",
    '[spec.a: Invalid value: "x": too long, spec.b: Duplicate value: {"k":"s3cret"}, spec.c: Invalid value: 4711]',
    "[spec.a: Invalid value: …: too long, spec.b: Duplicate value: …, spec.c: Invalid value: …]",
  ],
  [
    "an object, as JSON and as Go prints it",
    'data: Invalid value: {"a":{"b":"s3cret: x"}}: no, data: Invalid value: map[string]interface {}{"a":"s3cret"}: no',
    "data: Invalid value: …: no, data: Invalid value: …: no",
  ],
  [
    "a value that looks like a refusal",
    'spec.a: Invalid value: "Invalid value: s3cret": too long',
    "spec.a: Invalid value: …: too long",
  ],
  [
    "one that the reason repeats",
    'spec.at: Invalid value: "s3cret": spec.at in body must be of type date-time: "s3cret"',
    "spec.at: Invalid value: …: spec.at in body must be of type date-time: …",
  ],
  [
    "none where the API server has left it out",
    '[spec: Invalid value: size is immutable, spec.a: Invalid value: map[string]interface {}{"a":"s3cret"}: no]',
    "[spec: Invalid value: size is immutable, spec.a: Invalid value: …: no]",
  ],
  ["an unfinished one", 'spec.a: Invalid value: "s3cr', "spec.a: Invalid value: …"],
  [
    "nothing",
    'admission webhook "a.b" denied the request: not here',
    'admission webhook "a.b" denied the request: not here',
  ],
];
for (const [name, message, want] of cases) {
  Deno.test(`withoutValues() leaves out ${name}`, () => assert.equal(withoutValues(message), want));
}
