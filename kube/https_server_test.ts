import { deepEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import { once } from "node:events";
import { createTestAuthority, type KeyPair } from "../playground/certificates.ts";
import { eventually } from "../tests/clusters.ts";
import { ask, connectTls, issueForLoopback, serialOf, serialShown } from "../tests/tls_client.ts";
import { type HttpsServerOptions, serveHttps } from "./https_server.ts";
import { Slots } from "./slots.ts";

const authority = await createTestAuthority("test CA");
const [first, second] = await Promise.all([issueForLoopback(authority), issueForLoopback(authority)]);
const toTls = ({ certificate, key }: KeyPair) => ({ cert: certificate, key });

function start(options: Partial<HttpsServerOptions> = {}) {
  const own = new AbortController();
  const server = serveHttps({
    address: { host: "127.0.0.1", port: 0 },
    serves: "the test",
    handler: () => new Response("hello"),
    tls: toTls(first),
    ...options,
  }, own.signal);
  const client = Deno.createHttpClient({ caCerts: [authority.certificate], poolMaxIdlePerHost: 0 });
  return {
    ...server,
    get: (path = "/") => fetch(`https://localhost:${server.port}${path}`, { client }),
    async [Symbol.asyncDispose]() {
      own.abort();
      await server.finished;
      client.close();
    },
    stop: () => own.abort(),
  };
}

/** Ports that this process listens on. */
async function listeningPorts(): Promise<number[]> {
  const own = new Set<string>();
  for await (const { name } of Deno.readDir("/proc/self/fd")) {
    own.add(await Deno.readLink(`/proc/self/fd/${name}`).catch(() => ""));
  }
  const table = await Deno.readTextFile("/proc/self/net/tcp");
  return table.split("\n").flatMap((line) => {
    const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/);
    return state === "0A" && own.has(`socket:[${inode}]`) ? [parseInt(local.split(":")[1]!, 16)] : [];
  });
}

Deno.test("serveHttps() shows a renewed certificate to whoever connects then, and leaves connections alone", async () => {
  await using server = start();
  equal(await serialShown(server.port, authority), serialOf(first));
  const standing = await connectTls(server.port, authority);
  const silent = await connectTls(server.port, authority);
  match(await ask(standing), /^HTTP\/1.1 200 OK\r\n[^]*hello$/);
  for (const pair of [second, first, second]) {
    server.renew(toTls(pair));
    equal(await serialShown(server.port, authority), serialOf(pair));
  }
  for (const socket of [standing, silent]) {
    match(await ask(socket), /hello/);
    socket.destroy();
  }
});

Deno.test("serveHttps() goes on with an answer that was under way when the certificate was renewed", async () => {
  let events: ReadableStreamDefaultController<string>;
  await using server = start({
    handler: () =>
      new Response(new ReadableStream<string>({ start: (c) => events = c }).pipeThrough(new TextEncoderStream())),
  });
  const response = await server.get();
  const body = response.text();
  for (const pair of [second, first]) {
    events!.enqueue("before ");
    server.renew(toTls(pair));
    events!.enqueue("after ");
    await serialShown(server.port, authority);
  }
  events!.close();
  equal(await body, "before after before after ");
});

Deno.test("serveHttps() misses none of many connections, however slow they are to ask, while certificates are renewed", async () => {
  await using server = start();
  let renewing = true;
  const failures: unknown[] = [];
  let answered = 0;
  const workers = Array.from({ length: 12 }, async (_, worker) => {
    while (renewing) {
      try {
        const socket = await connectTls(server.port, authority);
        if (worker % 2) await new Promise((resolve) => setTimeout(resolve, 50 * Math.random()));
        match(await ask(socket), /hello/);
        socket.destroy();
        answered++;
      } catch (error) {
        failures.push(error);
      }
    }
  });
  for (let renewals = 1; renewals <= 60; renewals++) {
    server.renew(toTls(renewals % 2 ? second : first));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  renewing = false;
  await Promise.all(workers);
  deepEqual(failures, []);
  ok(answered > 20, `${answered} requests`);
});

Deno.test("serveHttps() drops the listener of a certificate once its last connection has gone", async () => {
  const before = (await listeningPorts()).length;
  await using server = start();
  const own = async () => (await listeningPorts()).length - before;
  equal(await own(), 2);
  for (const pair of [second, first, second]) server.renew(toTls(pair));
  await eventually("unused ones are gone", async () => await own() === 2);
  const standing = await connectTls(server.port, authority);
  for (const pair of [first, second]) server.renew(toTls(pair));
  await eventually("only the used one is left", async () => await own() === 3);
  match(await ask(standing), /hello/);
  standing.destroy();
  await eventually("it is gone, too", async () => await own() === 2);
});

Deno.test("serveHttps() tells who asks, and answers nobody who goes around it", async () => {
  await using server = start({
    handler: (_, { remoteAddr: { hostname, port } }) => new Response(`${hostname}:${port}`),
  });
  for (const pair of [second, first]) {
    const socket = await connectTls(server.port, authority);
    ok((await ask(socket)).endsWith(`\r\n127.0.0.1:${socket.localPort}`));
    socket.destroy();
    server.renew(toTls(pair));
  }
  for (const port of await listeningPorts()) {
    if (port === server.port) continue;
    const socket = await connectTls(port, authority);
    match(await ask(socket), /^HTTP\/1.1 421 /);
    socket.destroy();
  }
});

Deno.test("serveHttps() does not renew by what cannot be served, and goes on", async () => {
  await using server = start();
  throws(() => server.renew({ cert: second.certificate, key: first.key }), /KeyMismatch/);
  equal(await serialShown(server.port, authority), serialOf(first));
  equal(await (await server.get()).text(), "hello");
});

const ALONE = { slots: new Slots({ most: 100, mostEach: 100 }), ownerOf: (address: string) => address };

Deno.test("An attacker who says nothing, half a request, a byte now and then, or nothing more keeps no connection; who is served does", async () => {
  const silenceMs = 400;
  const stream = () => {
    let timer: ReturnType<typeof setInterval>;
    return new ReadableStream<string>({
      start: (controller) => void (timer = setInterval(() => controller.enqueue("on "), 100)),
      cancel: () => clearInterval(timer),
    });
  };
  await using server = start({
    limits: { ...ALONE, silenceMs },
    handler: ({ url }) =>
      new Response(url.endsWith("/events") ? stream().pipeThrough(new TextEncoderStream()) : "hello"),
  });
  const served = await server.get("/events");
  const silent = await Deno.connect({ port: server.port });
  const [half, dribbling, idle] = [
    await connectTls(server.port, authority),
    await connectTls(server.port, authority),
    await connectTls(server.port, authority),
  ];
  const cut = Promise.all([half, dribbling, idle].map((socket) => {
    socket.on("error", () => {}); // no TLS alert comes before
    return new Promise((resolve) => socket.once("close", resolve));
  }));
  half.write("GET / HTTP/1.1\r\nHost: localhost\r\n");
  dribbling.write("GET / HTTP/1.1\r\nHost: localhost\r\nx: ");
  const dribble = setInterval(() => dribbling.write("x"), 50);
  match(await ask(idle), /hello/);
  await cut;
  clearInterval(dribble);
  equal(await silent.read(new Uint8Array(1)), null);
  silent.close();

  const reader = served.body!.pipeThrough(new TextDecoderStream()).getReader();
  let seen = "";
  while (seen.length < 3 * 3 * silenceMs / 100) seen += (await reader.read()).value;
  await reader.cancel();
});

Deno.test("An attacker who opens connection after connection gets some, and leaves the others to others", async () => {
  let owner = "attacker";
  let refused = 0;
  const slots = new Slots({ most: 3, mostEach: 2 });
  await using server = start({
    limits: { slots, ownerOf: () => owner, onRefused: () => refused++, silenceMs: 60_000 },
  });
  const held = [await connectTls(server.port, authority), await connectTls(server.port, authority)];
  await rejects(server.get());
  owner = "somebody";
  equal(await (await server.get()).text(), "hello");
  owner = "attacker";
  await rejects(server.get());
  equal(refused, 2);
  held.pop()!.destroy();
  await eventually("a place is free", async () => await (await server.get()).text() === "hello");
  held.pop()!.destroy();
});

Deno.test("serveHttps() ends with its signal, whoever is connected", async () => {
  const before = await listeningPorts();
  await using server = start({ graceMs: 0 });
  const silent = await Deno.connect({ port: server.port });
  const idle = await connectTls(server.port, authority);
  await ask(idle);
  server.renew(toTls(second));
  const ended = once(idle, "close");
  server.stop();
  await server.finished;
  await ended;
  equal(await silent.read(new Uint8Array(1)), null);
  silent.close();
  await rejects(Deno.connect({ port: server.port }), Deno.errors.ConnectionRefused);
  deepEqual(await listeningPorts(), before);
});

Deno.test("serveHttps() lets a request under way finish", async () => {
  const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  await using server = start({
    async handler() {
      begin();
      await mayAnswer;
      return new Response("late, but whole");
    },
  });
  const response = server.get();
  await begun;
  server.renew(toTls(second));
  server.stop();
  setTimeout(answer, 20);
  equal(await (await response).text(), "late, but whole");
});

Deno.test("serveHttps() says that a port is in use, and for what", async () => {
  await using server = start();
  throws(() => start({ address: { host: "127.0.0.1", port: server.port } }), {
    message: `Cannot listen on 127.0.0.1:${server.port} for the test: ` +
      "the port is in use by another process; stop it, or choose another port",
  });
});
