import assert from "node:assert/strict";
import fc from "fast-check";
import { deepEqual, isJsonObject, isNestedDeeper, mergePatchBetween, parseJson } from "./json.ts";

const digits = (min: number, max: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: min, maxLength: max }).map((list) => list.join(""));
const sign = fc.constantFrom("", "-");

/** Any number as JSON writes it, mostly such as a double cannot hold or prints differently. */
const numberText = fc.tuple(
  sign,
  fc.oneof(fc.constant("0"), fc.tuple(fc.integer({ min: 1, max: 9 }), digits(0, 25)).map(([a, b]) => `${a}${b}`)),
  fc.oneof(fc.constant(""), digits(1, 25).map((text) => "." + text)),
  fc.oneof(
    fc.constant(""),
    fc.tuple(fc.constantFrom("e", "E"), fc.constantFrom("", "+", "-"), digits(1, 3)).map((parts) => parts.join("")),
  ),
).map((parts) => parts.join(""));

const { jsonText } = fc.letrec<{ jsonText: string }>((tie) => ({
  jsonText: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    numberText,
    fc.constantFrom("null", "true", "false"),
    fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
    fc.array(tie("jsonText"), { maxLength: 4 }).map((items) => `[${items}]`),
    fc.array(fc.tuple(fc.integer({ min: 0, max: 99 }), tie("jsonText")), { maxLength: 4 }).map((fields) =>
      // A leading letter keeps fields in the order written; a number in front keeps names apart.
      `{${fields.map(([name, value], index) => `"f${index}.${name}":${value}`)}}`
    ),
  ),
}));

Deno.test("any JSON text comes out of parseJson() and JSON.stringify() as it went in, to the last digit", () => {
  fc.assert(fc.property(jsonText, (text) => assert.equal(JSON.stringify(parseJson(text)), text)), { numRuns: 3000 });
});

Deno.test("white space between structure and number does not round it", () => {
  const text = `{ "a" :\n\t9007199254740993 , "b": [\r\n 1.0 ,\n-0 ] }`;
  assert.equal(JSON.stringify(parseJson(text)), `{"a":9007199254740993,"b":[1.0,-0]}`);
});

Deno.test("numbers that a double holds and prints alike are plain numbers", () => {
  assert.deepEqual(parseJson(`[1,-7,0.5,1234567890123456,9007199254740991]`), [
    1,
    -7,
    0.5,
    1234567890123456,
    9007199254740991,
  ]);
});

Deno.test("digits inside strings stay strings", () => {
  assert.deepEqual(parseJson(`{"a":"x:9007199254740993,1.0","b":1.50}`), {
    a: "x:9007199254740993,1.0",
    b: (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON("1.50"),
  });
});

Deno.test("a field called __proto__ is a field, not a prototype", () => {
  for (const text of [`{"__proto__":{"polluted":true}}`, `{"__proto__":{"polluted":1.0}}`]) {
    const parsed = parseJson<Record<string, unknown>>(text);
    assert.equal(Object.getPrototypeOf(parsed), Object.prototype);
    assert.equal(JSON.stringify(parsed), text);
  }
});

Deno.test("what is not JSON throws a SyntaxError, with exact numbers in it or not", () => {
  for (const text of ["", "{", "<html>", `{"a":1.0`, `{"a":9007199254740993,}`, `[1.0] x`, "[01.5]"]) {
    assert.throws(() => parseJson(text), SyntaxError, text);
  }
});

Deno.test("a document that is nested as deep as an API server takes it is parsed, with exact numbers in it or not", () => {
  for (const leaf of ["1", "1.0"]) {
    let value = parseJson<unknown>("[".repeat(10_000) + leaf + "]".repeat(10_000));
    for (let level = 0; level < 10_000; level++) value = (value as unknown[])[0];
    assert.equal(JSON.stringify(value), leaf);
  }
});

Deno.test("isNestedDeeper() counts lists and objects", () => {
  const value = { a: 1, b: [{ c: null }, "x"] };
  assert.deepEqual([2, 3].map((levels) => isNestedDeeper(value, levels)), [true, false]);
  assert.equal(isNestedDeeper("text", 0), false);
});

Deno.test("deepEqual() says what comparing the sorted texts says", () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const canonical = (one: unknown): string =>
    Array.isArray(one)
      ? `[${one.map(canonical)}]`
      : isJsonObject(one)
      ? `{${Object.keys(one).sort().map((name) => JSON.stringify(name) + ":" + canonical(one[name]))}}`
      : JSON.stringify(one);
  fc.assert(
    fc.property(value, value, (a, b) => assert.equal(deepEqual(a, b), canonical(a) === canonical(b))),
    { numRuns: 2000 },
  );
});

Deno.test("deepEqual() finds a copy equal, whatever order its fields come in", () => {
  const shuffle = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(shuffle)
      : isJsonObject(value)
      ? Object.fromEntries(Object.entries(value).reverse().map(([name, field]) => [name, shuffle(field)]))
      : value;
  fc.assert(fc.property(jsonText, (text) => assert.ok(deepEqual(parseJson(text), shuffle(parseJson(text))))));
});

Deno.test("deepEqual() compares exact numbers by their text", () => {
  assert.ok(deepEqual(parseJson("[9007199254740993]"), parseJson("[9007199254740993]")));
  assert.ok(!deepEqual(parseJson("[9007199254740993]"), parseJson("[9007199254740992]")));
  assert.ok(!deepEqual(parseJson("[9007199254740993]"), parseJson("[9007199254740995]")));
});

Deno.test("deepEqual() takes a field set to undefined for absent", () => {
  assert.ok(deepEqual({ a: 1, b: undefined }, { a: 1 }));
  assert.ok(deepEqual({ a: 1 }, { b: undefined, a: 1 }));
  assert.ok(!deepEqual({ a: undefined }, { a: null }));
  assert.ok(!deepEqual({ a: 1, b: undefined }, { a: 1, c: 2 }));
});

Deno.test("deepEqual() does not take inherited names for fields", () => {
  assert.ok(!deepEqual({ toString: undefined, a: 1 }, { b: 1 }));
  assert.ok(!deepEqual({ constructor: Object }, {}));
  assert.ok(!deepEqual([], {}));
});

/** RFC 7386, section 2. */
function merge(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const result: Record<string, unknown> = isJsonObject(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete result[field];
    else result[field] = merge(result[field], value);
  }
  return result;
}

Deno.test("mergePatchBetween() makes one object of the other, and says nothing where they are the same", () => {
  const { tree } = fc.letrec((tie) => ({
    tree: fc.dictionary(fc.constantFrom("a", "b", "c"), fc.oneof({ maxDepth: 3 }, tie("leaf"), tie("tree"))),
    leaf: fc.oneof(fc.boolean(), fc.array(fc.integer({ max: 2 })), fc.constantFrom("x", "y")),
  })) as { tree: fc.Arbitrary<Record<string, unknown>> };
  fc.assert(fc.property(tree, tree, (before, after) => {
    const patch = mergePatchBetween(before, after);
    assert.ok(deepEqual(merge(before, patch), after));
    assert.equal(Object.keys(patch).length === 0, deepEqual(before, after));
  }));
  assert.deepEqual(mergePatchBetween({ a: { b: 1, c: 2 }, d: 3 }, { a: { b: 1 }, d: undefined }), {
    a: { c: null },
    d: null,
  });
});

Deno.test("isJsonObject() knows objects from lists, null and exact numbers", () => {
  assert.deepEqual(
    [{}, { a: 1 }, [], null, 1, "x", undefined, parseJson("1.0")].map(isJsonObject),
    [true, true, false, false, false, false, false, false],
  );
});
