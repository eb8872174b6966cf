import assert from "node:assert/strict";
import { createTestAuthority } from "../playground/certificates.ts";
import { type Answer, HostileIssuer, type Misbehaviour } from "../tests/hostile_issuer.ts";
import { OidcError, type OidcErrorCode } from "./errors.ts";
import type { Identity } from "./identity.ts";
import { openRelyingParty, type RelyingParty, type RelyingPartyOptions } from "./relying_party.ts";
import { type FinishedLogin, LoginStates } from "./state.ts";

const signal = new AbortController().signal;
const callbackUrl = "http://127.0.0.1:9/callback";
const target = { redirectUrl: "http://localhost:1234/callback", sessionId: "s3ss10", clusterId: "c1uSt3" };

const open = (issuer: HostileIssuer, options: Partial<RelyingPartyOptions> = {}) => {
  const { url, clientId, clientSecret } = issuer;
  return openRelyingParty(
    { issuerUrl: url, clientId, clientSecret, callbackUrl, timeoutMs: 10_000, ...options },
    signal,
  );
};

interface Callback {
  callback: URLSearchParams;
  login: FinishedLogin;
}

/** The issuer logs in by itself, so the browser's part is one redirect. */
async function callbackOf(party: RelyingParty, client?: Deno.HttpClient): Promise<Callback> {
  const states = new LoginStates({ signing: crypto.getRandomValues(new Uint8Array(32)) });
  const begun = await states.begin(target);
  const response = await fetch(await party.authorizationUrl(begun), { redirect: "manual", client });
  await response.body?.cancel();
  assert.equal(response.status, 302);
  const location = new URL(response.headers.get("location")!);
  assert.equal(location.origin + location.pathname, callbackUrl);
  return { callback: location.searchParams, login: await states.finish(begun.state, begun.browserSecret) };
}

async function logIn(party: RelyingParty, client?: Deno.HttpClient): Promise<Identity> {
  const { callback, login } = await callbackOf(party, client);
  return await party.exchange(callback, login, signal);
}

const failsWith = (code: OidcErrorCode, message = /./) => (error: unknown) => {
  assert.ok(error instanceof OidcError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  const shown = Deno.inspect(error, { depth: 10 }); // what a careless logger would write
  assert.ok(!shown.includes("access-token-of-the-issuer") && !shown.includes("eyJ"), shown);
  return true;
};

Deno.test("a login yields the identity that the issuer signed, and no token", async () => {
  await using issuer = await HostileIssuer.open();
  using party = await open(issuer);
  assert.deepEqual(await logIn(party), {
    subject: "alice",
    issuer: issuer.url,
    email: "alice@example.com",
    emailVerified: true,
    name: "Alice",
    groups: ["dev"],
  });
});

/** Appendix B, with its challenge. */
const RFC_7636_VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

Deno.test("the authorization request carries PKCE, state, nonce and no more scopes than needed", async () => {
  await using issuer = await HostileIssuer.open();
  using party = await open(issuer);
  const url = await party.authorizationUrl({ state: "st", nonce: "no", codeVerifier: RFC_7636_VERIFIER });
  assert.equal(url.origin + url.pathname, `${issuer.url}/authorize`);
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    response_type: "code",
    client_id: "klutch",
    redirect_uri: callbackUrl,
    scope: "openid profile email",
    state: "st",
    nonce: "no",
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    code_challenge_method: "S256",
  });
});

Deno.test("claims of the wrong type are left out of the identity", async () => {
  await using issuer = await HostileIssuer.open();
  issuer.person = { sub: "bob", email: 5, name: { first: "Bob" }, preferred_username: "bob", groups: ["dev", 5, null] };
  using party = await open(issuer);
  assert.deepEqual(await logIn(party), { subject: "bob", issuer: issuer.url, name: "bob", groups: ["dev"] });
});

Deno.test("a login goes on after the issuer has rotated its keys", async () => {
  await using issuer = await HostileIssuer.open();
  using party = await open(issuer);
  await logIn(party);
  await logIn(party);
  assert.equal(issuer.requests.filter((request) => request === "GET /jwks").length, 1);
  await new Promise((resolve) => setTimeout(resolve, 1100)); // the shortest time between two fetches of keys
  await issuer.rotateKeys();
  assert.equal((await logIn(party)).subject, "alice");
});

const wrongSecrets: [name: string, change: Partial<FinishedLogin>, code: OidcErrorCode][] = [
  ["state", { state: "other" }, "callback_invalid"],
  ["nonce", { nonce: "other" }, "id_token_invalid"],
  ["PKCE verifier", { codeVerifier: "x".repeat(43) }, "code_rejected"],
];
for (const [name, change, code] of wrongSecrets) {
  Deno.test(`a callback with the ${name} of another login is refused`, async () => {
    await using issuer = await HostileIssuer.open();
    using party = await open(issuer);
    const { callback, login } = await callbackOf(party);
    await assert.rejects(party.exchange(callback, { ...login, ...change }, signal), failsWith(code));
  });
}

Deno.test("a code is refused the second time", async () => {
  await using issuer = await HostileIssuer.open();
  using party = await open(issuer);
  const { callback, login } = await callbackOf(party);
  await party.exchange(callback, login, signal);
  await assert.rejects(party.exchange(callback, login, signal), failsWith("code_rejected", /invalid_grant/));
});

const seconds = () => Math.floor(Date.now() / 1000);
const forgeries: [name: string, misbehaviour: Misbehaviour, code?: OidcErrorCode][] = [
  ["without a signature (alg none)", { signature: "none" }],
  [
    "without a signature, by an issuer that announces alg none",
    { signature: "none", metadata: { id_token_signing_alg_values_supported: ["ES256", "none"] } },
  ],
  ["signed with a key that the issuer did not publish", { signature: "foreign key" }],
  ["signed with our client secret (HS256)", { signature: "client secret" }],
  [
    "signed with our client secret, by an issuer that announces HS256",
    { signature: "client secret", metadata: { id_token_signing_alg_values_supported: ["ES256", "HS256"] } },
  ],
  ["changed after signing", { signature: "tampered" }],
  ["that has expired", { claims: { exp: seconds() - 3600 } }],
  ["that never expires", { claims: { exp: undefined } }],
  ["that is not valid yet", { claims: { nbf: seconds() + 3600 } }],
  ["for another audience", { claims: { aud: "other" } }],
  ["for another audience beside us, without azp", { claims: { aud: ["klutch", "other"] } }],
  ["for another audience beside us, made for that one", { claims: { aud: ["klutch", "other"], azp: "other" } }],
  ["for us, made for another client", { claims: { azp: "other" } }],
  ["of another issuer", { claims: { iss: "https://sso.example.com" } }],
  ["without an issuer", { claims: { iss: undefined } }],
  ["with another nonce", { claims: { nonce: "other" } }],
  ["without a nonce", { claims: { nonce: undefined } }],
  ["without a subject", { claims: { sub: undefined } }],
  ["with an empty subject", { claims: { sub: "" } }],
  ["with an endless subject", { claims: { sub: "x".repeat(256) } }],
  ["with a number as subject", { claims: { sub: 5 as unknown as string } }],
  ["that is missing", { withoutIdToken: true }, "issuer_misbehaved"],
];
for (const [name, misbehaviour, code = "id_token_invalid"] of forgeries) {
  Deno.test(`an ID token ${name} is refused`, async () => {
    await using issuer = await HostileIssuer.open();
    issuer.misbehave = misbehaviour;
    using party = await open(issuer);
    await assert.rejects(logIn(party), failsWith(code));
    issuer.misbehave = {};
    assert.equal((await logIn(party)).subject, "alice");
  });
}

Deno.test("an ID token for two audiences is taken when it was made for us", async () => {
  await using issuer = await HostileIssuer.open();
  issuer.misbehave = { claims: { aud: ["other", "klutch"], azp: "klutch" } };
  using party = await open(issuer);
  assert.equal((await logIn(party)).subject, "alice");
});

const callbacks: [name: string, callback: Misbehaviour["callback"], code: OidcErrorCode, message: RegExp][] = [
  [
    "says that the person refused",
    ({ state }) => ({ state, error: "access_denied", error_description: "The user said no" }),
    "login_denied",
    /access_denied \(The user said no\)$/,
  ],
  [
    "says that login is required",
    ({ state }) => ({ state, error: "login_required" }),
    "login_denied",
    /login_required$/,
  ],
  ["reports another error", ({ state }) => ({ state, error: "server_error" }), "login_failed", /server_error$/],
  [
    "reports an error with control characters in it",
    ({ state }) => ({ state, error: "x\r\ny", error_description: `\u202e\x1b[31m${"z".repeat(5000)}` }),
    "login_failed",
    /^[^\p{C}]{0,700}$/u,
  ],
  ["has neither code nor error", ({ state }) => ({ state }), "callback_invalid", /no authorization code/],
  ["has no state", ({ code }) => ({ code }), "callback_invalid", /"state" missing/],
  [
    "comes from another issuer",
    ({ code, state }) => ({ code, state, iss: "https://e.example" }),
    "callback_invalid",
    /iss/,
  ],
  ["brings an ID token itself", ({ code, state }) => ({ code, state, id_token: "x" }), "callback_invalid", /implicit/],
  ["has a code of nobody", ({ state }) => ({ code: "guess", state }), "code_rejected", /no such grant/],
];
for (const [name, callback, code, message] of callbacks) {
  Deno.test(`a callback that ${name} is refused`, async () => {
    await using issuer = await HostileIssuer.open();
    issuer.misbehave = { callback };
    using party = await open(issuer);
    await assert.rejects(logIn(party), failsWith(code, message));
  });
}

Deno.test("a callback with doubled parameters is refused", async () => {
  await using issuer = await HostileIssuer.open();
  using party = await open(issuer);
  for (const name of ["code", "state"]) {
    const { callback, login } = await callbackOf(party);
    callback.append(name, "other");
    await assert.rejects(party.exchange(callback, login, signal), failsWith("callback_invalid", /only once/));
  }
});

Deno.test("a client that the issuer does not know is told so", async () => {
  await using issuer = await HostileIssuer.open();
  using party = await open(issuer, { clientSecret: "wrong" });
  await assert.rejects(logIn(party), failsWith("client_rejected"));
});

Deno.test("the client secret goes into the form for an issuer that wants it there", async () => {
  await using issuer = await HostileIssuer.open();
  issuer.misbehave = { metadata: { token_endpoint_auth_methods_supported: ["client_secret_post"] } };
  using party = await open(issuer);
  assert.equal((await logIn(party)).subject, "alice");
});

const html: Answer = { status: 200, headers: { "content-type": "text/html" }, body: "<!DOCTYPE html><h1>Sign in</h1>" };
const json = (body: unknown): Answer => ({ status: 200, body: JSON.stringify(body) });
const answers: [name: string, answer: Answer, code: OidcErrorCode, message: RegExp][] = [
  ["answers HTML", html, "issuer_misbehaved", /200, text\/html/],
  ["answers 500", { status: 500, body: "{}" }, "issuer_misbehaved", /500, application\/json/],
  ["answers 404", { status: 404, headers: {}, body: "nothing here" }, "issuer_misbehaved", /404/],
  ["answers half a JSON", { status: 200, body: '{"issuer":' }, "issuer_misbehaved", /JSON/],
  ["answers an array", json([]), "issuer_misbehaved", /top level object/],
  ["answers an empty object", json({}), "issuer_misbehaved", /must be/],
  ["redirects", { status: 302, headers: { location: "http://127.0.0.1:9/" }, body: "" }, "issuer_misbehaved", /302/],
  ["stops in the middle of its answer", "stalls", "issuer_unreachable", /no complete answer within 1 s/],
  ["does not answer", "hangs", "issuer_unreachable", /no complete answer within 1 s/],
  ["answers without end", "floods", "issuer_misbehaved", /larger than 1048576 bytes/],
];
for (const [name, answer, code, message] of answers) {
  Deno.test(`an issuer whose discovery ${name} is refused`, async () => {
    await using issuer = await HostileIssuer.open();
    issuer.misbehave = { discovery: answer };
    const timeoutMs = typeof answer === "string" && answer !== "floods" ? 1000 : 5000;
    await assert.rejects(open(issuer, { timeoutMs }), failsWith(code, message));
  });

  Deno.test(`a login at an issuer whose token endpoint ${name} fails`, async () => {
    await using issuer = await HostileIssuer.open();
    const timeoutMs = typeof answer === "string" && answer !== "floods" ? 1000 : 5000;
    using party = await open(issuer, { timeoutMs });
    issuer.misbehave = { token: answer };
    await assert.rejects(logIn(party), failsWith(code, message));
  });

  Deno.test(`a login at an issuer whose keys cannot be had, as it ${name}, fails`, async () => {
    await using issuer = await HostileIssuer.open();
    const timeoutMs = typeof answer === "string" && answer !== "floods" ? 1000 : 5000;
    using party = await open(issuer, { timeoutMs });
    issuer.misbehave = { jwks: answer };
    await assert.rejects(logIn(party), failsWith(code));
    issuer.misbehave = {};
    assert.equal((await logIn(party)).subject, "alice");
  });
}

const metadata: [name: string, metadata: Record<string, unknown>, message: RegExp][] = [
  ["says that it is another issuer", { issuer: "https://sso.example.com" }, /issuer/],
  ["serves many issuers", { issuer: "https://login.example.com/{tenantid}/v2.0" }, /issuer/],
  ["sends logins over HTTP", { authorization_endpoint: "http://sso.example.com/a" }, /authorization_endpoint.*https/],
  ["sends logins to a script", { authorization_endpoint: "javascript:alert(1)" }, /authorization_endpoint.*https/],
  ["wants codes over HTTP", { token_endpoint: "http://sso.example.com/token" }, /token_endpoint.*https/],
  ["has its keys on HTTP", { jwks_uri: "http://sso.example.com/jwks" }, /jwks_uri.*https/],
  ["has no keys", { jwks_uri: undefined }, /lacks jwks_uri/],
  ["has no token endpoint", { token_endpoint: undefined }, /lacks token_endpoint/],
];
for (const [name, changed, message] of metadata) {
  Deno.test(`an issuer that ${name} is refused`, async () => {
    await using issuer = await HostileIssuer.open();
    issuer.misbehave = { metadata: changed };
    await assert.rejects(open(issuer), failsWith("issuer_misbehaved", message));
  });
}

Deno.test("an issuer that is down is unreachable, and usable again once it is back", async () => {
  const issuer = await HostileIssuer.open();
  using party = await open(issuer);
  const { callback, login } = await callbackOf(party);
  await issuer[Symbol.asyncDispose]();
  await assert.rejects(party.exchange(callback, login, signal), failsWith("issuer_unreachable"));
  const message = new RegExp(
    `^Cannot reach issuer "${issuer.url}" at ${issuer.url}/.well-known/openid-configuration: `,
  );
  await assert.rejects(open(issuer), failsWith("issuer_unreachable", message));
  await using _back = await HostileIssuer.open({ port: Number(new URL(issuer.url).port) });
  assert.equal((await logIn(party)).subject, "alice");
});

Deno.test("an issuer with a certificate of a private CA is trusted with that CA only", async () => {
  const authority = await createTestAuthority("private");
  const { certificate: cert, key } = await authority.issueServer({ dns: [], ip: ["127.0.0.1"] });
  await using issuer = await HostileIssuer.open({ tls: { cert, key } });
  await assert.rejects(open(issuer), failsWith("issuer_unreachable", /certificate/));
  const foreign = await createTestAuthority("foreign");
  await assert.rejects(open(issuer, { caData: foreign.certificate }), failsWith("issuer_unreachable", /certificate/));
  using party = await open(issuer, { caData: authority.certificate });
  using browser = Deno.createHttpClient({ caCerts: [authority.certificate] });
  assert.equal((await logIn(party, browser)).subject, "alice");
});

Deno.test("CA data that is no certificate is wrong configuration", async () => {
  await using issuer = await HostileIssuer.open();
  for (const caData of ["", "/etc/ssl/ca.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]) {
    await assert.rejects(open(issuer, { caData }), failsWith("configuration", /CA/));
  }
});

Deno.test("an abort comes through as itself, not as a failure of the issuer", async () => {
  await using issuer = await HostileIssuer.open();
  using party = await open(issuer);
  for (const endpoint of ["discovery", "token"] as const) {
    issuer.misbehave = { [endpoint]: "hangs" };
    const abort = new AbortController();
    const { url: issuerUrl, clientId } = issuer;
    const { callback, login } = await callbackOf(party);
    const attempt = endpoint === "discovery"
      ? openRelyingParty({ issuerUrl, clientId, callbackUrl }, abort.signal)
      : party.exchange(callback, login, abort.signal);
    setTimeout(() => abort.abort(new Error("enough")), 50);
    await assert.rejects(attempt, /^Error: enough$/);
  }
});

const wrongOptions: [name: string, options: Partial<RelyingPartyOptions>, message: RegExp][] = [
  ["an issuer on HTTP", { issuerUrl: "http://sso.example.com" }, /https \(http is for loopback only\)/],
  ["an issuer that looks like loopback", { issuerUrl: "http://127.0.0.1.example.com" }, /https/],
  ["an issuer that is no URL", { issuerUrl: "sso.example.com" }, /not a URL/],
  ["an issuer with a query", { issuerUrl: "https://sso.example.com?realm=a" }, /only scheme, host and path/],
  ["the URL of the metadata", { issuerUrl: "https://sso.example.com/.well-known/openid-configuration" }, /well-known/],
  ["an issuer URL with a password", { issuerUrl: "https://user:hunter2@sso.example.com" }, /^(?!.*hunter2)/],
  ["no client id", { clientId: "" }, /client id is missing/],
  ["a callback that is no URL", { callbackUrl: "/callback" }, /callback URL/],
  ["a callback with a query", { callbackUrl: "https://klutch.example.com/callback?x=1" }, /without query/],
  [
    "a callback in another spelling",
    { callbackUrl: "https://A.example.com:443" },
    /written "https:\/\/a.example.com\/"/,
  ],
  ["scopes without openid", { scopes: ["email"] }, /include "openid"/],
];
for (const [name, options, message] of wrongOptions) {
  Deno.test(`openRelyingParty() refuses ${name} as wrong configuration`, async () => {
    const right = { issuerUrl: "https://sso.example.com", clientId: "klutch", callbackUrl };
    await assert.rejects(openRelyingParty({ ...right, ...options }, signal), failsWith("configuration", message));
  });
}
