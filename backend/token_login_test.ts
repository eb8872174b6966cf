import { deepEqual, equal, rejects } from "node:assert/strict";
import { AUDIENCE, KeyServer } from "../tests/key_server.ts";
import { OidcError } from "../oidc/errors.ts";
import type { TokenOptions } from "./login_options.ts";
import { Refusal } from "./refusal.ts";
import { TokenLogin } from "./token_login.ts";

const signal = new AbortController().signal;
const NONE: TokenOptions = { audiences: [], otherIssuers: [], programs: [] };

const isInvalid = (error: unknown) => error instanceof OidcError && error.code === "id_token_invalid";

Deno.test("By default nobody logs in by token", async () => {
  await using own = await KeyServer.open();
  using login = new TokenLogin({ issuerUrl: own.url, tokens: NONE }, {}, signal);
  equal(login.isOpen, false);
  await rejects(login.identify(await own.sign()), isInvalid);
  deepEqual(own.requests, []);
});

Deno.test("Tokens of our issuer are for the command line's client, or for one of the audiences", async () => {
  await using own = await KeyServer.open();
  const tokens = { ...NONE, cliClientId: "klutch-cli", audiences: [AUDIENCE] };
  using login = new TokenLogin({ issuerUrl: `${own.url}/`, groupsClaim: "roles", tokens }, {}, signal);
  for (const aud of ["klutch-cli", AUDIENCE]) {
    const { identity, isNamed } = await login.identify(await own.sign({ aud, sub: "jane", roles: ["dev"] }));
    deepEqual({ ...identity, isNamed }, { issuer: own.url, subject: "jane", groups: ["dev"], isNamed: false });
  }
  await rejects(login.identify(await own.sign({ aud: "klutch-backend" })), isInvalid);
});

Deno.test("Programs of another issuer have to be named, and cannot pass for a person of ours", async () => {
  await using own = await KeyServer.open();
  await using ci = await KeyServer.open();
  await using stranger = await KeyServer.open();
  const tokens = { ...NONE, audiences: [AUDIENCE], otherIssuers: [ci.url], programs: [`${ci.url}/repo:acme/*`] };
  using login = new TokenLogin({ issuerUrl: own.url, tokens }, {}, signal);
  const claims = { sub: "repo:acme/shop", email: "boss@example.com", email_verified: true, groups: ["admins"] };
  deepEqual(await login.identify(await ci.sign(claims)), {
    identity: { issuer: ci.url, subject: `${ci.url}/repo:acme/shop` },
    isNamed: true,
  });
  const token = await ci.sign({ sub: "repo:evil/shop" });
  await rejects(login.identify(token), (error) => error instanceof Refusal && error.status === 403);
  await rejects(login.identify(await stranger.sign({ sub: "repo:acme/shop" })), isInvalid);
  await rejects(login.identify(await ci.sign({ ...claims, iss: own.url })), isInvalid);
});
