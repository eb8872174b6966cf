import assert from "node:assert/strict";
import { createTestAuthority } from "../playground/certificates.ts";
import { type Handler, serveLocally, untilGone } from "../tests/local_server.ts";
import { KubeClient, type KubeClientOptions } from "./client.ts";
import { systemClock } from "./clock.ts";
import { ConfigError, isUnreachable, KubeError, messageOf } from "./errors.ts";
import { type ClusterConfig, type Credentials, staticConfig } from "./kubeconfig.ts";
import { CONFIG_MAPS, NAMESPACES } from "./resources.ts";
import type { NewObject } from "./types.ts";

const authority = await createTestAuthority("test CA");
const stranger = await createTestAuthority("another CA");
const certificate = await authority.issueServer({ dns: ["api.example"], ip: ["127.0.0.1"] });
const within = (ms = 10_000) => AbortSignal.timeout(ms);

/** A client of a server that answers like this, and what it waited for. */
function connect(handler: Handler, options: KubeClientOptions & { config?: Partial<ClusterConfig> } = {}) {
  const server = serveLocally(handler);
  const waits: number[] = [];
  const clock = {
    ...systemClock,
    sleep(ms: number, signal: AbortSignal) {
      waits.push(ms);
      signal.throwIfAborted();
      return Promise.resolve();
    },
  };
  const { config, ...rest } = options;
  const client = new KubeClient({ ...staticConfig({ server: server.url, token: "secret" }), ...config }, {
    side: "provider",
    clock,
    ...rest,
  });
  return {
    ...server,
    client,
    waits,
    configMaps: client.api(CONFIG_MAPS),
    async [Symbol.asyncDispose]() {
      client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function fails(promise: Promise<unknown>, status: number, message: RegExp): Promise<KubeError> {
  let caught: unknown;
  await assert.rejects(promise, (error) => {
    caught = error;
    return true;
  });
  assert.ok(caught instanceof KubeError, String(caught));
  assert.equal(caught.status, status);
  assert.match(caught.message, message);
  assert.ok(!messageOf(caught).includes("secret"));
  return caught;
}

const status = (code: number, reason: string, message: string, headers: Record<string, string> = {}, details = {}) =>
  Response.json({ kind: "Status", code, reason, message, details }, { status: code, headers });
const db = { namespace: "default", name: "db" };
const found = () => Response.json({ kind: "ConfigMap", metadata: db });

Deno.test("a request carries credentials, user agent and what it accepts", async () => {
  let headers: Headers | undefined;
  await using server = connect((request) => {
    headers = request.headers;
    return found();
  }, { userAgent: "klutch/1.2.3" });
  await server.configMaps.get(db, within());
  assert.equal(headers?.get("authorization"), "Bearer secret");
  assert.equal(headers?.get("user-agent"), "klutch/1.2.3");
  assert.equal(headers?.get("accept"), "application/json");
  assert.deepEqual(server.requests, ["GET /api/v1/namespaces/default/configmaps/db"]);
});

Deno.test("429 and 503 with Retry-After are waited for and tried again, writes as well", async () => {
  await using server = connect((_, count) =>
    count === 0
      ? status(429, "TooManyRequests", "slow down", { "retry-after": "2" })
      : count === 1
      ? status(503, "ServiceUnavailable", "starting", {}, { retryAfterSeconds: 3 })
      : found()
  );
  await server.configMaps.replace({ apiVersion: "v1", kind: "ConfigMap", metadata: db }, within());
  assert.deepEqual(server.waits, [2000, 3000]);
  assert.deepEqual(server.requests, Array(3).fill("PUT /api/v1/namespaces/default/configmaps/db"));
});

Deno.test("--qps: a burst of that size at once, then one turn after the other", async () => {
  await using server = connect(found, { qps: 2 });
  for (let i = 0; i < 5; i++) await server.configMaps.get(db, within());
  assert.equal(server.waits.length, 3);
  assert.ok(server.waits.every((ms, at) => ms > at * 500 && ms <= (at + 1) * 500), `${server.waits}`);
});

Deno.test("a server that asks for more and more time gets an error after five waits of at most a minute", async () => {
  await using server = connect(() => status(429, "TooManyRequests", "slow down", { "retry-after": "86400" }));
  const error = await fails(
    server.configMaps.get(db, within()),
    429,
    /^Cannot get configmaps "default\/db" on the provider: 429 TooManyRequests: slow down$/,
  );
  assert.deepEqual(server.waits, Array(5).fill(60_000));
  assert.equal(error.retryAfterMs, 60_000);
});

for (const header of ["-5", "soon", ""]) {
  Deno.test(`a Retry-After of "${header}" does not confuse anybody`, async () => {
    await using server = connect((_, count) =>
      count ? found() : status(503, "ServiceUnavailable", "starting", { "retry-after": header })
    );
    await server.configMaps.get(db, within()).catch((error) => assert.equal(error.status, 503));
    assert.ok(server.waits.every((ms) => ms === 0));
  });
}

Deno.test("500 and 503 that name no time are left to the caller", async () => {
  await using server = connect((_, count) => status(count ? 503 : 500, "InternalError", "broken"));
  await fails(server.configMaps.get(db, within()), 500, /500 InternalError: broken/);
  await fails(server.configMaps.get(db, within()), 503, /503 InternalError: broken/);
  assert.deepEqual(server.waits, []);
});

Deno.test("waiting for the server ends when the signal fires", async () => {
  const stop = new AbortController();
  await using server = connect(() => {
    queueMicrotask(() => stop.abort(new Error("stopped")));
    return status(429, "TooManyRequests", "slow down", { "retry-after": "30" });
  }, { clock: systemClock });
  await assert.rejects(server.configMaps.get(db, stop.signal), /^Error: stopped$/);
});

Deno.test("a server that does not answer in time is status 0; the next request goes over another connection", async () => {
  await using server = connect(async (request, count) => {
    if (count === 0) await untilGone(request);
    return found();
  }, { timeoutMs: 1000 });
  const error = await fails(
    server.configMaps.get(db, within()),
    0,
    /^Cannot get configmaps "default\/db" on the provider: no answer within 1 s$/,
  );
  assert.ok(isUnreachable(error));
  await server.configMaps.get(db, within());
});

Deno.test("an answer that stops in the middle is status 0", async () => {
  await using server = connect(() => new Response(stream(["{"], "hang")), { timeoutMs: 1000 });
  await fails(server.configMaps.get(db, within()), 0, /the answer broke off: no answer within 1 s/);
});

Deno.test("an answer may take longer than the time-out as long as it goes on", async () => {
  await using server = connect(() => new Response(stream(["[1", ",2", ",3", ",4", ",5]"], "close", 250)), {
    timeoutMs: 1000,
  });
  assert.deepEqual(await server.client.request("GET", "/slow", {}, within()), [1, 2, 3, 4, 5]);
});

Deno.test("an answer that is cut is status 0", async () => {
  await using server = connect(() => new Response(stream(['{"kind"'], "fail")));
  await fails(server.configMaps.get(db, within()), 0, /the answer broke off/);
});

Deno.test("a request that times out does not break a watch", async () => {
  await using server = connect(async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname.endsWith("/dead")) await untilGone(request);
    if (pathname.endsWith("/configmaps")) {
      const event = (version: string) =>
        JSON.stringify({ type: "ADDED", object: { metadata: { ...db, resourceVersion: version } } }) + "\n";
      return new Response(stream([event("1"), event("2"), event("3"), event("4"), event("5"), event("6")], "close"));
    }
    return found();
  }, { timeoutMs: 300 });
  const watched = Array.fromAsync(server.configMaps.watch({ timeoutSeconds: 10, silenceMs: 10_000 }, within()));
  await pause(50);
  const dead = server.configMaps.get({ ...db, name: "dead" }, within());
  await fails(dead, 0, /no answer within/);
  assert.equal((await watched).length, 6);
});

Deno.test("a request outlives the connections of another one that failed", async () => {
  await using server = connect(async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/dead") await untilGone(request);
    if (pathname === "/slow") {
      return new Response(stream(["[1", ",2", ",3", ",4]"], "close", 300));
    }
    return found();
  }, { timeoutMs: 1000 });
  const dead = server.client.request("GET", "/dead", {}, within());
  await pause(300);
  const slow = server.client.request("GET", "/slow", {}, within()); // under way when the first one fails
  await fails(dead, 0, /no answer within/);
  assert.deepEqual(await slow, [1, 2, 3, 4]);
});

Deno.test("a refused connection says so", async () => {
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = free.addr;
  free.close();
  using client = new KubeClient(staticConfig({ server: `https://127.0.0.1:${port}` }));
  await fails(
    client.api(NAMESPACES).list({}, within()),
    0,
    new RegExp(`^Cannot list namespaces at https://127.0.0.1:${port}: connection refused$`),
  );
});

Deno.test("a host name that does not exist says so", async () => {
  using client = new KubeClient(staticConfig({ server: "https://no-such-host.invalid" }), { side: "consumer" });
  await fails(
    client.request("GET", "/version", {}, within()),
    0,
    /^Cannot GET \/version on the consumer: the host name cannot be resolved$/,
  );
});

Deno.test("an answer that is a web page says so", async () => {
  const page = "<!DOCTYPE html>\n<html>\n  <title>Welcome to nginx!</title>" + " ".repeat(1000);
  const html = (status: number) => new Response(page, { status, headers: { "content-type": "text/html" } });
  await using server = connect((_, count) => html([200, 404, 502][count]!));
  const answer = /"<!DOCTYPE html> <html> <title>Welcome to nginx!<\/title>"/.source;
  await fails(server.configMaps.get(db, within()), 0, new RegExp(`not JSON but ${answer}; is this an API server\\?`));
  await fails(server.configMaps.get(db, within()), 404, /404 Not Found: the server does not serve this$/);
  await fails(server.configMaps.get(db, within()), 502, new RegExp(`502 Bad Gateway: it answered ${answer}$`));
});

Deno.test("a damaged answer is not quoted: it may be a Secret", async () => {
  await using server = connect(() => new Response(`{"kind":"Secret","data":{"a":"c2VjcmV0", secret}`));
  await fails(server.configMaps.get(db, within()), 0, /the answer is not JSON; is this an API server\?$/);
});

for (const code of [301, 302, 307, 308]) {
  Deno.test(`a redirect (${code}) is not followed: credentials stay where they are meant for`, async () => {
    await using elsewhere = serveLocally(found);
    await using server = connect(() => new Response(null, { status: code, headers: { location: elsewhere.url } }));
    await fails(server.configMaps.get(db, within()), code, /it redirects to http:\/\/127.*, which is not followed/);
    await fails(server.configMaps.delete(db, {}, within()), code, /it redirects to/);
    assert.deepEqual(elsewhere.requests, []);
  });
}

const bearer = (token: string): Credentials => ({ headers: { authorization: `Bearer ${token}` } });

Deno.test("after a 401 the credentials are renewed and the request is made once more", async () => {
  const asked: boolean[] = [];
  await using server = connect(
    (request) =>
      request.headers.get("authorization") === "Bearer new" ? found() : status(401, "Unauthorized", "Unauthorized"),
    {
      config: {
        credentials: (renew) => {
          asked.push(renew);
          return Promise.resolve(bearer(renew ? "new" : "old"));
        },
      },
    },
  );
  await server.configMaps.get(db, within());
  assert.deepEqual(asked, [false, true]);
  assert.equal(server.requests.length, 2);
});

Deno.test("credentials that stay refused are an error after one more try; the same ones are not tried again", async () => {
  const refuse = () => status(401, "Unauthorized", "Unauthorized");
  const message = /get configmaps "default\/db" on the provider: 401 Unauthorized: Unauthorized$/;
  let number = 0;
  await using renewing = connect(refuse, {
    config: { credentials: () => Promise.resolve(bearer(`token-${number++}`)) },
  });
  await fails(renewing.configMaps.get(db, within()), 401, message);
  assert.equal(renewing.requests.length, 2);
  await using fixed = connect(refuse, { config: { credentials: () => Promise.resolve(bearer("same")) } });
  await fails(fixed.configMaps.get(db, within()), 401, message);
  assert.equal(fixed.requests.length, 1);
});

Deno.test("credentials that cannot be had are a ConfigError, also those asked for after a 401", async () => {
  const broken = new ConfigError("Cannot use the kubeconfig: the plugin failed");
  await using first = connect(found, { config: { credentials: () => Promise.reject(broken) } });
  await assert.rejects(first.configMaps.get(db, within()), broken);
  await using second = connect(() => status(401, "Unauthorized", "Unauthorized"), {
    config: { credentials: (renew) => renew ? Promise.reject(broken) : Promise.resolve(bearer("old")) },
  });
  await assert.rejects(second.configMaps.get(db, within()), broken);
});

Deno.test("lists come in pages, their items with the kind that lists leave out", async () => {
  const page = (names: string[], token?: string) =>
    Response.json({
      metadata: { resourceVersion: "7", continue: token },
      items: names.map((name) => ({ metadata: { name } })),
    });
  await using server = connect((_, count) =>
    [page(["a", "b"], "more/1"), page(["c"], "more/2"), Response.json({ metadata: { resourceVersion: "7" } })][count]!
  );
  const list = await server.configMaps.list({ namespace: "default", labelSelector: "a in (b,c)" }, within());
  assert.deepEqual(list, {
    items: ["a", "b", "c"].map((name) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } })),
    resourceVersion: "7",
  });
  const path = "GET /api/v1/namespaces/default/configmaps?labelSelector=a+in+%28b%2Cc%29&limit=500";
  assert.deepEqual(server.requests, [path, `${path}&continue=more%2F1`, `${path}&continue=more%2F2`]);
});

Deno.test("names cannot lead to another path", async () => {
  await using server = connect(found);
  await server.configMaps.get({ namespace: "a/b", name: "../c?d#e" }, within());
  assert.deepEqual(server.requests, ["GET /api/v1/namespaces/a%2Fb/configmaps/..%2Fc%3Fd%23e"]);
  for (const key of [{ namespace: "..", name: "a" }, { namespace: "a", name: ".." }, { namespace: ".", name: "a" }]) {
    assert.throws(() => server.configMaps.get(key, within()), TypeError);
  }
});

Deno.test("a namespaced object without namespace is a programmer's mistake, before any request", async () => {
  await using server = connect(found);
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "db" } } as const;
  assert.throws(() => server.configMaps.get({ name: "db" }, within()), TypeError);
  assert.throws(() => server.configMaps.create(object, within()), TypeError);
  const unnamed: NewObject<typeof object> = { ...object, metadata: { generateName: "db-" } };
  assert.throws(() => server.configMaps.create(unnamed, within()), /configmaps "db-…": its namespace is missing/);
  assert.deepEqual(server.requests, []);
});

Deno.test("a closed client says so", async () => {
  await using server = connect(found);
  server.client.close();
  await fails(server.configMaps.get(db, within()), 0, /the client is closed/);
});

Deno.test("a request is told apart from a failure when its signal fires", async () => {
  await using server = connect(async (request) => {
    await untilGone(request);
    return found();
  });
  await assert.rejects(
    server.configMaps.get(db, AbortSignal.abort(new Error("before"))),
    /^Error: before$/,
  );
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error("during")), 50);
  await assert.rejects(server.configMaps.get(db, stop.signal), /^Error: during$/);
});

Deno.test("metrics see every request with its code, 0 for those without answer", async () => {
  const done: string[] = [];
  const metrics = { requestDone: ({ verb, code }: { verb: string; code: number }) => done.push(`${verb} ${code}`) };
  await using server = connect(async (request, count) => {
    if (count === 1) await untilGone(request);
    return count === 0 ? status(429, "TooManyRequests", "", { "retry-after": "1" }) : found();
  }, { timeoutMs: 1000, metrics: metrics as unknown as KubeClientOptions["metrics"] });
  await assert.rejects(server.configMaps.delete(db, {}, within()));
  await server.configMaps.get(db, within());
  assert.deepEqual(done, ["DELETE 429", "DELETE 0", "GET 200"]);
});

const names: [name: string, config: Partial<ClusterConfig>, failure?: RegExp][] = [
  ["its address, which the certificate holds", { caData: authority.certificate }],
  ["a name the certificate holds", { caData: authority.certificate, tlsServerName: "api.example" }],
  ["that name in capitals", { caData: authority.certificate, tlsServerName: "API.example" }],
  [
    "a name the certificate does not hold",
    { caData: authority.certificate, tlsServerName: "other.example" },
    /the server's certificate does not verify \(.*\)$/,
  ],
  ["another CA", { caData: stranger.certificate }, /the server's certificate does not verify \(UnknownIssuer\)$/],
  [
    "another CA and a name",
    { caData: stranger.certificate, tlsServerName: "api.example" },
    /the server's certificate does not verify \(UnknownIssuer\)$/,
  ],
  ["no CA at all", {}, /the server's certificate does not verify \(UnknownIssuer\)$/],
];
for (const [name, config, failure] of names) {
  Deno.test(`a server verified against ${name} is ${failure ? "refused" : "accepted"}, by requests and watches`, async () => {
    await using server = serveLocally(found, certificate);
    using client = new KubeClient(staticConfig({ server: server.url, token: "secret", ...config }));
    const api = client.api(CONFIG_MAPS);
    const watched = Array.fromAsync(api.watch({ timeoutSeconds: 1, silenceMs: 1000 }, within()));
    if (failure) {
      await Promise.all([fails(api.get(db, within()), 0, failure), fails(watched, 0, failure)]);
      assert.deepEqual(server.requests, []);
    } else {
      await api.get(db, within());
      await watched;
      assert.equal(server.requests.length, 2);
    }
  });
}

for (const [variable, value] of [["NO_PROXY", "*"], ["https_proxy", "http://127.0.0.1:1"]] as const) {
  Deno.test(`a server on this machine is found whatever ${variable} says, and that is left as it was`, async () => {
    await using server = serveLocally(found, certificate);
    const before = Deno.env.get(variable);
    Deno.env.set(variable, value);
    try {
      for (const tlsServerName of ["api.example", undefined]) {
        const config = { server: server.url, caData: authority.certificate, tlsServerName };
        using client = new KubeClient(staticConfig(config));
        await client.api(CONFIG_MAPS).get(db, within());
      }
      assert.equal(Deno.env.get(variable), value);
    } finally {
      if (before === undefined) Deno.env.delete(variable);
      else Deno.env.set(variable, before);
    }
  });
}

Deno.test("a proxy-url is used whatever NO_PROXY says", async () => {
  await using proxy = serveLocally(() => new Response(null, { status: 418 }));
  using client = new KubeClient(staticConfig({ server: "http://no-such-host.invalid", proxyUrl: proxy.url }));
  const before = Deno.env.get("NO_PROXY");
  Deno.env.set("NO_PROXY", "no-such-host.invalid");
  try {
    await fails(client.request("GET", "/version", {}, within()), 418, /418/);
    assert.equal(proxy.requests.length, 1);
  } finally {
    if (before === undefined) Deno.env.delete("NO_PROXY");
    else Deno.env.set("NO_PROXY", before);
  }
});

Deno.test("with tls-server-name, too, a refused connection says so, and many requests at once go through", async () => {
  const refusing = serveLocally(found, certificate);
  const config = { caData: authority.certificate, tlsServerName: "api.example" };
  await refusing[Symbol.asyncDispose]();
  using refused = new KubeClient(staticConfig({ server: refusing.url, ...config }));
  await fails(refused.api(CONFIG_MAPS).get(db, within()), 0, /: connection refused$/);

  await using server = serveLocally(found, certificate);
  using client = new KubeClient(staticConfig({ server: server.url, ...config }));
  await Promise.all(Array.from({ length: 100 }, () => client.api(CONFIG_MAPS).get(db, within())));
  assert.equal(server.requests.length, 100);
});

Deno.test("tls-server-name that cannot be honoured is refused, never ignored", async () => {
  const refuses = async (config: Partial<ClusterConfig>, reason: RegExp) => {
    using client = new KubeClient(
      staticConfig({ server: "https://127.0.0.1:1", tlsServerName: "a.example", ...config }),
    );
    await assert.rejects(client.request("GET", "/", {}, within()), (error) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.match(error.message, reason);
      return true;
    });
  };
  await refuses({ proxyUrl: "http://127.0.0.1:1" }, /does not go together with proxy-url/);
  await refuses({ server: "http://127.0.0.1:1" }, /needs a server that starts with https/);
  await refuses({ tlsServerName: "a b" }, /"a b" is not a host name/);
});

Deno.test("a proxy-url that is none is a ConfigError", async () => {
  using client = new KubeClient(staticConfig({ server: "https://127.0.0.1:1", proxyUrl: "::" }));
  await assert.rejects(client.request("GET", "/", {}, within()), ConfigError);
});

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** These parts, with a pause after each, then the end, a broken connection, or silence. */
function stream(parts: string[], end: "close" | "fail" | "hang", pauseMs = 100): ReadableStream<Uint8Array> {
  const left = [...parts];
  let timer: ReturnType<typeof setTimeout> | undefined;
  return new ReadableStream({
    async pull(controller) {
      const part = left.shift();
      if (part !== undefined) {
        controller.enqueue(new TextEncoder().encode(part));
        await new Promise((resolve) => timer = setTimeout(resolve, pauseMs));
      } else if (end === "close") controller.close();
      else if (end === "fail") controller.error(new Error("cut"));
      else await new Promise(() => {});
    },
    cancel() {
      clearTimeout(timer);
    },
  });
}
