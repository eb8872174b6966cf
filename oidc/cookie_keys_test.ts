import assert from "node:assert/strict";
import { deriveKey, parseCookieKeys } from "./cookie_keys.ts";
import { OidcError } from "./errors.ts";

const base64Of = (sizeBytes: number) => btoa(String.fromCharCode(...new Uint8Array(sizeBytes).fill(250)));

Deno.test("parseCookieKeys() takes signing keys of 32 and 64 bytes and encryption keys of 16, 24 and 32", () => {
  for (const size of [32, 64]) {
    assert.equal(parseCookieKeys({ signingKey: base64Of(size) }).signing.length, size);
  }
  for (const size of [16, 24, 32]) {
    const keys = parseCookieKeys({ signingKey: base64Of(32), encryptionKey: base64Of(size) });
    assert.equal(keys.encryption?.length, size);
  }
});

Deno.test("parseCookieKeys() takes the URL alphabet and a line end, as files and Secrets have them", () => {
  const text = base64Of(32).replaceAll("+", "-").replaceAll("/", "_") + "\n";
  assert.deepEqual(parseCookieKeys({ signingKey: text }).signing, new Uint8Array(32).fill(250));
});

const wrong: [name: string, keys: { signingKey: string; encryptionKey?: string }, message: RegExp][] = [
  ["a missing signing key", { signingKey: "" }, /cookie signing key has 0 bytes: .* 32 or 64 bytes; .*openssl/],
  ["a short signing key", { signingKey: base64Of(31) }, /cookie signing key has 31 bytes/],
  ["a password as signing key", { signingKey: "correct horse!" }, /cookie signing key is not base64/],
  [
    "an encryption key as long as the signing key",
    { signingKey: base64Of(64), encryptionKey: base64Of(64) },
    /cookie encryption key has 64 bytes: .* 16 or 24 or 32 bytes/,
  ],
];
for (const [name, keys, message] of wrong) {
  Deno.test(`parseCookieKeys() refuses ${name}`, () => {
    assert.throws(() => parseCookieKeys(keys), (error) => {
      assert.ok(error instanceof OidcError);
      assert.equal(error.code, "configuration");
      assert.match(error.message, message);
      assert.ok(!keys.signingKey || !error.message.includes(keys.signingKey));
      return true;
    });
  });
}

Deno.test("deriveKey() gives another key for another purpose, signing key or encryption key, and else the same", async () => {
  const signing = new Uint8Array(32).fill(1);
  const hex = async (keys: Parameters<typeof deriveKey>[0], purpose: string) =>
    (await deriveKey(keys, purpose)).toHex();
  const derived = [
    await hex({ signing }, "a"),
    await hex({ signing }, "b"),
    await hex({ signing: new Uint8Array(32).fill(2) }, "a"),
    await hex({ signing, encryption: new Uint8Array(16).fill(1) }, "a"),
    await hex({ signing, encryption: new Uint8Array(16) }, "a"),
    await hex({ signing, encryption: new Uint8Array(24) }, "a"),
  ];
  assert.equal(new Set(derived).size, derived.length);
  assert.equal(await hex({ signing }, "a"), derived[0]);
});
