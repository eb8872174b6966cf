import assert from "node:assert/strict";
import fc from "fast-check";
import type { CookieKeys } from "./cookie_keys.ts";
import { OidcError, type OidcErrorCode } from "./errors.ts";
import { decodePortableBase64, encodePortableBase64 } from "./portable_base64.ts";
import { LoginStates } from "./state.ts";

const keys: CookieKeys = { signing: crypto.getRandomValues(new Uint8Array(32)) };
const target = { redirectUrl: "http://localhost:1234/callback?x=~>?ü", sessionId: "s3ss10", clusterId: "c1uSt3" };

const failsWith = (code: OidcErrorCode) => (error: unknown) => {
  assert.ok(error instanceof OidcError, String(error));
  assert.equal(error.code, code, error.message);
  return true;
};

Deno.test("a login finishes in the browser that began it, with what it was begun for", async () => {
  const states = new LoginStates(keys);
  const { state, browserSecret, nonce, codeVerifier } = await states.begin(target);
  assert.deepEqual(await states.finish(state, browserSecret), { state, nonce, codeVerifier, ...target });
});

Deno.test("a login finishes on another replica, and after a restart", async () => {
  const { state, browserSecret, codeVerifier } = await new LoginStates(keys).begin(target);
  assert.equal((await new LoginStates(keys).finish(state, browserSecret)).codeVerifier, codeVerifier);
});

Deno.test("the state is base64 in both alphabets and keeps the original's field names", async () => {
  const { state } = await new LoginStates(keys).begin(target);
  assert.match(state, /^[A-Za-z0-9]+={0,2}$/);
  const { redirectURL, sid, cid } = decodePortableBase64(state) as Record<string, unknown>;
  assert.deepEqual({ redirectURL, sid, cid }, { redirectURL: target.redirectUrl, sid: "s3ss10", cid: "c1uSt3" });
});

Deno.test("the state, which issuers log, holds neither nonce nor verifier nor browser secret", async () => {
  const { state, browserSecret, nonce, codeVerifier } = await new LoginStates(keys).begin(target);
  const json = JSON.stringify(decodePortableBase64(state));
  for (const secret of [browserSecret, nonce, codeVerifier]) assert.ok(!json.includes(secret));
  assert.equal(new Set([browserSecret, nonce, codeVerifier]).size, 3);
  assert.match(codeVerifier, /^[A-Za-z0-9._~-]{43,128}$/); // RFC 7636 4.1
});

Deno.test("two logins of one target share nothing", async () => {
  const states = new LoginStates(keys);
  const [one, other] = [await states.begin(target), await states.begin(target)];
  for (const name of ["state", "browserSecret", "nonce", "codeVerifier"] as const) {
    assert.notEqual(one[name], other[name]);
  }
});

Deno.test("a replayed state is refused, also by two requests at once", async () => {
  const states = new LoginStates(keys);
  const { state, browserSecret } = await states.begin(target);
  const both = await Promise.allSettled([states.finish(state, browserSecret), states.finish(state, browserSecret)]);
  assert.deepEqual(both.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  await assert.rejects(states.finish(state, browserSecret), failsWith("state_replayed"));
});

Deno.test("a state is refused in a browser that did not begin it, which does not use it up", async () => {
  const states = new LoginStates(keys);
  const mine = await states.begin(target);
  const theirs = await states.begin(target);
  for (const secret of [undefined, "", theirs.browserSecret, mine.nonce]) {
    await assert.rejects(states.finish(mine.state, secret), failsWith("state_foreign"));
  }
  await states.finish(mine.state, mine.browserSecret);
});

Deno.test("a state expires after ten minutes", async () => {
  let now = new Date("2026-06-01T10:00:00Z");
  const states = new LoginStates(keys, { now: () => now });
  const { state, browserSecret, expiresAt } = await states.begin(target);
  assert.equal(expiresAt.toISOString(), "2026-06-01T10:10:00.000Z");
  now = expiresAt;
  await assert.rejects(states.finish(state, browserSecret), failsWith("state_expired"));
  now = new Date(expiresAt.getTime() - 1);
  await states.finish(state, browserSecret);
});

Deno.test("a replayed state stays refused until it expires, however many logins finish meanwhile", async () => {
  let now = new Date("2026-06-01T10:00:00Z");
  const states = new LoginStates(keys, { now: () => now });
  const first = await states.begin(target);
  await states.finish(first.state, first.browserSecret);
  for (let minute = 1; minute < 10; minute++) {
    now = new Date(now.getTime() + 60_000);
    const next = await states.begin(target);
    await states.finish(next.state, next.browserSecret);
    await assert.rejects(states.finish(first.state, first.browserSecret), failsWith("state_replayed"));
  }
});

Deno.test("the memory of finished logins is bounded: the oldest is forgotten first", async () => {
  const states = new LoginStates(keys, { remembered: 2 });
  const logins = [await states.begin(target), await states.begin(target), await states.begin(target)];
  for (const { state, browserSecret } of logins) await states.finish(state, browserSecret);
  const [oldest, ...others] = logins;
  for (const { state, browserSecret } of others) {
    await assert.rejects(states.finish(state, browserSecret), failsWith("state_replayed"));
  }
  await states.finish(oldest!.state, oldest!.browserSecret);
});

Deno.test("a state of other keys is refused", async () => {
  const signing = keys.signing;
  const others: CookieKeys[] = [{ signing: new Uint8Array(32) }, { signing, encryption: new Uint8Array(16) }];
  for (const other of others) {
    const { state, browserSecret } = await new LoginStates(other).begin(target);
    await assert.rejects(new LoginStates(keys).finish(state, browserSecret), failsWith("state_invalid"));
  }
});

Deno.test("a state with any field changed is refused", async () => {
  const states = new LoginStates(keys);
  const { state, browserSecret } = await states.begin(target);
  const fields = decodePortableBase64(state) as Record<string, unknown>;
  const changes: Record<string, unknown> = {
    redirectURL: "https://evil.example.com/",
    sid: "0ther0",
    cid: "0ther0",
    exp: (fields.exp as number) + 1,
    browser: "x".repeat(43),
    sig: "x".repeat(43),
  };
  assert.deepEqual(Object.keys(changes).sort(), Object.keys(fields).sort());
  for (const [name, value] of Object.entries(changes)) {
    const forged = encodePortableBase64({ ...fields, [name]: value });
    await assert.rejects(states.finish(forged, browserSecret), failsWith("state_invalid"), name);
  }
});

Deno.test("a state that was tampered with is refused, or still says the same", async () => {
  const states = new LoginStates(keys);
  const { state, browserSecret } = await states.begin(target);
  const edits = fc.record({
    at: fc.nat({ max: state.length - 1 }),
    remove: fc.nat({ max: 3 }),
    insert: fc.string({ unit: fc.constantFrom(..."ABCxyz019=-_") }),
  });
  await fc.assert(fc.asyncProperty(edits, async ({ at, remove, insert }) => {
    const forged = state.slice(0, at) + insert + state.slice(at + remove);
    const read = await new LoginStates(keys).finish(forged, browserSecret).catch((error) => error);
    if (read instanceof OidcError) assert.equal(read.code, "state_invalid");
    else {assert.deepEqual({ ...read, state: undefined }, {
        ...await new LoginStates(keys).finish(state, browserSecret),
        state: undefined,
      });}
  }));
});

Deno.test("garbage as state is refused as invalid, never a crash", async () => {
  const states = new LoginStates(keys);
  const garbage = fc.oneof(fc.string({ unit: "binary" }), fc.base64String(), fc.jsonValue().map(encodePortableBase64));
  await fc.assert(fc.asyncProperty(garbage, async (text) => {
    await assert.rejects(states.finish(text, "secret"), failsWith("state_invalid"));
  }));
  await assert.rejects(states.finish(undefined, "secret"), failsWith("state_invalid"));
  await assert.rejects(states.finish("A".repeat(1 << 20), "secret"), failsWith("state_invalid"));
});

Deno.test("a redirect URL that no issuer would carry is refused at the beginning", async () => {
  const huge = { ...target, redirectUrl: `http://localhost/${"x".repeat(10_000)}` };
  await assert.rejects(new LoginStates(keys).begin(huge), failsWith("state_invalid"));
});
