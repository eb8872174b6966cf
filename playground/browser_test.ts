import assert from "node:assert/strict";
import { HttpBrowser } from "./browser.ts";

const signal = new AbortController().signal;
const html = (body: string, init: ResponseInit = {}) =>
  new Response(body, { ...init, headers: { "content-type": "text/html; charset=utf-8", ...init.headers } });
const redirect = (location: string, status = 302, headers: Record<string, string> = {}) =>
  new Response(null, { status, headers: { location, ...headers } });

function serve(answer: (request: Request) => Response | Promise<Response>) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Answers with the request, as text. */
const echo = async (request: Request) => {
  const { method, url, headers } = request;
  const { pathname, search } = new URL(url);
  const shown = ["origin", "sec-fetch-site", "content-type", "cookie"].map((name) => `${name}: ${headers.get(name)}`);
  return new Response([`${method} ${pathname}${search}`, ...shown, await request.text()].join("\n"));
};

Deno.test("a typed address comes without origin and cookies", async () => {
  await using site = serve(echo);
  using browser = new HttpBrowser();
  const { text, status } = await browser.open(`${site.url}/x?y=1`, signal);
  assert.equal(status, 200);
  assert.equal(text, "GET /x?y=1\norigin: null\nsec-fetch-site: none\ncontent-type: null\ncookie: null");
});

Deno.test("redirects are followed, with the cookies that they set, and turn POST into GET", async () => {
  await using site = serve((request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/") return html(`<form method="post" action="/one"><input name="a"></form>`);
    if (pathname === "/one") return redirect("/two", 303, { "set-cookie": "k=v; HttpOnly; Path=/" });
    if (pathname === "/two") return redirect("three?x#y");
    return echo(request);
  });
  using browser = new HttpBrowser();
  const page = await browser.open(site.url, signal);
  const { text, url, passed } = await browser.submit(page.form("a"), { a: "1" }, signal);
  assert.match(text, /^GET \/three\?x\norigin: null\nsec-fetch-site: same-origin\n.*\ncookie: k=v$/);
  assert.equal(url.hash, "#y");
  assert.deepEqual(passed.map(({ pathname }) => pathname), ["/one", "/two"]);
});

Deno.test("a 307 repeats the POST with its body", async () => {
  await using site = serve((request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/") return html(`<form method="post" action="/one"><input name="a"></form>`);
    return pathname === "/one" ? redirect("/two", 307) : echo(request);
  });
  using browser = new HttpBrowser();
  const page = await browser.open(site.url, signal);
  const { text } = await browser.submit(page.form("a"), { a: "1 & ü" }, signal);
  assert.match(text, /^POST \/two\norigin: http:\/\/127[^]*\na=1\+%26\+%C3%BC$/);
});

Deno.test("forms of another site are sent with that site's origin and without strict cookies", async () => {
  await using site = serve((request) => {
    return new URL(request.url).pathname === "/in"
      ? html("in", { headers: { "set-cookie": "k=v; SameSite=Strict; Path=/" } })
      : echo(request);
  });
  const { port } = new URL(site.url);
  await using evil = serve(() =>
    html(`<form method="post" action="${site.url}/do"><input name="a"></form>
    <a class="lure" href="${site.url}/look">x</a>`)
  );
  using browser = new HttpBrowser();
  await browser.open(`${site.url}/in`, signal);
  const page = await browser.open(evil.url.replace("127.0.0.1", "localhost"), signal);
  const sent = await browser.submit(page.form("a"), { a: "1" }, signal);
  assert.match(sent.text, /origin: http:\/\/localhost:\d+\nsec-fetch-site: cross-site\n.*\ncookie: null/);
  const clicked = await browser.click(page.link("lure"), signal);
  assert.match(clicked.text, /^GET \/look\norigin: null\nsec-fetch-site: cross-site\n.*\ncookie: null/);
  const typed = await browser.open(`http://127.0.0.1:${port}/look`, signal);
  assert.match(typed.text, /cookie: k=v$/);
});

Deno.test("a form sends what is filled in, and the button that is pressed", async () => {
  const form =
    `<form method="get" action="/to?gone=1"><input name="a" value="old"><input type="radio" name="r" value="1">
    <input type="hidden" name="h" value="kept"><button name="go" value="yes">x</button><button name="stop" value="no">y</button>`;
  await using site = serve((request) => new URL(request.url).pathname === "/" ? html(form) : echo(request));
  using browser = new HttpBrowser();
  const page = await browser.open(site.url, signal);
  const send = async (values: Record<string, string>) =>
    (await browser.submit(page.form(), values, signal)).text.split("\n")[0];
  assert.equal(await send({}), "GET /to?a=old&h=kept&go=yes");
  assert.equal(await send({ a: "new", r: "2" }), "GET /to?a=new&r=2&h=kept&go=yes");
  assert.equal(await send({ stop: "now" }), "GET /to?a=old&h=kept&stop=now");
  await assert.rejects(browser.submit(page.form(), { b: "1" }, signal), /has no field b; it has: a, r, h/);
});

Deno.test("a page without what is looked for says what it shows instead", async () => {
  await using site = serve(() => html("<h1>Cannot log in</h1><p>state expired</p>", { status: 400 }));
  using browser = new HttpBrowser();
  const page = await browser.open(`${site.url}/login?secret=1`, signal);
  assert.throws(() => page.form("login"), /\/login \(400\) has not a form with login: "Cannot log in state expired"/);
  assert.throws(() => page.link("x"), /has not a link of class x/);
});

Deno.test("a visit stops before an address that it was told to stop at", async () => {
  await using site = serve(() => redirect("http://127.0.0.1:9/callback?code=1"));
  using browser = new HttpBrowser({ stopAt: "http://127.0.0.1:9/callback" });
  const { url, status, html } = await browser.open(site.url, signal);
  assert.deepEqual([url.search, status, html], ["?code=1", 0, ""]);
});

Deno.test("endless redirects, and those that leave the web, are errors", async () => {
  await using site = serve((request) =>
    redirect(new URL(request.url).pathname === "/js" ? "javascript:alert(1)" : "/")
  );
  using browser = new HttpBrowser();
  await assert.rejects(browser.open(site.url, signal), /it redirects endlessly/);
  await assert.rejects(browser.open(`${site.url}/js`, signal), /it is not on the web/);
});

Deno.test("a site that does not answer is given up after the time-out, or by an abort", async () => {
  const closing = new AbortController();
  await using site = serve(() => new Promise((resolve) => closing.signal.onabort = () => resolve(new Response())));
  using browser = new HttpBrowser({ timeoutMs: 50 });
  await assert.rejects(browser.open(site.url, signal), { name: "TimeoutError" });
  await assert.rejects(browser.open(site.url, AbortSignal.abort(new Error("enough"))), /^Error: enough$/);
  closing.abort();
});
