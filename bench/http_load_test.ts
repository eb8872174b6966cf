import assert from "node:assert/strict";
import { parseHead, runHttpLoad } from "./http_load.ts";

const within = () => AbortSignal.timeout(10_000);

/** Serves until the action has ended. */
async function serving(handler: Deno.ServeHandler, action: (url: URL) => Promise<void>): Promise<void> {
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, handler);
  await action(new URL(`http://127.0.0.1:${server.addr.port}/page?s=1`));
}

Deno.test("runHttpLoad() asks as often as told, with its headers, and reads pages larger than a packet", async () => {
  const asked: string[] = [];
  await serving((request) => {
    asked.push(`${new URL(request.url).search} ${request.headers.get("cookie")}`);
    return new Response("x".repeat(300_000));
  }, async (url) => {
    const timesMs = await runHttpLoad({ url, headers: { cookie: "a=b" }, connections: 3, requests: 10 }, within());
    assert.equal(timesMs.length, 10);
    assert.deepEqual(asked, Array(10).fill("?s=1 a=b"));
  });
});

Deno.test("runHttpLoad() fails when a page is refused, or another one", async () => {
  const load = { headers: {}, connections: 1, requests: 2 };
  await serving(() => new Response("no", { status: 401 }), async (url) => {
    await assert.rejects(runHttpLoad({ url, ...load }, within()), /401/);
  });
  let size = 0;
  await serving(() => new Response("x".repeat(++size)), async (url) => {
    await assert.rejects(runHttpLoad({ url, ...load }, within()), /differ: 1, 2 bytes/);
  });
});

Deno.test("parseHead() waits for the end of the head, and finds the length in any case", () => {
  assert.equal(parseHead("HTTP/1.1 200 OK\r\ncontent-le"), undefined);
  const head = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n";
  assert.deepEqual(parseHead(`${head}Hello`), { sizeBytes: head.length, bodyBytes: 12 });
  assert.throws(() => parseHead("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), /known length/);
});
