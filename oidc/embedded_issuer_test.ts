import assert from "node:assert/strict";
import * as jose from "jose";
import * as oidc from "openid-client";
import { HttpBrowser } from "../playground/browser.ts";
import { type EmbeddedIssuer, type EmbeddedIssuerOptions, openEmbeddedIssuer } from "./embedded_issuer.ts";
import { OidcError } from "./errors.ts";
import { openRelyingParty, type RelyingParty } from "./relying_party.ts";
import { LoginStates } from "./state.ts";

const signal = new AbortController().signal;
const callbackUrl = "http://127.0.0.1:9/callback";
const client = { clientId: "klutch", clientSecret: "s3cret: & more + 100 %" };
const target = { redirectUrl: "http://localhost:1234/callback", sessionId: "s3ss10", clusterId: "c1uSt3" };

const open = (options: Partial<EmbeddedIssuerOptions> = {}) =>
  openEmbeddedIssuer({ ...client, redirectUris: [callbackUrl], ...options }, signal);

const openParty = ({ issuerUrl }: EmbeddedIssuer) => openRelyingParty({ issuerUrl, ...client, callbackUrl }, signal);

async function begin(party: RelyingParty) {
  const states = new LoginStates({ signing: crypto.getRandomValues(new Uint8Array(32)) });
  const begun = await states.begin(target);
  return {
    url: await party.authorizationUrl(begun),
    finish: async (callback: URLSearchParams) => {
      const login = await states.finish(callback.get("state") ?? undefined, begun.browserSecret);
      return await party.exchange(callback, login, signal);
    },
  };
}

Deno.test("a browser logs in at the embedded issuer with one form and no other page", async () => {
  await using issuer = await open({ groups: { alice: ["dev", "ops"] } });
  using party = await openParty(issuer);
  using browser = new HttpBrowser({ stopAt: callbackUrl });
  const { url, finish } = await begin(party);
  const page = await browser.open(url, signal);
  assert.equal(page.status, 200);
  assert.equal(page.url.origin, issuer.issuerUrl);
  assert.match(page.text, /For development only/);
  const done = await browser.submit(page.form("login"), { login: "alice" }, signal);
  assert.equal(done.url.origin + done.url.pathname, callbackUrl);
  assert.deepEqual(await finish(done.url.searchParams), {
    subject: "alice",
    issuer: issuer.issuerUrl,
    email: "alice@example.com",
    emailVerified: false,
    name: "alice",
    groups: ["dev", "ops"],
  });
});

Deno.test("a browser that is logged in already goes straight through, another one is asked", async () => {
  await using issuer = await open();
  using party = await openParty(issuer);
  using browser = new HttpBrowser({ stopAt: callbackUrl });
  const first = await begin(party);
  const page = await browser.open(first.url, signal);
  await browser.submit(page.form("login"), { login: "bob" }, signal);
  const second = await begin(party);
  const callback = (await browser.open(second.url, signal)).url.searchParams;
  assert.equal((await second.finish(callback)).subject, "bob");
  using other = new HttpBrowser({ stopAt: callbackUrl });
  assert.ok((await other.open((await begin(party)).url, signal)).form("login"));
});

Deno.test("the login page works without scripts, for keyboards and screen readers, and takes nothing from elsewhere", async () => {
  await using issuer = await open();
  using party = await openParty(issuer);
  using browser = new HttpBrowser();
  const { html, headers } = await browser.open((await begin(party)).url, signal);
  assert.match(html, /^<!DOCTYPE html>\n<html lang="en">/);
  assert.match(html, /<label for="login">/);
  assert.doesNotMatch(html, /<script|https?:\/\/|<link|@import|type="password"/i);
  const policy = headers.get("content-security-policy")!;
  assert.match(policy, /default-src 'none'/);
  const style = new TextEncoder().encode(/<style>([\s\S]*)<\/style>/.exec(html)![1]);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", style)).toBase64();
  assert.ok(policy.includes(`style-src 'sha256-${digest}'`), policy);
  assert.match(policy, /form-action 'self' http:\/\/127\.0\.0\.1:9;/); // browsers check the redirects after the form too
});

Deno.test("a name that is none is asked for again, with the reason beside the field", async () => {
  await using issuer = await open();
  using party = await openParty(issuer);
  using browser = new HttpBrowser({ stopAt: callbackUrl });
  const { url, finish } = await begin(party);
  let page = await browser.open(url, signal);
  for (const login of ["", "a#b", '"><script>alert(1)</script>', "x".repeat(65), "../etc"]) {
    page = await browser.submit(page.form("login"), { login }, signal);
    assert.equal(page.status, 400);
    assert.match(page.html, /aria-invalid="true" aria-describedby="login-error/);
    assert.doesNotMatch(page.html, /<script/);
    assert.equal(page.form("login").fields[0]!.value, login.slice(0, 64));
  }
  const done = await browser.submit(page.form("login"), { login: "  carol@example.org " }, signal);
  const { subject, email } = await finish(done.url.searchParams);
  assert.deepEqual({ subject, email }, { subject: "carol@example.org", email: "carol@example.org" });
});

Deno.test("a person named like a property of all objects has no groups", async () => {
  await using issuer = await open({ groups: { alice: ["dev"] } });
  using party = await openParty(issuer);
  using browser = new HttpBrowser({ stopAt: callbackUrl });
  const { url, finish } = await begin(party);
  const page = await browser.open(url, signal);
  const done = await browser.submit(page.form("login"), { login: "constructor" }, signal);
  assert.deepEqual((await finish(done.url.searchParams)).groups, []);
});

Deno.test("a person who cancels comes back as a denied login", async () => {
  await using issuer = await open();
  using party = await openParty(issuer);
  using browser = new HttpBrowser({ stopAt: callbackUrl });
  const { url, finish } = await begin(party);
  const page = await browser.open(url, signal);
  const done = await browser.submit(page.form("login"), { cancel: "yes" }, signal);
  await assert.rejects(finish(done.url.searchParams), (error) => {
    assert.ok(error instanceof OidcError);
    assert.equal(error.code, "login_denied");
    assert.match(error.message, /access_denied \(The user cancelled the login\)/);
    return true;
  });
});

Deno.test("a login form sent by another page, another browser, or too late gets nobody in", async () => {
  await using issuer = await open();
  using party = await openParty(issuer);
  using browser = new HttpBrowser({ stopAt: callbackUrl });
  const page = await browser.open((await begin(party)).url, signal);
  const form = page.form("login");
  const foreign = await browser.submit({ ...form, page: new URL("http://127.0.0.1:1/") }, { login: "mallory" }, signal);
  assert.equal(foreign.status, 403);
  using other = new HttpBrowser({ stopAt: callbackUrl });
  const stolen = await other.submit(form, { login: "mallory" }, signal);
  assert.equal(stolen.status, 400);
  assert.match(stolen.text, /begun in another browser/);
  await browser.submit(form, { login: "alice" }, signal);
  const again = await browser.submit(form, { login: "mallory" }, signal);
  assert.equal(again.status, 400);
});

Deno.test("a form that is too large is refused", async () => {
  await using issuer = await open();
  using party = await openParty(issuer);
  using browser = new HttpBrowser();
  const page = await browser.open((await begin(party)).url, signal);
  assert.equal((await browser.submit(page.form("login"), { login: "x".repeat(100_000) }, signal)).status, 400);
});

Deno.test("requests under another host name are refused, so that foreign DNS names cannot reach the issuer", async () => {
  await using issuer = await open();
  const { hostname, port } = new URL(issuer.issuerUrl);
  const cases = [["evil.example.com", 421], [`localhost:${port}`, 421], [`${hostname}:${port}`, 200]] as const;
  for (const [host, status] of cases) {
    const answer = await raw(issuer, `GET /jwks HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `), host);
  }
});

Deno.test("requests that no browser sends do not stop the issuer", async () => {
  await using issuer = await open();
  const { host } = new URL(issuer.issuerUrl);
  const cookie = `klutch_issuer_login=${"x".repeat(21)}`;
  for (const path of ["http://[", "//", "/interaction/%", "/interaction/../../etc", "*", "/%00", `/interaction/x`]) {
    const head = `Host: ${host}\r\nCookie: ${cookie}\r\nConnection: close\r\nContent-Length: 9\r\n\r\n`;
    assert.match(await raw(issuer, `POST ${path} HTTP/1.1\r\n${head}login=bob`), /^HTTP\/1.1 4\d\d /, path);
  }
  assert.equal((await fetch(`${issuer.issuerUrl}/jwks`).then((response) => response.json())).keys.length, 1);
});

async function raw({ issuerUrl }: EmbeddedIssuer, request: string): Promise<string> {
  const { hostname, port } = new URL(issuerUrl);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(new TextEncoder().encode(request));
  return await new Response(connection.readable).text();
}

Deno.test("a wrong redirect URI is not redirected to, and shown on a page of ours", async () => {
  await using issuer = await open();
  using party = await openParty(issuer);
  using browser = new HttpBrowser();
  const { url } = await begin(party);
  url.searchParams.set("redirect_uri", "http://127.0.0.1:1/evil");
  const page = await browser.open(url, signal);
  assert.equal(page.status, 400);
  assert.match(page.text, /Cannot log in redirect_uri did not match/);
  assert.doesNotMatch(page.html, /@import|https?:\/\//);
});

Deno.test("a public client logs in with PKCE alone", async () => {
  await using issuer = await open({ clientSecret: undefined });
  using party = await openRelyingParty({ issuerUrl: issuer.issuerUrl, clientId: "klutch", callbackUrl }, signal);
  using browser = new HttpBrowser({ stopAt: callbackUrl });
  const { url, finish } = await begin(party);
  const page = await browser.open(url, signal);
  const done = await browser.submit(page.form("login"), { login: "alice" }, signal);
  assert.equal((await finish(done.url.searchParams)).subject, "alice");
});

const configurationOf = ({ issuerUrl }: EmbeddedIssuer) =>
  oidc.discovery(new URL(issuerUrl), client.clientId, undefined, oidc.ClientSecretBasic(client.clientSecret), {
    execute: [oidc.allowInsecureRequests],
  });

Deno.test("a login with consent and offline access yields a refresh token, still with one page", async () => {
  await using issuer = await open();
  const configuration = await configurationOf(issuer);
  using browser = new HttpBrowser({ stopAt: callbackUrl });
  const url = oidc.buildAuthorizationUrl(configuration, {
    redirect_uri: callbackUrl,
    scope: "openid offline_access groups",
    prompt: "consent",
  });
  const page = await browser.open(url, signal);
  const done = await browser.submit(page.form("login"), { login: "alice" }, signal);
  const tokens = await oidc.authorizationCodeGrant(configuration, done.url);
  const again = await oidc.refreshTokenGrant(configuration, tokens.refresh_token!);
  assert.equal((await oidc.fetchUserInfo(configuration, again.access_token, "alice")).sub, "alice");
});

Deno.test("a program gets a token by client credentials", async () => {
  await using issuer = await open();
  const tokens = await oidc.clientCredentialsGrant(await configurationOf(issuer));
  assert.equal(tokens.token_type, "bearer");
});

Deno.test("a device is connected in a browser by its code", async () => {
  await using issuer = await open();
  const configuration = await configurationOf(issuer);
  const device = await oidc.initiateDeviceAuthorization(configuration, { scope: "openid" });
  using browser = new HttpBrowser();
  let page = await browser.open(device.verification_uri, signal);
  assert.doesNotMatch(page.html, /@import|<script|https:\/\//);
  page = await browser.submit(page.form("user_code"), { user_code: "WRONG" }, signal);
  assert.match(page.text, /There is no such code/);
  page = await browser.submit(page.form("user_code"), { user_code: device.user_code }, signal);
  assert.ok(page.text.includes(device.user_code));
  page = await browser.submit(page.form("confirm"), {}, signal);
  page = await browser.submit(page.form("login"), { login: "dave" }, signal);
  assert.match(page.text, /Device connected/);
  const tokens = await oidc.pollDeviceAuthorizationGrant(configuration, { ...device, interval: 0 });
  assert.equal(tokens.claims()!.sub, "dave");
});

Deno.test("a person who logs out is asked for the name again", async () => {
  await using issuer = await open();
  using party = await openParty(issuer);
  using browser = new HttpBrowser({ stopAt: callbackUrl });
  const page = await browser.open((await begin(party)).url, signal);
  await browser.submit(page.form("login"), { login: "alice" }, signal);
  const { serverMetadata } = await configurationOf(issuer).then((configuration) => ({
    serverMetadata: configuration.serverMetadata(),
  }));
  const logout = await browser.open(serverMetadata.end_session_endpoint!, signal);
  const loggedOut = await browser.submit(logout.form("xsrf"), { logout: "yes" }, signal);
  assert.match(loggedOut.text, /You are logged out/);
  assert.ok((await browser.open((await begin(party)).url, signal)).form("login"));
});

Deno.test("two issuers in one process have different keys", async () => {
  await using one = await open();
  await using other = await open();
  const keysOf = async ({ issuerUrl }: EmbeddedIssuer) => {
    const { keys } = await (await fetch(`${issuerUrl}/jwks`)).json() as jose.JSONWebKeySet;
    return keys.map(({ n }) => n);
  };
  assert.notDeepEqual(await keysOf(one), await keysOf(other));
});

Deno.test("the issuer warns loudly through the log, and its library says nothing on the console", async () => {
  const said: unknown[][] = [];
  const { info, warn, log, error } = console;
  const listen = (...data: unknown[]) => void said.push(data);
  Object.assign(console, { info: listen, warn: listen, log: listen, error: listen });
  const warnings: string[] = [];
  try {
    await using issuer = await open({ log: { warn: (message) => void warnings.push(message), error: listen } });
    using party = await openParty(issuer);
    using browser = new HttpBrowser({ stopAt: callbackUrl });
    const { url, finish } = await begin(party);
    const page = await browser.open(url, signal);
    await finish((await browser.submit(page.form("login"), { login: "alice" }, signal)).url.searchParams);
    await browser.open(`${issuer.issuerUrl}/nowhere`, signal);
  } finally {
    Object.assign(console, { info, warn, log, error });
  }
  assert.deepEqual(said, []);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /for development only, anybody may log in/);
});

Deno.test("the issuer refuses callbacks that are not on this machine", async () => {
  for (
    const uri of [
      "https://klutch.example.com/callback",
      "http://127.0.0.1.example.com/",
      "callback",
      "ftp://localhost/",
    ]
  ) {
    await assert.rejects(open({ redirectUris: [callbackUrl, uri] }), (error) => {
      assert.ok(error instanceof OidcError);
      assert.equal(error.code, "configuration");
      assert.ok(error.message.includes(`"${uri}"`));
      return true;
    });
  }
});

Deno.test("a client that OAuth has no words for is refused at the beginning", async () => {
  const wrong = [{ clientId: "" }, { clientId: "kl\nutch" }, { clientSecret: "geheim-ü" }];
  for (const options of wrong) {
    await assert.rejects(open(options), (error) => error instanceof OidcError && error.code === "configuration");
  }
});

Deno.test("a taken port is named", async () => {
  await using issuer = await open();
  const port = Number(new URL(issuer.issuerUrl).port);
  await assert.rejects(open({ port }), (error) => {
    assert.ok(error instanceof OidcError);
    assert.match(error.message, new RegExp(`^Cannot start the embedded OIDC issuer on 127\\.0\\.0\\.1:${port}: `));
    return true;
  });
});

Deno.test("an abort closes the issuer, also with connections open", async () => {
  const abort = new AbortController();
  const issuer = await openEmbeddedIssuer({ ...client, redirectUris: [callbackUrl] }, abort.signal);
  await (await fetch(`${issuer.issuerUrl}/jwks`)).text(); // kept alive
  const { host } = new URL(issuer.issuerUrl);
  const halfway = raw(issuer, `POST /token HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 9\r\n\r\nhalf`).catch(() => "");
  await new Promise((resolve) => setTimeout(resolve, 50));
  abort.abort();
  await issuer[Symbol.asyncDispose]();
  assert.doesNotMatch(await halfway, /^HTTP\/1.1 2/);
  await assert.rejects(fetch(`${issuer.issuerUrl}/jwks`));
});
