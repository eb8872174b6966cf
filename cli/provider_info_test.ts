import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { UsageError } from "../program.ts";
import { readCertificates } from "./download.ts";
import { checkProviderVersion, fetchProviderInfo, readProviderInfo } from "./provider_info.ts";
import { parseHttpUrl } from "./url.ts";

const never = new AbortController().signal;

const provider = (fields: Record<string, unknown> = {}) => ({
  kind: "BindingProvider",
  apiVersion: "v1alpha1",
  providerPrettyName: "example-backend",
  version: "v1.4.0",
  authenticationMethods: [{
    method: "OAuth2CodeGrant",
    oauth2CodeGrant: { authenticatedURL: "http://provider.example/authorize" },
  }],
  ...fields,
});
const login = (authenticatedURL: string) =>
  provider({ authenticationMethods: [{ method: "OAuth2CodeGrant", oauth2CodeGrant: { authenticatedURL } }] });

for (const version of ["v0.0.0", "v0.0.0-master+$Format:%H$", "v0.3.0", "v0.3.5", "v1.2.5", "1.2.5", "v1.4.0-rc.1"]) {
  Deno.test(`checkProviderVersion() takes ${version}`, () => checkProviderVersion(version));
}
const refused: [version: string, why: RegExp][] = [
  ["", /is empty, please update the backend to v0\.3\.0\+/],
  ["v0.2.3", /v0\.2\.3 is not supported, must be at least v0\.3\.0/],
  ["v0.3.0-alpha", /not supported/],
  ["latest", /"latest" cannot be parsed/],
  ["\x1b[2J", /" \[2J" cannot be parsed/],
];
for (const [version, why] of refused) {
  Deno.test(`checkProviderVersion() refuses ${JSON.stringify(version)}`, () => {
    throws(() => checkProviderVersion(version), why);
  });
}

Deno.test("readProviderInfo() finds the login among methods it does not know", () => {
  const document = provider();
  document.authenticationMethods.unshift({ method: "Carrier pigeon" } as never);
  const { loginUrl, ...rest } = readProviderInfo(JSON.stringify({ ...document, future: true }));
  equal(loginUrl.href, "http://provider.example/authorize");
  deepEqual(rest, { name: "example-backend", version: "v1.4.0" });
});

const unusable: [name: string, document: unknown, why: RegExp][] = [
  ["a list", [], /not a JSON object/],
  ["null", null, /not a JSON object/],
  [
    "the full group and version",
    provider({ apiVersion: "klutch.anynines.com/v1alpha1" }),
    /unsupported binding provider/,
  ],
  ["no apiVersion", provider({ apiVersion: undefined }), /unsupported binding provider version: ""/],
  ["another kind", provider({ kind: "BindingResponse" }), /kind must be "BindingProvider"/],
  ["no version", provider({ version: undefined }), /version "" is empty/],
  ["a version that is no text", provider({ version: 7 }), /version "" is empty/],
  ["an old version", provider({ version: "v0.2.0" }), /must be at least/],
  ["no methods", provider({ authenticationMethods: [] }), /authenticationMethods/],
  ["only unknown methods", provider({ authenticationMethods: [{ method: "x" }] }), /does not support OAuth2/],
  [
    "a method without its settings",
    provider({ authenticationMethods: [{ method: "OAuth2CodeGrant" }] }),
    /not support/,
  ],
  ["a login by script", login("javascript:alert(1)"), /not an http or https URL/],
  ["a login from a file", login("file:///etc/passwd"), /not an http or https URL/],
  ["a relative login URL", login("/authorize"), /not an http or https URL/],
];
for (const [name, document, why] of unusable) {
  Deno.test(`readProviderInfo() refuses ${name}`, () => {
    throws(() => readProviderInfo(JSON.stringify(document)), why);
  });
}

Deno.test("readProviderInfo() disarms names that would paint on the terminal", () => {
  equal(readProviderInfo(JSON.stringify(provider({ providerPrettyName: "Evil\x1b]0;x\x07" }))).name, "Evil ]0;x ");
});

/** Serves what `answer` makes of a request, on a free port. */
async function withServer(answer: (request: Request) => Response, test: (base: string) => Promise<void>) {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  await test(`http://127.0.0.1:${server.addr.port}`);
}

const get = (url: string, signal = never) => fetchProviderInfo(new URL(url), {}, signal);

const answers: [name: string, answer: (request: Request) => Response, why: RegExp][] = [
  ["a web page", () => html("<!DOCTYPE html><title>Welcome</title>"), /web page.*usually one that ends in \/export\?/],
  ["a web page that claims to be JSON", () => json("  <html></html>"), /web page/],
  [
    "500",
    () => new Response("internal error\nsecret detail", { status: 500 }),
    /500 Internal Server Error: internal error;/,
  ],
  ["404 with a page", () => html("<h1>Not here</h1>", 404), /404 Not Found;/],
  ["401", () => new Response("", { status: 401 }), /401 Unauthorized/],
  ["nothing", () => new Response(""), /not JSON/],
  ["half a document", () => json('{"kind":"BindingProvider"'), /not JSON/],
  [
    "a redirect to another host",
    () => Response.redirect("https://elsewhere.example/export"),
    /redirects to https:\/\/elsewhere/,
  ],
  [
    "a redirect to another port",
    () => Response.redirect("http://127.0.0.1:1/export"),
    /redirects to http:\/\/127\.0\.0\.1:1\/export; if you trust/,
  ],
  ["a redirect into a file", () => redirect("file:///etc/passwd"), /redirects to file:/],
  ["a redirect to itself", (request) => Response.redirect(request.url), /more than 5 redirects/],
  [
    "a document that is too large",
    () => json(JSON.stringify(provider()) + " ".repeat(1_100_000)),
    /larger than 1024 KiB/,
  ],
  ["a document without end", () => new Response(endless()), /larger than 1024 KiB/],
];
for (const [name, answer, why] of answers) {
  Deno.test(`fetchProviderInfo() says what is wrong about ${name}`, () =>
    withServer(answer, (base) => rejects(get(`${base}/export`), why)));
}

const json = (text: string, status = 200) =>
  new Response(text, { status, headers: { "content-type": "application/json" } });
const html = (text: string, status = 200) => new Response(text, { status, headers: { "content-type": "text/html" } });
const redirect = (location: string) => new Response(null, { status: 302, headers: { location } });
const endless = () =>
  new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(65536).fill(32)) });

Deno.test("fetchProviderInfo() follows a redirect on the same host", () =>
  withServer(
    ({ url }) => url.endsWith("/new") ? json(JSON.stringify(provider())) : redirect("/new"),
    async (base) => equal((await get(`${base}/export`)).name, "example-backend"),
  ));

Deno.test("fetchProviderInfo() says so when nothing listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await rejects(get(`http://127.0.0.1:${port}/export`), /nothing listens there/);
});

Deno.test("fetchProviderInfo() says so when the host does not exist", async () => {
  await rejects(get("http://no-such-host.invalid/export"), /no-such-host\.invalid cannot be resolved/);
});

Deno.test("fetchProviderInfo() says so when the port speaks no TLS", () =>
  withServer(
    () => json("{}"),
    (base) => rejects(get(base.replace("http:", "https:")), /does not speak TLS; is it an http:\/\/ URL\?/),
  ));

Deno.test("fetchProviderInfo() says so when the connection breaks", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const hangUp = (async () => {
    using connection = await listener.accept();
    await connection.read(new Uint8Array(1000));
  })();
  await rejects(get(`http://127.0.0.1:${listener.addr.port}/export`), /closed the connection without an answer/);
  await hangUp;
});

Deno.test("fetchProviderInfo() stops with its caller", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const caller = new AbortController();
  const silent = listener.accept();
  const asking = get(`http://127.0.0.1:${listener.addr.port}/export`, caller.signal);
  using _connection = await silent;
  caller.abort(new Error("enough"));
  await rejects(asking, /enough/);
});

for (
  const text of ["provider.example", "ftp://provider.example", "", "https://", "https://user:secret@provider.example"]
) {
  Deno.test(`parseHttpUrl() refuses "${text}" without repeating a password`, () => {
    throws(() => parseHttpUrl(text), (error) => error instanceof UsageError && !error.message.includes("secret"));
  });
}

Deno.test("readCertificates() refuses files without a certificate", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "hello");
    await rejects(readCertificates(path), /holds no PEM/);
    await rejects(readCertificates(`${path}.missing`), UsageError);
  } finally {
    await Deno.remove(path);
  }
});
