import assert from "node:assert/strict";
import fc from "fast-check";
import { clusterId, hashBase62, newSessionId, toBase62 } from "./base62.ts";

Deno.test("toBase62() counts with digits, small letters, capital letters", () => {
  assert.equal(toBase62(Uint8Array.of()), "0");
  assert.equal(toBase62(Uint8Array.of(0, 0)), "0");
  assert.equal(toBase62(Uint8Array.of(10)), "a");
  assert.equal(toBase62(Uint8Array.of(61)), "Z");
  assert.equal(toBase62(Uint8Array.of(62)), "10");
  assert.equal(toBase62(Uint8Array.of(1, 0)), "48");
});

Deno.test("toBase62() keeps every number, but no leading zeros", () => {
  const digit = (character: string) => {
    const code = character.charCodeAt(0);
    return code <= 57 ? code - 48 : code >= 97 ? code - 97 + 10 : code - 65 + 36;
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 28 }), (bytes) => {
    const text = toBase62(bytes);
    const number = [...text].reduce((sum, character) => sum * 62n + BigInt(digit(character)), 0n);
    assert.equal(number, BigInt(`0x0${bytes.toHex()}`));
    assert.ok(text === "0" || !text.startsWith("0"));
  }));
});

Deno.test("hashBase62() gives what the backends before gave, so that names and annotations stay", () => {
  assert.equal(hashBase62(""), "aAkHCkvjglfF66mdhRcVKb0I3FT1lepYlWZNwj");
  assert.equal(hashBase62("a"), "8GQDPLPhRixGNeqR4eV0Va2vIGohVCYHMHiPFX");
  assert.equal(clusterId("6b1c4b8e-2f63-4d0b-9c55-0c7f8ee2a8d1"), "6rT0VL");
});

Deno.test("newSessionId() is random, 6 letters and digits", () => {
  const ids = Array.from({ length: 100 }, () => newSessionId());
  assert.ok(ids.every((id) => /^[0-9a-zA-Z]{6}$/.test(id)));
  assert.equal(new Set(ids).size, 100);
});
