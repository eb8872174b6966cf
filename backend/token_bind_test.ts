import { deepEqual, equal, match } from "node:assert/strict";
import { OidcError } from "../oidc/errors.ts";
import { bindByToken, type TestApp, testApp } from "./app_fixture.ts";

const REQUEST = {
  kind: "BindRequest",
  apiVersion: "klutch.anynines.com/v1alpha1",
  sessionID: "Abc123",
  clusterID: "cl1",
  apis: ["dbs.acme.io"],
};

const bind = (test: TestApp, fields: Record<string, unknown> = {}, headers?: Record<string, string>) =>
  bindByToken(test, JSON.stringify({ ...REQUEST, ...fields }), headers);

Deno.test("A program that shows a token gets what a person gets after a login", async () => {
  const test = testApp();
  const response = await bind(test, { apis: ["dbs.acme.io", "queues.acme.io", "dbs.acme.io"] });
  equal(response.status, 200);
  const { kubeconfig, authentication, requests } = await response.json();
  equal(atob(kubeconfig), "apiVersion: v1\n");
  deepEqual(authentication, { oauth2CodeGrant: { sid: "Abc123", id: "https://sso.example.com/jane" } });
  deepEqual(requests[0].spec.resources.map(({ resource }: { resource: string }) => resource), ["dbs", "queues"]);
  deepEqual(test.bound, [{ subject: "jane", clusterId: "cl1" }]);
});

Deno.test("A dry run makes nothing and grants nothing", async () => {
  const test = testApp();
  const response = await bind(test, { dryRun: true });
  equal(response.status, 200);
  const document = await response.json();
  equal(document.kubeconfig, undefined);
  equal(document.requests.length, 1);
  deepEqual(test.bound, []);
});

Deno.test("What is for some only is for programs of theirs only", async () => {
  const test = testApp();
  equal((await bind(test, { apis: ["vaults.acme.io"] })).status, 404);
  test.identity.groups = ["security", "lunch"];
  equal((await bind(test, { apis: ["vaults.acme.io"] })).status, 200);
});

Deno.test("Who may not log in by browser may not by token; who is named may", async () => {
  const admission = { groups: ["dev"], users: [] };
  equal((await bind(testApp({ admission }))).status, 403);
  const identity = { issuer: "https://ci.example", subject: "https://ci.example/repo:a" };
  const tokenLogin = { identify: () => Promise.resolve({ identity, isNamed: true }) };
  equal((await bind(testApp({ admission, tokenLogin }))).status, 200);
});

Deno.test("One identity may bind so often and no more, and others meanwhile", async () => {
  const test = testApp();
  for (let count = 0; count < 5; count++) equal((await bind(test)).status, 200);
  const response = await bind(test);
  equal(response.status, 429);
  equal(response.headers.get("retry-after"), "60");
  test.identity.subject = "joe";
  equal((await bind(test)).status, 200);
  test.identity.subject = "jane";
  await test.clock.advance(60_000);
  equal((await bind(test)).status, 200);
});

Deno.test("A program sees what is on offer to it, as people do on the page", async () => {
  const test = testApp();
  const namesFor = async (groups: string[]) => {
    test.identity.groups = groups;
    const response = await test.app.request("/api/apis", { headers: { authorization: "Bearer a.b.c" } });
    const { kind, items } = await response.json();
    return [response.status, kind, ...items.map(({ name }: { name: string }) => name)];
  };
  deepEqual(await namesFor([]), [200, "APIOfferList", "dbs.acme.io", "queues.acme.io"]);
  deepEqual(await namesFor(["security"]), [200, "APIOfferList", "dbs.acme.io", "queues.acme.io", "vaults.acme.io"]);
  equal((await test.app.request("/api/apis")).status, 401);
  equal((await test.app.request("/api/apis", { method: "POST" })).status, 405);
  equal(
    (await testApp({ admission: { groups: ["dev"], users: [] } }).app.request("/api/apis", {
      headers: { authorization: "Bearer a.b.c" },
    })).status,
    403,
  );
  deepEqual(test.bound, []);
});

const refused: [name: string, status: number, fields: Record<string, unknown>, headers?: Record<string, string>][] = [
  ["without a token", 401, {}, { authorization: "" }],
  ["with a password", 401, {}, { authorization: "Basic amFuZTpwdw==" }],
  ["with two words for a token", 401, {}, { authorization: "Bearer a b" }],
  ["with an endless token", 401, {}, { authorization: `Bearer ${"x".repeat(20_000)}` }],
  ["as a form of a web page", 415, {}, { "content-type": "application/x-www-form-urlencoded" }],
  ["as text of a web page", 415, {}, { "content-type": "text/plain" }],
  ["of another kind", 400, { kind: "Secret" }],
  ["of another version", 400, { apiVersion: "v1" }],
  ["for nothing", 400, { apis: [] }],
  ["for too much", 400, { apis: Array.from({ length: 51 }, (_, index) => `a${index}.acme.io`) }],
  ["for a path", 400, { apis: ["../secrets"] }],
  ["for what nobody offers", 404, { apis: ["secrets"] }],
  ["with a cluster id that would break the identity", 400, { clusterID: "a#b" }],
  ["with a session id that is none", 400, { sessionID: "a b" }],
  ["without end", 413, { more: "x".repeat(100_000) }],
];
for (const [name, status, fields, headers] of refused) {
  Deno.test(`The app refuses to bind for a request ${name}, and says why`, async () => {
    const test = testApp();
    const response = await bind(test, fields, headers);
    equal(response.status, status);
    equal(response.headers.get("content-type"), "application/problem+json");
    const { title, detail, requestId } = await response.json();
    for (const text of [title, detail, requestId]) match(text, /\S/);
    deepEqual(test.bound, []);
  });
}

Deno.test("A token that is not good is answered with what is wrong, and an issuer that is down with another try", async () => {
  const answers = [["id_token_invalid", 401], ["issuer_unreachable", 503]] as const;
  for (const [code, status] of answers) {
    const identify = () => Promise.reject(new OidcError(code, "Cannot trust the token: because"));
    const response = await bind(testApp({ tokenLogin: { identify } }));
    equal(response.status, status);
    equal((await response.json()).detail, "Cannot trust the token: because.");
    equal(response.headers.get("www-authenticate")?.includes("invalid_token") ?? false, status === 401);
  }
});

Deno.test("GET /export names the way in by token where there is one", async () => {
  const tokenOffer = { issuerURL: "https://sso.example.com", deviceClientID: "klutch-cli", scopes: ["openid"] };
  const { authenticationMethods } = await (await testApp({ tokenOffer }).app.request("/export")).json();
  deepEqual(authenticationMethods.map(({ method }: { method: string }) => method), ["OAuth2CodeGrant", "BearerToken"]);
  deepEqual(authenticationMethods[1].bearerToken, {
    bindURL: "https://klutch.example.com/api/bind",
    apisURL: "https://klutch.example.com/api/apis",
    ...tokenOffer,
  });
});
