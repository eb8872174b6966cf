import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { ConfigError } from "./errors.ts";
import { type HttpServerOptions, serveHttp } from "./http_server.ts";

function start(options: Partial<HttpServerOptions> = {}) {
  const own = new AbortController();
  const server = serveHttp({
    address: { host: "127.0.0.1", port: 0 },
    serves: "the test",
    handler: () => new Response("hello"),
    ...options,
  }, own.signal);
  return { ...server, url: `http://127.0.0.1:${server.port}/`, stop: () => own.abort() };
}

Deno.test("serveHttp() answers until its signal fires, and an idle connection does not hold it up", async () => {
  const { port, url, finished, stop } = start();
  assert.equal(await (await fetch(url)).text(), "hello");
  const idle = connect(port, "127.0.0.1");
  idle.write("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
  await once(idle, "data");
  const closed = once(idle, "close");
  stop();
  await finished;
  await closed;
  await assert.rejects(fetch(url));
});

Deno.test("serveHttp() without a host listens on all interfaces", async () => {
  const { port, finished, stop } = start({ address: { port: 0 } });
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "hello");
  stop();
  await finished;
});

Deno.test("serveHttp() lets a request under way finish", async () => {
  const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { url, finished, stop } = start({
    async handler() {
      begin();
      await mayAnswer;
      return new Response("late, but whole");
    },
  });
  const response = fetch(url);
  await begun;
  stop();
  setTimeout(answer, 20);
  assert.equal(await (await response).text(), "late, but whole");
  await finished;
});

Deno.test("serveHttp() cuts off a request that takes longer than the grace period", async () => {
  const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { url, finished, stop } = start({
    graceMs: 30,
    async handler() {
      begin();
      await mayAnswer;
      return new Response("nobody reads this");
    },
  });
  const refused = assert.rejects(fetch(url));
  await begun;
  stop();
  await refused;
  answer();
  await finished;
});

Deno.test("serveHttp() hides what a handler throws", async () => {
  const { url, finished, stop } = start({
    handler() {
      throw new Error("private detail");
    },
  });
  const response = await fetch(url);
  assert.equal(response.status, 500);
  assert.equal(await response.text(), "internal error\n");
  stop();
  await finished;
});

function refusal(options: Partial<HttpServerOptions>): string {
  try {
    start(options).stop();
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  assert.fail("it listens");
}

Deno.test("serveHttp() says that a port is in use, and for what", async () => {
  const { port, finished, stop } = start();
  assert.equal(
    refusal({ address: { host: "127.0.0.1", port }, serves: "the health endpoints" }),
    `Cannot listen on 127.0.0.1:${port} for the health endpoints: ` +
      "the port is in use by another process; stop it, or choose another port",
  );
  stop();
  await finished;
});

Deno.test("serveHttp() says that a port is in use on one of all interfaces", async () => {
  const { port, finished, stop } = start({ address: { port: 0 } });
  assert.match(refusal({ address: { port } }), /in use by another process/);
  stop();
  await finished;
});

Deno.test("serveHttp() says that an address is not this machine's", () => {
  assert.match(refusal({ address: { host: "192.0.2.1", port: 0 } }), /no network interface of this machine/);
});

Deno.test("serveHttp() does not start for a signal that has fired", () => {
  const reason = new Error("too late");
  const options = { address: { port: 0 }, serves: "nobody", handler: () => new Response() };
  assert.throws(() => serveHttp(options, AbortSignal.abort(reason)), reason);
});
