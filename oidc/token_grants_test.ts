import assert from "node:assert/strict";
import { HttpBrowser } from "../playground/browser.ts";
import { AUDIENCE } from "../tests/key_server.ts";
import { type EmbeddedIssuerOptions, openEmbeddedIssuer } from "./embedded_issuer.ts";
import { OidcError } from "./errors.ts";
import { clientCredentials, type DeviceCode, deviceLogin } from "./token_grants.ts";
import { TokenVerifier } from "./token_verifier.ts";

const signal = new AbortController().signal;
const client = { clientId: "builder", clientSecret: "s3cret of the builder" };

const open = (options: Partial<EmbeddedIssuerOptions> = {}) =>
  openEmbeddedIssuer({
    ...client,
    redirectUris: ["http://127.0.0.1:9/callback"],
    cliClientId: "klutch-cli",
    ...options,
  }, signal);

/** What a person does who sees the code. */
async function connect({ url, completeUrl, code }: DeviceCode, login: string): Promise<void> {
  using browser = new HttpBrowser();
  assert.ok(completeUrl?.includes(code));
  let page = await browser.open(url, signal);
  page = await browser.submit(page.form("user_code"), { user_code: code }, signal);
  page = await browser.submit(page.form("confirm"), {}, signal);
  page = await browser.submit(page.form("login"), { login }, signal);
  assert.match(page.text, /Device connected/);
}

Deno.test("a person logs a command line in on another device", async () => {
  await using issuer = await open({ groups: { dave: ["dev"] } });
  let connected: Promise<void> | undefined;
  const token = await deviceLogin({ issuerUrl: issuer.issuerUrl, clientId: "klutch-cli" }, {
    scopes: ["openid", "email", "groups"],
    show: (code) => connected = connect(code, "dave"),
  }, signal);
  await connected;
  using verifier = new TokenVerifier({ issuerUrl: issuer.issuerUrl, audiences: ["klutch-cli"] }, signal);
  const { subject, groups } = await verifier.verify(token);
  assert.deepEqual({ subject, groups }, { subject: "dave", groups: ["dev"] });
});

Deno.test({
  name: "waiting for a person ends at once when it is interrupted",
  // The library's own pause goes on.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using issuer = await open();
    const stop = new AbortController();
    let abortedMs = 0;
    const login = deviceLogin({ issuerUrl: issuer.issuerUrl, clientId: "klutch-cli" }, {
      scopes: ["openid"],
      show: () =>
        setTimeout(() => {
          abortedMs = performance.now();
          stop.abort();
        }, 100),
    }, stop.signal);
    await assert.rejects(login, { name: "AbortError" });
    assert.ok(performance.now() - abortedMs < 3_000);
  },
});

Deno.test("a program logs in by its id and secret, and its token is for us", async () => {
  await using issuer = await open({ tokenAudience: AUDIENCE });
  const { issuerUrl } = issuer;
  const token = await clientCredentials({ issuerUrl, ...client }, { audience: AUDIENCE }, signal);
  using verifier = new TokenVerifier({ issuerUrl, audiences: [AUDIENCE] }, signal);
  assert.equal((await verifier.verify(token)).subject, client.clientId);
});

Deno.test("a wrong secret is refused by the issuer, and not told", async () => {
  await using issuer = await open();
  const login = clientCredentials({ issuerUrl: issuer.issuerUrl, ...client, clientSecret: "wrong-one" }, {}, signal);
  await assert.rejects(login, (error) => {
    assert.ok(error instanceof OidcError);
    assert.equal(error.code, "client_rejected");
    assert.doesNotMatch(error.message, /wrong-one/);
    return true;
  });
});

Deno.test("an issuer without the device flow is named as such", async () => {
  await using issuer = await open({ cliClientId: undefined });
  const login = deviceLogin({ issuerUrl: issuer.issuerUrl, clientId: "klutch-cli" }, {
    scopes: ["openid"],
    show: () => {},
  }, signal);
  await assert.rejects(login, (error) => error instanceof OidcError && error.code === "client_rejected");
});
