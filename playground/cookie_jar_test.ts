import assert from "node:assert/strict";
import { CookieJar } from "./cookie_jar.ts";

const noon = Date.parse("2026-06-01T12:00:00Z");
const get = { method: "GET" };

function stored(from: string, ...setCookies: string[]): CookieJar {
  const jar = new CookieJar();
  jar.store(new URL(from), setCookies, noon);
  return jar;
}

const cases: [name: string, from: string, setCookie: string, sentTo: string[], notSentTo: string[]][] = [
  [
    "of a host goes to that host, whatever the port",
    "http://a.test:1/x",
    "k=v; Path=/",
    ["http://a.test:2/"],
    ["http://b.test/", "http://sub.a.test/"],
  ],
  [
    "of a domain goes to its subdomains",
    "https://www.a.test/",
    "k=v; Domain=.a.test; Path=/",
    ["https://a.test/", "https://x.a.test/"],
    ["https://nota.test/"],
  ],
  [
    "of a path goes below it",
    "http://a.test/",
    "k=v; Path=/in",
    ["http://a.test/in", "http://a.test/in/x"],
    ["http://a.test/inner", "http://a.test/"],
  ],
  [
    "without a path goes beside the page that set it",
    "http://a.test/in/page",
    "k=v",
    ["http://a.test/in/other"],
    ["http://a.test/"],
  ],
  ["that is secure goes to HTTPS only", "https://a.test/", "k=v; Secure", ["https://a.test/"], ["http://a.test/"]],
  ["that is secure goes to loopback too", "http://127.0.0.1:8080/", "k=v; Secure", ["http://127.0.0.1/"], []],
  ["that is secure is not taken from HTTP", "http://a.test/", "k=v; Secure", [], ["https://a.test/", "http://a.test/"]],
  ["of somebody else's domain is not taken", "http://a.test/", "k=v; Domain=b.test", [], ["http://b.test/"]],
  ["with SameSite=None that is not secure is not taken", "http://a.test/", "k=v; SameSite=None", [], [
    "http://a.test/",
  ]],
  ["__Host- with all it needs is taken", "https://a.test/", "__Host-k=v; Secure; Path=/", ["https://a.test/"], []],
  ["__Host- with a domain is not taken", "https://a.test/", "__Host-k=v; Secure; Path=/; Domain=a.test", [], [
    "https://a.test/",
  ]],
  ["__Host- that is not secure is not taken", "https://a.test/", "__Host-k=v; Path=/", [], ["https://a.test/"]],
];
for (const [name, from, setCookie, sentTo, notSentTo] of cases) {
  Deno.test(`a cookie ${name}`, () => {
    const jar = stored(from, setCookie);
    for (const url of sentTo) assert.match(jar.header(new URL(url), get, noon), /k=v$/, url);
    for (const url of notSentTo) assert.equal(jar.header(new URL(url), get, noon), "", url);
  });
}

Deno.test("cookies of another site's page are sent as SameSite says", () => {
  const url = new URL("https://a.test/");
  const jar = stored(
    url.href,
    "strict=1; SameSite=Strict",
    "lax=1; SameSite=Lax",
    "unsaid=1",
    "none=1; SameSite=None; Secure",
  );
  const sent = (method: string, initiator?: string) =>
    jar.header(url, { method, initiator: initiator ? new URL(initiator) : undefined }, noon)
      .replaceAll("=1", "").split("; ");
  assert.deepEqual(sent("GET"), ["strict", "lax", "unsaid", "none"]);
  assert.deepEqual(sent("POST", "https://a.test:8443/form"), ["strict", "lax", "unsaid", "none"]);
  assert.deepEqual(sent("GET", "https://b.test/"), ["lax", "unsaid", "none"]);
  assert.deepEqual(sent("POST", "https://b.test/"), ["none"]);
  assert.deepEqual(sent("POST", "http://a.test/"), ["none"]);
});

Deno.test("a cookie is replaced by one of its name and path, expires, and is removed by one in the past", () => {
  const url = new URL("http://a.test/");
  const jar = stored(url.href, "k=1; Max-Age=60", "k=2; Max-Age=60", "other=3; Expires=Mon, 01 Jun 2026 12:00:30 GMT");
  assert.equal(jar.header(url, get, noon), "k=2; other=3");
  assert.equal(jar.header(url, get, noon + 45_000), "k=2");
  assert.equal(jar.header(url, get, noon + 60_000), "");
  jar.store(url, ["k=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "other=; Max-Age=0"], noon);
  assert.equal(jar.header(url, get, noon), "");
});

Deno.test("a cookie of the longer path comes first", () => {
  const jar = stored("http://a.test/", "k=outer; Path=/", "k=inner; Path=/in");
  assert.equal(jar.header(new URL("http://a.test/in/x"), get, noon), "k=inner; k=outer");
});
