import assert from "node:assert/strict";
import fc from "fast-check";
import { base64url, EncryptJWT, SignJWT } from "jose";
import { type CookieKeys, deriveKey } from "./cookie_keys.ts";
import { OidcError } from "./errors.ts";
import { type Session, SessionSealer } from "./session.ts";

const keys: CookieKeys = { signing: crypto.getRandomValues(new Uint8Array(64)) };
const createdAt = new Date("2026-06-01T10:00:00Z");
const session: Session = {
  subject: "alice",
  issuer: "https://sso.example.com",
  email: "alice@example.com",
  name: "Alice Ä. 名前",
  groups: ["dev", "ops"],
  redirectUrl: "http://localhost:1234/callback",
  sessionId: "s3ss10",
  clusterId: "c1uSt3",
  createdAt,
  expiresAt: new Date("2026-06-01T11:00:00Z"),
};
const sealer = new SessionSealer(keys, { now: () => createdAt });

Deno.test("a session round-trips through its cookie, with and without what is optional", async () => {
  assert.deepEqual(await sealer.open(await sealer.seal(session), "s3ss10"), session);
  const { email: _email, name: _name, groups: _groups, ...bare } = session;
  assert.deepEqual(await sealer.open(await sealer.seal(bare), "s3ss10"), bare);
});

Deno.test("every session round-trips through its cookie", async () => {
  const text = fc.string({ unit: "grapheme", maxLength: 60 });
  const sessions = fc.record({
    subject: text.filter(Boolean),
    issuer: text,
    name: text,
    groups: fc.array(text, { maxLength: 4 }),
    redirectUrl: fc.webUrl({ validSchemes: ["http"], withQueryParameters: true }),
    sessionId: text.filter(Boolean),
    clusterId: text,
  });
  await fc.assert(fc.asyncProperty(sessions, async (fields) => {
    const whole: Session = { ...session, ...fields };
    assert.deepEqual(await sealer.open(await sealer.seal(whole), whole.sessionId), whole);
  }));
});

Deno.test("a session opens on another replica, and after a restart", async () => {
  const other = new SessionSealer(keys, { now: () => createdAt });
  assert.deepEqual(await other.open(await sealer.seal(session), "s3ss10"), session);
});

Deno.test("a session that was opened before still ends in time, and opens for its own id only", async () => {
  let now = createdAt;
  const sealer = new SessionSealer(keys, { now: () => now });
  const text = await sealer.seal(session);
  assert.deepEqual(await sealer.open(text, "s3ss10"), session);
  assert.deepEqual(await sealer.open(text, "s3ss10"), session);
  assert.equal(await sealer.open(text, "other"), undefined);
  const changed = text.at(-2) === "A" ? "B" : "A"; // the last character may carry bits that decoders drop
  assert.equal(await sealer.open(`${text.slice(0, -2)}${changed}${text.at(-1)}`, "s3ss10"), undefined);
  now = session.expiresAt;
  assert.equal(await sealer.open(text, "s3ss10"), undefined);
});

Deno.test("a cookie shows nothing of the session, and is made of cookie characters", async () => {
  const text = await sealer.seal(session);
  assert.match(text, /^[A-Za-z0-9._-]+$/);
  const parts = text.split(".").map((part) => new TextDecoder().decode(base64url.decode(part))).join();
  for (const value of ["alice", "sso.example.com", "localhost", "s3ss10"]) assert.ok(!parts.includes(value), value);
});

Deno.test("a cookie of a usual login is well below 4096 bytes, also with 30 groups", async () => {
  const groups = Array.from({ length: 30 }, (_, index) => `/platform/teams/team-${index}`);
  assert.ok((await sealer.seal(session)).length < 1000);
  assert.ok((await sealer.seal({ ...session, groups })).length < 2500);
});

Deno.test("a session that no browser would store is refused when it is made", async () => {
  const groups = Array.from({ length: 200 }, () => crypto.randomUUID());
  await assert.rejects(sealer.seal({ ...session, groups }), (error) => {
    assert.ok(error instanceof OidcError);
    assert.equal(error.code, "session_too_large");
    assert.match(error.message, /200 groups/);
    return true;
  });
});

Deno.test("an expired session does not open", async () => {
  const text = await sealer.seal(session);
  const at = (time: string) => new SessionSealer(keys, { now: () => new Date(time) }).open(text, "s3ss10");
  assert.ok(await at("2026-06-01T10:59:59Z"));
  assert.equal(await at("2026-06-01T11:00:00Z"), undefined);
});

Deno.test("a session does not open as that of another session id", async () => {
  assert.equal(await sealer.open(await sealer.seal(session), "0ther0"), undefined);
});

Deno.test("a session sealed with other keys does not open", async () => {
  const { signing } = keys;
  const others: CookieKeys[] = [{ signing: new Uint8Array(64) }, { signing, encryption: new Uint8Array(32) }];
  for (const other of others) {
    const text = await new SessionSealer(other, { now: () => createdAt }).seal(session);
    assert.equal(await sealer.open(text, "s3ss10"), undefined);
  }
});

Deno.test("a cookie that was tampered with does not open", async () => {
  const text = await sealer.seal(session);
  const edits = fc.record({
    at: fc.nat({ max: text.length - 1 }),
    remove: fc.nat({ max: 2 }),
    insert: fc.string({ unit: fc.constantFrom(..."ABCxyz019._-=") }),
  });
  await fc.assert(fc.asyncProperty(edits, async ({ at, remove, insert }) => {
    const forged = text.slice(0, at) + insert + text.slice(at + remove);
    // The last character of a part may carry bits that decoders drop: the same bytes are the same cookie. The header
    // is authenticated as it is written.
    const meaning = (cookie: string) => {
      const [header, ...parts] = cookie.split(".");
      return [header, ...parts.map((part) => base64url.decode(part).toHex())].join(".");
    };
    const isSame = (() => {
      try {
        return meaning(forged) === meaning(text);
      } catch {
        return false;
      }
    })();
    assert.deepEqual(await sealer.open(forged, "s3ss10"), isSame ? session : undefined);
  }));
});

Deno.test("garbage as cookie does not open, and does not crash", async () => {
  const garbage = fc.oneof(fc.string({ unit: "binary" }), fc.array(fc.base64String()).map((parts) => parts.join(".")));
  await fc.assert(
    fc.asyncProperty(garbage, async (text) => assert.equal(await sealer.open(text, "s3ss10"), undefined)),
  );
  assert.equal(await sealer.open(undefined, "s3ss10"), undefined);
});

Deno.test("a cookie whose maker had the key but not our purpose, issuer or expiry does not open", async () => {
  const key = await deriveKey(keys, "session cookie");
  const make = (audience: string, issuer: string, expires?: Date) => {
    const jwt = new EncryptJWT({ oiss: "x", url: "x", cid: "x" }).setProtectedHeader({ alg: "dir", enc: "A256GCM" })
      .setAudience(audience).setIssuer(issuer).setSubject("mallory").setJti("s3ss10").setIssuedAt(createdAt);
    return (expires ? jwt.setExpirationTime(expires) : jwt).encrypt(key);
  };
  assert.ok(await sealer.open(await make("klutch session cookie", "klutch", session.expiresAt), "s3ss10"));
  assert.equal(await sealer.open(await make("other", "klutch", session.expiresAt), "s3ss10"), undefined);
  assert.equal(await sealer.open(await make("klutch session cookie", "other", session.expiresAt), "s3ss10"), undefined);
  assert.equal(await sealer.open(await make("klutch session cookie", "klutch"), "s3ss10"), undefined);
  const signed = new SignJWT({}).setProtectedHeader({ alg: "HS256" }).setSubject("mallory").setJti("s3ss10");
  assert.equal(await sealer.open(await signed.sign(key), "s3ss10"), undefined);
});
