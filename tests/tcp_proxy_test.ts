import assert from "node:assert/strict";
import { serveLocally } from "./local_server.ts";
import { TcpProxy } from "./tcp_proxy.ts";

/** One request over a connection of its own. */
async function ask(url: string, timeoutMs = 5000): Promise<string> {
  const response = await fetch(url, { headers: { connection: "close" }, signal: AbortSignal.timeout(timeoutMs) });
  return await response.text();
}

const open = (port: number) => Deno.connect({ hostname: "127.0.0.1", port });
const REQUEST = new TextEncoder().encode("GET / HTTP/1.1\r\nhost: x\r\n\r\n");

/** Whether anything comes within that time; false also when the connection ends. */
async function hears(connection: Deno.Conn, ms = 5000): Promise<boolean> {
  const { promise: silence, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), ms);
  const reading = connection.read(new Uint8Array(1000)).then((count) => count !== null, () => false);
  try {
    return await Promise.race([reading, silence]);
  } finally {
    clearTimeout(timer);
  }
}

Deno.test("a proxy passes on what comes, and can be refused and opened again under the same port", async () => {
  await using server = serveLocally(() => new Response("hello"));
  await using proxy = new TcpProxy(server.url);
  const url = proxy.through(`${server.url}/path`);
  assert.equal(await ask(url), "hello");
  proxy.refuse();
  await assert.rejects(ask(url));
  proxy.listen();
  assert.equal(await ask(url), "hello");
  assert.equal(proxy.accepted, 2);
  assert.deepEqual(server.requests, ["GET /path", "GET /path"]);
});

Deno.test("stalled connections stay open and silent, new ones work", async () => {
  await using server = serveLocally(() => new Response("hello"));
  await using proxy = new TcpProxy(server.url);
  using connection = await open(proxy.port);
  await connection.write(REQUEST);
  assert.ok(await hears(connection));
  proxy.stall();
  await connection.write(REQUEST);
  assert.equal(await hears(connection, 200), false);
  assert.equal(proxy.open, 1);
  assert.equal(await ask(proxy.through(server.url)), "hello");
  assert.equal(server.requests.length, 2);
});

Deno.test("behind a partition nothing works until it heals", async () => {
  await using server = serveLocally(() => new Response("hello"));
  await using proxy = new TcpProxy(server.url);
  proxy.partition();
  await assert.rejects(ask(proxy.through(server.url), 200), /TimeoutError/);
  assert.deepEqual(server.requests, []);
  proxy.heal();
  assert.equal(await ask(proxy.through(server.url)), "hello");
});

Deno.test("connections can be cut", async () => {
  await using server = serveLocally(() => new Response("hello"));
  await using proxy = new TcpProxy(server.url);
  using connection = await open(proxy.port);
  await connection.write(REQUEST);
  assert.ok(await hears(connection));
  proxy.cut();
  assert.equal(await connection.read(new Uint8Array(10)).catch(() => null), null);
});

Deno.test("a slow network takes its time", async () => {
  await using server = serveLocally(() => new Response(new Uint8Array(5000)));
  await using proxy = new TcpProxy(server.url);
  proxy.slow(20_000);
  const start = performance.now();
  assert.equal((await ask(proxy.through(server.url))).length, 5000);
  assert.ok(performance.now() - start > 200);
});
