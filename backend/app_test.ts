import assert, { deepEqual, equal, match, notEqual } from "node:assert/strict";
import fc from "fast-check";
import { KubeError } from "../kube/errors.ts";
import { type Log } from "../kube/log.ts";
import { eventually } from "../tests/clusters.ts";
import { decodePortableBase64 } from "../oidc/portable_base64.ts";
import { bindByToken, CHALLENGE, type TestApp, testApp, VERIFIER } from "./app_fixture.ts";
import { RateLimit } from "./rate_limit.ts";
import { Refusal } from "./refusal.ts";
import { claim } from "./test_objects.ts";

const BIND_REQUEST = JSON.stringify({
  kind: "BindRequest",
  apiVersion: "klutch.anynines.com/v1alpha1",
  sessionID: "Abc123",
  clusterID: "cl1",
  apis: ["dbs.acme.io"],
});

/** Carries cookies from answer to request, and nothing else. */
class Browser {
  readonly cookies = new Map<string, string>();
  readonly #app: TestApp["app"];

  constructor({ app }: TestApp) {
    this.#app = app;
  }

  async open(path: string, init: RequestInit = {}): Promise<Response> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await this.#app.request(path, { ...init, headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [name = "", value = ""] = line.split(";", 1)[0]!.split("=");
      if (value && !/Max-Age=0/.test(line)) this.cookies.set(name, value);
      else this.cookies.delete(name);
    }
    return response;
  }

  /** From the command line's link to the page. */
  async logIn(session = "Abc123", codeChallenge = ""): Promise<string> {
    const state = await this.begin(`/authorize?p=4711&s=${session}&c=cl1&code_challenge=${codeChallenge}`);
    const response = await this.open(`/callback?code=good&state=${encodeURIComponent(state)}`);
    equal(response.status, 302);
    return response.headers.get("location")!;
  }

  async begin(path: string): Promise<string> {
    const response = await this.open(path);
    equal(response.status, 302, await response.clone().text());
    return new URL(response.headers.get("location")!).searchParams.get("state")!;
  }

  /** The Bind link of an API on the page. */
  async link(plural: string, page: string): Promise<string> {
    const html = await (await this.open(page)).text();
    const [, href] = new RegExp(`<a class="[^"]*\\b${plural}" href="([^"]+)"`).exec(html) ?? [];
    return href!.replaceAll("&amp;", "&");
  }
}

Deno.test("A forged Host header leads nobody elsewhere: GET /export says where to log in, whatever it says", async () => {
  const response = await testApp().app.request("/export", { headers: { host: "evil.example" } });
  equal(response.headers.get("content-type"), "application/json");
  deepEqual(await response.json(), {
    kind: "BindingProvider",
    apiVersion: "v1alpha1",
    providerPrettyName: "Example <Backend>",
    version: "v1.4.0",
    authenticationMethods: [{
      method: "OAuth2CodeGrant",
      oauth2CodeGrant: {
        authenticatedURL: "https://klutch.example.com/authorize",
        responseURL: "https://klutch.example.com/response",
        clustersURL: "https://klutch.example.com/clusters",
      },
    }],
  });
});

Deno.test("A login, a click and a bound API: the command line gets kubeconfig and request", async () => {
  const test = testApp();
  const browser = new Browser(test);
  const page = await browser.logIn();
  equal(page, "/resources?s=Abc123");
  const link = await browser.link("dbs", page);
  match(link, /^\/bind\?s=Abc123&resource=dbs&group=acme\.io&/);

  const bound = await browser.open(link);
  equal(bound.status, 302);
  const target = new URL(bound.headers.get("location")!);
  equal(target.origin + target.pathname, "http://localhost:4711/callback");
  const text = target.searchParams.get("response")!;
  match(text, /^[A-Za-z0-9]+=*$/, "both base64 alphabets have to decode it");
  deepEqual(decodePortableBase64(text), {
    kind: "BindingResponse",
    apiVersion: "klutch.anynines.com/v1alpha1",
    authentication: { oauth2CodeGrant: { sid: "Abc123", id: "https://sso.example.com/jane" } },
    kubeconfig: btoa("apiVersion: v1\n"),
    requests: [{
      kind: "APIServiceExportRequest",
      apiVersion: "klutch.anynines.com/v1alpha1",
      metadata: { name: "dbs.acme.io" },
      spec: { resources: [{ group: "acme.io", resource: "dbs", permissionClaims: [claim("secrets")] }] },
      status: {},
    }],
  });
  deepEqual(test.bound, [{ subject: "jane", clusterId: "cl1" }]);
});

/** As a command line that knows one-time codes: from its link to the code that the browser brings it. */
async function choose(browser: Browser, link = "dbs"): Promise<string> {
  const bound = await browser.open(await browser.link(link, await browser.logIn("Abc123", CHALLENGE)));
  const target = new URL(bound.headers.get("location")!);
  equal(target.origin + target.pathname, "http://localhost:4711/callback");
  deepEqual([...target.searchParams.keys()], ["code"], "the credential does not pass through the browser");
  return target.searchParams.get("code")!;
}

const redeem = ({ app }: TestApp, code: string, verifier = VERIFIER) =>
  app.request("/response", { method: "POST", body: new URLSearchParams({ code, code_verifier: verifier }) });

Deno.test("Whoever reads the browser's addresses finds a code in them and no credential, which the command line gets for it", async () => {
  const test = testApp();
  const response = await redeem(test, await choose(new Browser(test)));
  equal(response.status, 200);
  const document = await response.json();
  equal(document.kubeconfig, btoa("apiVersion: v1\n"));
  equal(document.authentication.oauth2CodeGrant.sid, "Abc123");
  equal(document.requests[0].metadata.name, "dbs.acme.io");
});

Deno.test("The audit log tells who logged in and got a credential, from where and for what, and no secret of theirs", async () => {
  const test = testApp();
  const browser = new Browser(test);
  const code = await choose(browser);
  equal((await redeem(test, code)).status, 200);
  await browser.open(await browser.link("queues", await browser.logIn("Two222")));
  const records = test.audited.map(({ requestId, ...record }) => {
    match(String(requestId), /^[0-9a-f]{8}$/);
    return record;
  });
  const login = { what: "logged in", issuer: "https://sso.example.com", subject: "jane", clusterId: "cl1" };
  const handOver = { what: "credential handed over", namespace: "cluster-a", identity: "jane#cl1", id: "JTI=1" };
  const address = "192.0.2.1";
  deepEqual(records, [
    { ...login, address },
    { ...handOver, apis: ["dbs.acme.io"], by: "code", address },
    { ...login, address },
    { ...handOver, apis: ["queues.acme.io"], by: "browser", address },
  ]);
});

Deno.test("Several APIs are bound in one go, by one request that command lines of old take as well", async () => {
  const test = testApp();
  const browser = new Browser(test);
  const link = new URL(await browser.link("dbs", await browser.logIn()), "http://x");
  for (const name of ["resource", "group"]) link.searchParams.delete(name);
  for (const name of ["dbs.acme.io", "queues.acme.io", "dbs.acme.io"]) link.searchParams.append("api", name);
  const bound = await browser.open(link.pathname + link.search);
  const response = new URL(bound.headers.get("location")!).searchParams.get("response")!;
  const { requests } = decodePortableBase64(response) as { requests: unknown[] };
  deepEqual(requests, [{
    kind: "APIServiceExportRequest",
    apiVersion: "klutch.anynines.com/v1alpha1",
    metadata: {},
    spec: {
      resources: [
        { group: "acme.io", resource: "dbs", permissionClaims: [claim("secrets")] },
        { group: "acme.io", resource: "queues" },
      ],
    },
    status: {},
  }]);
  equal(test.bound.length, 1);
});

const misuses: [name: string, status: number, use: (code: string, test: TestApp) => Response | Promise<Response>][] = [
  ["used twice", 400, async (code, test) => {
    equal((await redeem(test, code)).status, 200);
    return await redeem(test, code);
  }],
  ["caught on its way by one without the verifier", 400, (code, test) => redeem(test, code, "w".repeat(43))],
  ["without any verifier", 400, (code, test) => redeem(test, code, "")],
  ["after five minutes", 400, async (code, test) => {
    await test.clock.advance(5 * 60_000 + 1000);
    return await redeem(test, code);
  }],
  ["in a query, where logs would keep it", 405, (code, { app }) => app.request(`/response?code=${code}`)],
  [
    "in a form of another kind",
    415,
    (code, { app }) =>
      app.request("/response", { method: "POST", body: JSON.stringify({ code, code_verifier: VERIFIER }) }),
  ],
  ["in a form that is endless", 413, (code, { app }) => {
    const body = new URLSearchParams({ code, code_verifier: VERIFIER, more: "x".repeat(100_000) });
    return app.request("/response", { method: "POST", body });
  }],
  ["that is a session cookie", 400, (_code, test) => redeem(test, "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..a.b.c")],
];
for (const [name, status, use] of misuses) {
  Deno.test(`The app hands nothing out for a code ${name}`, async () => {
    const test = testApp();
    const response = await use(await choose(new Browser(test)), test);
    equal(response.status, status);
    equal(response.headers.get("content-type"), "application/problem+json");
    equal((await response.text()).includes("kubeconfig"), false);
  });
}

Deno.test("The page shows APIs, claims and who is logged in, and runs nothing from elsewhere", async () => {
  const browser = new Browser(testApp());
  const page = await browser.logIn();
  const response = await browser.open(page);
  const html = await response.text();
  for (const text of [">db</a>", ">queue</a>", "Writes secrets of its own", "jane@example.com", "A db."]) {
    assert(html.includes(text), text);
  }
  assert(html.startsWith("<!DOCTYPE html>"));
  assert(html.includes("Example &lt;Backend&gt;"), "names are escaped");
  equal(/<script>|<style|src="(?!\/klutch)|https?:\/\//i.test(html), false, "nothing is loaded from elsewhere");
  const policy = response.headers.get("content-security-policy")!;
  for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"]) {
    assert(policy.includes(rule), rule);
  }
  equal(policy.includes("unsafe"), false);
  match(response.headers.get("cache-control")!, /no-store/);
  equal(response.headers.get("referrer-policy"), "no-referrer");
  for (const [, path] of html.matchAll(/(?:src|href)="(\/klutch[^"]+)"/g)) {
    const asset = await browser.open(path!);
    equal(asset.status, 200);
    match(asset.headers.get("cache-control")!, /immutable/);
  }
  equal((await (await browser.open(page)).text()).length, html.length, "the kept list is the same");
});

Deno.test("A kept list of offers gives each visitor links of their own", async () => {
  const test = testApp();
  const [one, other] = [new Browser(test), new Browser(test)];
  const links = [
    await one.link("dbs", await one.logIn("One111")),
    await other.link("dbs", await other.logIn("Two222")),
    await one.link("dbs", "/resources?s=One111"),
  ];
  match(links[0]!, /s=One111/);
  match(links[1]!, /s=Two222/);
  equal(links[2], links[0]);
});

Deno.test("Without scripts, a search keeps what was chosen before", async () => {
  const browser = new Browser(testApp());
  const page = await browser.logIn();
  const html = await (await browser.open(`${page}&q=QUEUE&api=dbs.acme.io`)).text();
  match(html, /<input type="checkbox" name="api" value="dbs.acme.io"[^>]* checked/);
  match(html, /value="queues.acme.io" aria-label/);
  match(html, /2 on offer/);
  const [none] = /class="lead nothing"[^>]*>/.exec(await (await browser.open(`${page}&q=zebra`)).text())!;
  equal(none.includes("hidden"), false, "says that nothing is found");
});

Deno.test("The page of an API tells what it may do and how its objects look, before anything is granted", async () => {
  const browser = new Browser(testApp());
  await browser.logIn();
  const response = await browser.open("/resource?s=Abc123&name=dbs.acme.io");
  const html = await response.text();
  equal(response.status, 200);
  for (const text of ["What it may do on your cluster", "Writes secrets", "kind: Db", "size", "whole number"]) {
    assert(html.includes(text), text);
  }
  match(html, /<a class="btn btn-primary dbs" href="\/bind\?s=Abc123/);
});

Deno.test("A visitor who leaves takes nothing away from another who waits for the same page", async () => {
  const read = Promise.withResolvers<undefined>();
  let waits = 0;
  const describe = (_offer: unknown, signal: AbortSignal) => {
    signal.addEventListener("abort", () => read.reject(signal.reason), { once: true });
    waits++;
    return read.promise;
  };
  const browser = new Browser(testApp({ describe }));
  await browser.logIn();
  const path = "/resource?s=Abc123&name=dbs.acme.io";
  const leaving = new AbortController();
  const [left, waiting] = [browser.open(path, { signal: leaving.signal }), browser.open(path)];
  await eventually("both wait", () => waits === 2);
  leaving.abort();
  read.resolve(undefined);
  equal((await waiting).status, 200);
  await left;
});

Deno.test("My clusters shows what is mine, and tells what changes", async () => {
  const test = testApp();
  const browser = new Browser(test);
  await browser.logIn();
  const html = await (await browser.open("/clusters?s=Abc123")).text();
  match(html, /A change waits<\/span> schema &lt;a&gt; is breaking/);
  for (const text of ["cl1", "Connected", "v1.4.0", "dbs.acme.io", "2026-06-01T11:59:00Z"]) {
    assert(html.includes(text), text);
  }

  const events = await browser.open("/clusters/events?s=Abc123");
  equal(events.headers.get("content-type"), "text/event-stream");
  const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await reader.read();
  match(value!, /^data: "<article[^\n]+"\n\n$/);
  equal(test.changes.length, 1);
  await reader.cancel();

  test.identity.subject = "joe";
  const other = new Browser(test);
  await other.logIn();
  match(await (await other.open("/clusters?s=Abc123")).text(), /Nothing is bound yet/);
});

Deno.test("One person who opens stream after stream shuts nobody else out", async () => {
  const test = testApp();
  const browser = new Browser(test);
  await browser.logIn();
  const open = [];
  for (let count = 0; count < 10; count++) open.push(await browser.open("/clusters/events?s=Abc123"));
  equal((await browser.open("/clusters/events?s=Abc123")).status, 503);
  test.identity.subject = "joe";
  const other = new Browser(test);
  await other.logIn();
  open.push(await other.open("/clusters/events?s=Abc123"));
  await open.shift()!.body!.cancel();
  open.push(await browser.open("/clusters/events?s=Abc123"));
  for (const { status, body } of open) {
    equal(status, 200);
    await body!.cancel();
  }
});

Deno.test("Logging out ends the session in this browser, by a link of the page only", async () => {
  const browser = new Browser(testApp());
  const page = await browser.logIn();
  const html = await (await browser.open(page)).text();
  const [, href] = /<a href="(\/logout[^"]+)"/.exec(html)!;
  equal((await browser.open("/logout?s=Abc123")).status, 403, "no other site can do it");
  const response = await browser.open(href!.replaceAll("&amp;", "&"));
  equal(response.status, 200);
  match(await response.text(), /You are logged out/);
  equal((await browser.open(page)).status, 401);
});

Deno.test("No script, no other site's form and no plain connection gets a session: cookies are HttpOnly, SameSite=Lax, Secure", async () => {
  for (const isSecure of [true, false]) {
    const test = testApp({ isSecure });
    const begun = await test.app.request("/authorize?p=4711&s=Abc123&c=cl1");
    const [cookie] = begun.headers.getSetCookie();
    match(cookie!, isSecure ? /^__Host-klutch-login-\w{16}=/ : /^klutch-login-\w{16}=/);
    const browser = new Browser(test);
    const state = await browser.begin("/authorize?p=4711&s=Abc123&c=cl1");
    const finished = await browser.open(`/callback?code=good&state=${encodeURIComponent(state)}`);
    const name = `${isSecure ? "__Host-" : ""}klutch-bind-Abc123=`;
    const session = finished.headers.getSetCookie().find((line) => line.startsWith(name))!;
    for (const line of [cookie!, session]) {
      match(line, /HttpOnly/);
      match(line, /SameSite=Lax/);
      match(line, /Path=\//);
      equal(/; Secure/.test(line), isSecure);
    }
    match(session, /Expires=Mon, 01 Jun 2026 13:00:00 GMT/);
  }
});

Deno.test("Two logins in one browser do not get into each other's way", async () => {
  const browser = new Browser(testApp());
  const first = await browser.begin("/authorize?p=4711&s=One111&c=cl1");
  const second = await browser.begin("/authorize?p=4712&s=Two222&c=cl2");
  for (const state of [second, first]) {
    equal((await browser.open(`/callback?code=good&state=${encodeURIComponent(state)}`)).status, 302);
  }
});

type Attack = (browser: Browser, test: TestApp) => Promise<Response>;
const attacks: [name: string, status: number, attack: Attack][] = [
  ["a state of another browser", 400, async (browser, test) => {
    const state = await new Browser(test).begin("/authorize?p=4711&s=Abc123&c=cl1");
    return await browser.open(`/callback?code=good&state=${encodeURIComponent(state)}`);
  }],
  ["a replayed state", 400, async (browser) => {
    const state = encodeURIComponent(await browser.begin("/authorize?p=4711&s=Abc123&c=cl1"));
    const cookies = [...browser.cookies];
    await browser.open(`/callback?code=good&state=${state}`);
    for (const [name, value] of cookies) browser.cookies.set(name, value);
    return await browser.open(`/callback?code=good&state=${state}`);
  }],
  ["a callback without state", 400, (browser) => browser.open("/callback?code=good")],
  ["a callback with two states", 400, (browser) => browser.open("/callback?code=good&state=a&state=b")],
  ["a forged state that says where to send the credential", 400, (browser) => {
    const state = btoa(JSON.stringify({ redirectURL: "http://evil.example", sid: "Abc123", cid: "cl1" }));
    return browser.open(`/callback?code=good&state=${encodeURIComponent(state)}`);
  }],
  ["a login that the person cancelled", 403, async (browser) => {
    const state = encodeURIComponent(await browser.begin("/authorize?p=4711&s=Abc123&c=cl1"));
    return await browser.open(`/callback?error=access_denied&state=${state}`);
  }],
  ["a code that the issuer does not know", 400, async (browser) => {
    const state = encodeURIComponent(await browser.begin("/authorize?p=4711&s=Abc123&c=cl1"));
    return await browser.open(`/callback?code=stolen&state=${state}`);
  }],
  ...["", `&code_challenge=${CHALLENGE}`].map((more): [name: string, status: number, attack: Attack] => [
    `a login that would send a ${more ? "code" : "credential"} to another site`,
    400,
    (browser) => browser.open(`/authorize?u=https://evil.example&s=a&c=b${more}`),
  ]),
  ["a credential in the address of another machine, although it is allowed to get codes", 400, (_browser, test) => {
    const { app } = testApp({ ...test, redirectOrigins: ["https://console.example.com"] });
    return Promise.resolve(app.request("/authorize?u=https://console.example.com/&s=a&c=b"));
  }],
  ["a credential in any address where --no-legacy-callback forbids it", 400, () => {
    const { app } = testApp({ legacyCallback: false });
    return Promise.resolve(app.request("/authorize?p=4711&s=a&c=b"));
  }],
  ["a code challenge that is none", 400, (browser) => browser.open("/authorize?p=1&s=a&c=b&code_challenge=short")],
  ["a person whom --oidc-allowed-groups does not name", 403, async () => {
    const test = testApp({ admission: { groups: ["dev"], users: [] } });
    const browser = new Browser(test);
    const state = encodeURIComponent(await browser.begin("/authorize?p=4711&s=Abc123&c=cl1"));
    const response = await browser.open(`/callback?code=good&state=${state}`);
    equal([...browser.cookies.keys()].some((name) => name.includes("klutch-bind")), false);
    return response;
  }],
  ["binding an API that is for others, by a guessed link", 404, async (browser) => {
    const link = await browser.link("dbs", await browser.logIn());
    return await browser.open(link.replace("resource=dbs", "resource=vaults"));
  }],
  ["binding an API that is for others, hidden behind one that is not", 404, async (browser) => {
    const link = await browser.link("dbs", await browser.logIn());
    return await browser.open(link.replace("resource=dbs", "api=dbs.acme.io&api=vaults.acme.io"));
  }],
  ["binding more APIs than anybody needs", 400, async (browser) => {
    const link = await browser.link("dbs", await browser.logIn());
    return await browser.open(link + Array.from({ length: 51 }, (_, index) => `&api=a${index}.acme.io`).join(""));
  }],
  ["a login without session id", 400, (browser) => browser.open("/authorize?p=4711&c=cl1")],
  ["a login without cluster id", 400, (browser) => browser.open("/authorize?p=4711&s=Abc123")],
  ["a session id that breaks cookies", 400, (browser) => browser.open("/authorize?p=4711&c=cl1&s=a%3Bb%0D%0Ac")],
  ["a cluster id that poses as another's", 400, (browser) => browser.open("/authorize?p=4711&s=Abc123&c=x%23y")],
  ["the page without a session", 401, (browser) => browser.open("/resources?s=Abc123")],
  ["the page with the session of another id", 401, async (browser) => {
    await browser.logIn();
    browser.cookies.set("__Host-klutch-bind-Other1", browser.cookies.get("__Host-klutch-bind-Abc123")!);
    return await browser.open("/resources?s=Other1");
  }],
  ["the page with an expired session", 401, async (browser, { clock }) => {
    const page = await browser.logIn();
    await clock.advance(61 * 60_000);
    return await browser.open(page);
  }],
  ["binding without a session", 401, (browser) => browser.open("/bind?s=Abc123&resource=dbs&group=acme.io")],
  ["binding by a link from another site, which has no token", 403, async (browser) => {
    await browser.logIn();
    return await browser.open("/bind?s=Abc123&resource=dbs&group=acme.io");
  }],
  ["binding with the token of another session", 403, async (browser, test) => {
    const other = new Browser(test);
    const link = await other.link("dbs", await other.logIn());
    await browser.logIn();
    return await browser.open(link);
  }],
  ["binding what is not offered", 404, async (browser) => {
    const link = await browser.link("dbs", await browser.logIn());
    return await browser.open(link.replace("resource=dbs", "resource=secrets").replace("acme.io", ""));
  }],
  ["binding a resource with a hostile name", 400, async (browser) => {
    const link = await browser.link("dbs", await browser.logIn());
    return await browser.open(link.replace("resource=dbs", "resource=..%2F..%2Fsecrets"));
  }],
];
for (const [name, status, attack] of attacks) {
  Deno.test(`The app refuses ${name}`, async () => {
    const test = testApp();
    const response = await attack(new Browser(test), test);
    equal(response.status, status);
    match(response.headers.get("content-type")!, /^text\/html/);
    equal(response.headers.get("location"), null);
    deepEqual(test.bound, []);
  });
}

Deno.test("A template's group lets its members in, and the cookie holds no other group", async () => {
  const test = testApp({ admission: { groups: ["staff"], users: [] } });
  test.identity.groups = ["staff", "security", ...Array.from({ length: 500 }, (_, index) => `team-${index}`)];
  const browser = new Browser(test);
  const link = await browser.link("vaults", await browser.logIn());
  equal((await browser.open(link)).status, 302);
  assert(browser.cookies.get("__Host-klutch-bind-Abc123")!.length < 800);
});

Deno.test("Methods other than GET are not allowed, and change nothing", async () => {
  const test = testApp();
  const browser = new Browser(test);
  const link = await browser.link("dbs", await browser.logIn());
  for (const method of ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]) {
    const response = await browser.open(link, { method });
    equal(response.status, 405, method);
    equal(response.headers.get("allow"), "GET");
  }
  deepEqual(test.bound, []);
});

Deno.test("One address that asks for more and more without a login is told to wait, others are not", async () => {
  const test = testApp({ networkLimit: new RateLimit({ burst: 4, everyMs: 15_000 }) });
  const { app, clock } = test;
  const browser = new Browser(test);
  const page = await browser.logIn(); // two of them
  const open = ["/export", "/authorize?p=1&s=a&c=b", "/callback?state=a", "/api/apis"];
  for (const path of open.slice(0, 2)) notEqual((await app.request(path)).status, 429);
  for (const path of [...open, "/export"]) {
    const response = await app.request(path);
    equal(response.status, 429, path);
    equal(response.headers.get("retry-after"), "15");
    match(await response.text(), /Try again in 15 seconds/);
  }
  for (const path of ["/response", "/api/bind"]) equal((await app.request(path, { method: "POST" })).status, 429);
  equal((await browser.open(page)).status, 200, "who has logged in goes on");
  equal((await app.request("/export", {}, "192.0.2.2")).status, 200, "another address");
  await clock.advance(15_000);
  equal((await app.request("/export")).status, 200, "later");
  equal((await app.request("/export")).status, 429);
});

Deno.test("A script with somebody's session that makes contract after contract is told to wait, whatever way it takes", async () => {
  const test = testApp(); // five in a row
  const browser = new Browser(test);
  const codes = [await choose(browser), await choose(browser), await choose(browser)];
  const link = await browser.link("dbs", await browser.logIn("Two222"));
  for (const code of codes.slice(0, 2)) equal((await redeem(test, code)).status, 200);
  for (let count = 0; count < 2; count++) equal((await browser.open(link)).status, 302);
  equal((await bindByToken(test, BIND_REQUEST)).status, 200);
  for (const again of [redeem(test, codes[2]!), browser.open(link), bindByToken(test, BIND_REQUEST)]) {
    const response = await again;
    equal(response.status, 429);
    equal(response.headers.get("retry-after"), "60");
    await response.body?.cancel();
  }
  equal(test.bound.length, 5);
  await test.clock.advance(60_000);
  equal((await redeem(test, codes[2]!)).status, 200, "the code is not lost");
});

Deno.test("Addresses of one IPv6 network count as one", async () => {
  const { app } = testApp({ networkLimit: new RateLimit({ burst: 1, everyMs: 15_000 }) });
  equal((await app.request("/export", {}, "2001:db8:1:2::1")).status, 200);
  equal((await app.request("/export", {}, "2001:db8:1:2:ffff::9")).status, 429);
  equal((await app.request("/export", {}, "2001:db8:1:3::1")).status, 200);
});

Deno.test("Before cluster and issuer are reached, pages ask for patience", async () => {
  const { app } = testApp({ readiness: () => "the cluster is not reachable yet" });
  const response = await app.request("/authorize?p=1&s=a&c=b");
  equal(response.status, 503);
  equal(response.headers.get("retry-after"), "5");
  match(await response.text(), /the cluster is not reachable yet/);
});

const failures: [name: string, error: Error, status: number, shown: RegExp][] = [
  ["a cluster that is down", new KubeError("10.0.0.1:6443 refused", { status: 0 }), 503, /try again in a minute/],
  ["a cluster that refuses", new KubeError("namespaces is forbidden", { status: 403 }), 502, /Tell whoever runs/],
  ["a cluster that is too slow", new DOMException("timed out", "TimeoutError"), 503, /slow at the moment/],
  ["a tenant that is refused", new Refusal(403, "No", "Your user id contains '#'"), 403, /contains &#39;#&#39;/],
  ["a defect", new TypeError("x is not a function"), 500, /not your fault/],
];
for (const [name, error, status, shown] of failures) {
  Deno.test(`The app explains ${name}, with a number to find it in the log`, async () => {
    const lines: Record<string, unknown>[] = [];
    const log = recordingLog(lines);
    const browser = new Browser(testApp({ ensureTenant: () => Promise.reject(error), log }));
    const response = await browser.open(await browser.link("dbs", await browser.logIn()));
    const html = await response.text();
    equal(response.status, status);
    match(html, shown);
    equal(html.includes(error.stack!.split("\n")[1]!.trim()), false, "no stack");
    if (!(error instanceof Refusal)) equal(html.includes(error.message), false, "nothing of the inside");
    const requestId = response.headers.get("x-request-id")!;
    assert(html.includes(requestId));
    assert(lines.some((line) => line.requestId === requestId && line.error === error));
  });
}

Deno.test("Nothing that is logged holds a code, state, token or session", async () => {
  const lines: Record<string, unknown>[] = [];
  const browser = new Browser(testApp({ log: recordingLog(lines) }));
  const state = await browser.begin("/authorize?p=4711&s=Abc123&c=cl1");
  await browser.open(`/callback?code=good&state=${encodeURIComponent(state)}`);
  const link = await browser.link("dbs", "/resources?s=Abc123");
  await browser.open(link);
  await browser.open(`/nowhere?code=good&state=${state}`);
  const text = JSON.stringify(lines);
  notEqual(lines.length, 0);
  const secrets = [state, new URL(link, "http://x").searchParams.get("token")!, ...browser.cookies.values()];
  for (const secret of secrets) equal(text.includes(secret), false);
});

Deno.test("--testing-auto-select binds without a click", async () => {
  const test = testApp({ autoSelect: "dbs.acme.io" });
  const browser = new Browser(test);
  const page = await browser.open(await browser.logIn());
  equal(page.status, 302);
  equal((await browser.open(page.headers.get("location")!)).status, 302);
  equal(test.bound.length, 1);
});

Deno.test("Whatever is asked for, the answer is no 500 and reflects nothing unescaped", async () => {
  const { app } = testApp();
  const path = fc.constantFrom(
    "/export",
    "/authorize",
    "/callback",
    "/resources",
    "/resource",
    "/clusters",
    "/clusters/events",
    "/logout",
    "/response",
    "/bind",
    "/",
    "/resources/x",
    "/%zz",
  );
  const name = fc.oneof(
    fc.constantFrom("s", "c", "p", "u", "q", "api", "name", "code", "state", "resource", "group", "token", "error"),
    fc.string(),
  );
  const value = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.constantFrom(
      "<script>alert(1)</script>",
      "../../etc",
      "Abc123",
      "4711",
      "http://localhost:1/",
      "\0",
      "a\r\nb: c",
    ),
    fc.base64String({ maxLength: 200 }),
  );
  const query = fc.array(fc.tuple(name, value), { maxLength: 6 });
  const cookie = fc.oneof(fc.constant(""), fc.stringMatching(/^[!-~ ]{0,80}$/));
  const method = fc.constantFrom("GET", "GET", "GET", "POST", "HEAD", "DELETE");
  await fc.assert(
    fc.asyncProperty(path, query, cookie, method, async (path, query, cookie, method) => {
      const search = query.map(([key, text]) => `${safe(key)}=${safe(text)}`).join("&");
      const response = await app.request(`${path}?${search}`, {
        method,
        headers: { cookie: `__Host-klutch-bind-Abc123=${cookie}` },
      });
      assert(response.status < 500, `${response.status}`);
      equal((await response.text()).includes("<script>"), false);
    }),
    { numRuns: 500 },
  );
});

const safe = (text: string) => encodeURIComponent(text.toWellFormed());

function recordingLog(lines: Record<string, unknown>[], inherited: Record<string, unknown> = {}): Log {
  const write = (message: string, fields?: Record<string, unknown>) =>
    void lines.push({ message, ...inherited, ...fields });
  return {
    debug: write,
    info: write,
    warn: write,
    error: write,
    with: (fields) => recordingLog(lines, { ...inherited, ...fields }),
  };
}
