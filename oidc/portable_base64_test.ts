import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { decodePortableBase64, encodePortableBase64 } from "./portable_base64.ts";

/** Values that `JSON.parse` can yield, with texts full of the characters that matter here. */
const jsonValues = fc.oneof(
  fc.jsonValue(),
  fc.jsonValue({ stringUnit: "binary" }),
  fc.array(fc.string({ unit: fc.constantFrom(">", "?", "~", "\x7f", "\\", '"', "a", "ÿ", "𝄞", "\ud800", "\u2028") })),
);

Deno.test("encodePortableBase64() round-trips every JSON value", () => {
  fc.assert(fc.property(jsonValues, (value) => {
    const back = decodePortableBase64(encodePortableBase64(value));
    assert.equal(JSON.stringify(back), JSON.stringify(value));
  }));
});

Deno.test("encodePortableBase64() uses no character that the two alphabets disagree on", () => {
  fc.assert(fc.property(jsonValues, (value) => assert.match(encodePortableBase64(value), /^[A-Za-z0-9]+={0,2}$/)));
});

Deno.test("encodePortableBase64() gives text that decoders of either alphabet read as the same JSON", () => {
  fc.assert(fc.property(jsonValues, (value) => {
    const text = encodePortableBase64(value);
    assert.equal(Buffer.from(text, "base64").toString("base64"), text);
    const json = new TextDecoder().decode(Uint8Array.fromBase64(text, { alphabet: "base64url" }));
    assert.equal(JSON.stringify(JSON.parse(json)), JSON.stringify(value));
  }));
});

Deno.test("decodePortableBase64() takes what other programs encode, in both alphabets, padded or not", () => {
  fc.assert(fc.property(jsonValues, (value) => {
    const json = JSON.stringify(value);
    const standard = Buffer.from(json).toString("base64");
    const url = Buffer.from(json).toString("base64url");
    for (
      const text of [standard, url, standard.replaceAll("=", ""), standard.replaceAll("+", "-").replaceAll("/", "_")]
    ) {
      assert.equal(JSON.stringify(decodePortableBase64(text)), json);
    }
  }));
});

Deno.test("decodePortableBase64() refuses what is not base64 of JSON, without repeating it", () => {
  for (const text of ["", "%%%%", "secret", btoa("{"), btoa("\xff\xfe"), "e30=e30="]) {
    assert.throws(() => decodePortableBase64(text), (error) => {
      assert.ok(error instanceof SyntaxError);
      assert.ok(!text || !error.message.includes(text));
      return true;
    });
  }
});

Deno.test("encodePortableBase64() refuses what JSON has no form for", () => {
  assert.throws(() => encodePortableBase64(undefined), TypeError);
});
