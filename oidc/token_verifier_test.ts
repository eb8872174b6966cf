import assert from "node:assert/strict";
import * as jose from "jose";
import { AUDIENCE, KeyServer } from "../tests/key_server.ts";
import { OidcError, type OidcErrorCode } from "./errors.ts";
import { claimedIssuerOf, TokenVerifier } from "./token_verifier.ts";

const signal = new AbortController().signal;

const verifierOf = ({ url }: KeyServer, now?: () => Date) =>
  new TokenVerifier({ issuerUrl: url, audiences: ["other", AUDIENCE], now }, signal);

const hasCode = (code: OidcErrorCode, message = /./) => (error: unknown) => {
  assert.ok(error instanceof OidcError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  return true;
};

Deno.test("a token of the issuer for us says who it is; metadata and keys are asked for once", async () => {
  await using server = await KeyServer.open();
  using verifier = verifierOf(server);
  const person = { email: "ci@example.com", email_verified: true, groups: ["builders", 7] };
  const token = await server.sign({ ...person, aud: ["account", AUDIENCE], azp: "runner" }, { typ: "at+JWT" });
  assert.equal(claimedIssuerOf(token), server.url);
  assert.deepEqual(await verifier.verify(token), {
    subject: "ci",
    issuer: server.url,
    email: "ci@example.com",
    emailVerified: true,
    groups: ["builders"],
  });
  await verifier.verify(token);
  assert.deepEqual(server.requests, ["GET /.well-known/openid-configuration", "GET /jwks"]);
});

const refused: [name: string, claims: jose.JWTPayload, header: Record<string, unknown>, why: RegExp][] = [
  ["for somebody else", { aud: "somebody" }, {}, /"aud"/],
  ["for nobody", { aud: undefined }, {}, /"aud"/],
  ["of another issuer", { iss: "https://evil.example" }, {}, /"iss"/],
  ["that has expired", { exp: Math.floor(Date.now() / 1000) - 60 }, {}, /"exp"/],
  ["without an end", { exp: undefined }, {}, /"exp"/],
  ["that is not valid yet", { nbf: Math.floor(Date.now() / 1000) + 300 }, {}, /"nbf"/],
  ["without a subject", { sub: undefined }, {}, /"sub"/],
  ["with an empty subject", { sub: "" }, {}, /subject/],
  ["with a subject without end", { sub: "x".repeat(256) }, {}, /subject/],
  ["for a logout", {}, { typ: "logout+jwt" }, /typ/],
];
Deno.test("tokens that are not for logging in here are refused, each for its reason", async () => {
  await using server = await KeyServer.open();
  using verifier = verifierOf(server);
  for (const [name, claims, header, why] of refused) {
    const token = await server.sign(claims, header);
    await assert.rejects(verifier.verify(token), hasCode("id_token_invalid", why), name);
  }
});

Deno.test("forged tokens are refused, without a request to the issuer for each", async () => {
  await using server = await KeyServer.open();
  await using other = await KeyServer.open();
  using verifier = verifierOf(server);
  const good = await server.sign();
  await verifier.verify(good);
  const [header = "", payload = "", signature = ""] = good.split(".");
  const none = `${btoa('{"alg":"none"}').replaceAll("=", "")}.${payload}.`;
  const hmac = await new jose.SignJWT(jose.decodeJwt(good)).setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode("x".repeat(32)));
  const foreign = await other.sign({ iss: server.url });
  const admin = btoa(JSON.stringify({ ...jose.decodeJwt(good), sub: "admin" })).replaceAll("=", "");
  const tampered = `${header}.${admin}.${signature}`;
  for (const token of [none, hmac, foreign, tampered, "a.b.c", "", `${good}x`]) {
    await assert.rejects(verifier.verify(token), hasCode("id_token_invalid"), token);
  }
  assert.equal(server.requests.length, 2);
  assert.throws(() => claimedIssuerOf("not a token"), hasCode("id_token_invalid"));
});

Deno.test("an issuer that cannot be reached is asked again after a while", async () => {
  await using server = await KeyServer.open();
  let now = Date.now();
  using verifier = verifierOf(server, () => new Date(now));
  server.isDown = true;
  const token = await server.sign();
  await assert.rejects(verifier.verify(token), hasCode("issuer_misbehaved"));
  server.isDown = false;
  await assert.rejects(verifier.verify(token), hasCode("issuer_misbehaved"), "remembered");
  assert.equal(server.requests.length, 1);
  now += 6_000;
  assert.equal((await verifier.verify(token)).subject, "ci");
});

Deno.test("an issuer that says it is another one is not believed", async () => {
  await using server = await KeyServer.open();
  server.metadata.issuer = "https://sso.example.com";
  using verifier = verifierOf(server);
  await assert.rejects(verifier.verify(await server.sign()), hasCode("issuer_misbehaved", /issuer/));
});
