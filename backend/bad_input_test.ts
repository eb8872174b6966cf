import assert, { deepEqual, equal, match } from "node:assert/strict";
import fc from "fast-check";
import { eventually, provider } from "../tests/clusters.ts";
import { Contract } from "./openapi_fixture.ts";
import { Replica } from "./replica_fixture.ts";

// Bytes on the wire, at a backend that runs: what no client library would send is sent here.

const text = new TextEncoder();

/** Sends bytes as they are; what comes back until the server closes, or has nothing more to say. */
async function send(address: string, bytes: string | Uint8Array, patienceMs = 8000): Promise<string> {
  const { hostname, port } = new URL(address);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const timer = setTimeout(() => {
    try {
      connection.close();
    } catch {
      // The server was just faster.
    }
  }, patienceMs);
  const writer = connection.writable.getWriter();
  writer.write(typeof bytes === "string" ? text.encode(bytes) : bytes).catch(() => {}); // it may be refused unread
  let answer = "";
  try {
    for await (const chunk of connection.readable.pipeThrough(new TextDecoderStream())) answer += chunk;
  } catch {
    // Cut off: what came before counts.
  } finally {
    clearTimeout(timer);
  }
  return answer;
}

const statusOf = (answer: string): number | undefined => {
  const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(answer) ?? [];
  return status ? Number(status) : undefined;
};

/** The first answer on a connection. */
function toResponse(answer: string): Response {
  const end = answer.indexOf("\r\n\r\n");
  const lines = answer.slice(0, end).split("\r\n").slice(1);
  const headers = new Headers(lines.map((line) => line.split(/: ?(.*)/s, 2) as [string, string]));
  const body = answer.slice(end + 4).slice(0, Number(headers.get("content-length")));
  return new Response(body, { status: statusOf(answer), headers });
}

const LOGIN = "/authorize?p=4711&s=Abc123&c=cl1";
const FORM = "Content-Type: application/x-www-form-urlencoded";

const get = (target: string, ...headers: string[]) =>
  [`GET ${target} HTTP/1.1`, "Connection: close", ...headers, "", ""].join("\r\n");
const post = (body: string, ...headers: string[]) =>
  ["POST /response HTTP/1.1", "Host: x", "Connection: close", FORM, ...headers, "", body].join("\r\n");

function withBytesAt(request: string, at: number, bytes: Uint8Array): Uint8Array {
  return new Uint8Array([...text.encode(request.slice(0, at)), ...bytes, ...text.encode(request.slice(at))]);
}

const cases: [name: string, request: string | Uint8Array, status: number][] = [
  ...["a b", "evil.example:99999", "[", "%zz", "", "a/export?", "x@evil.example", "a, evil.example", "1:2:3"]
    .map((host): [string, string, number] => [`Host: ${host}`, get(LOGIN, `Host: ${host}`), 400]),
  ["two Host headers", get(LOGIN, "Host: x", "Host: evil.example"), 400],
  ["another host in the request line", get(`http://evil.example:99999${LOGIN}`, "Host: x"), 400],
  ["a path that could be a host", get("//evil.example/export", "Host: x"), 404],
  ["a tunnel", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\nConnection: close\r\n\r\n", 404],
  ["a method of its own", get("/export", "Host: x").replace("GET", "EVIL"), 405],
  ["no HTTP", "\x16\x03\x01\x02\r\n\r\n", 400],
  ["a header of 1 MB", get("/export", "Host: x", `X: ${"a".repeat(1_000_000)}`), 431],
  ["5000 headers", get("/export", "Host: x", ...Array.from({ length: 5000 }, (_, index) => `x${index}: y`)), 431],
  ["an address of 20 KB", get(`/export?${"a".repeat(20_000)}`, "Host: x"), 414],
  ["an address of 200 KB", get(`/export?${"a".repeat(200_000)}`, "Host: x"), 414],
  ["a cookie of 60 KB", get("/resources?s=Abc123", "Host: x", `Cookie: klutch-bind-Abc123=${"a".repeat(60_000)}`), 401],
  ["a zero byte in a cookie", get("/resources?s=Abc123", "Host: x", "Cookie: a=\0"), 400],
  ["a token that is no text", get("/api/apis", "Host: x", "Authorization: Bearer \xff\0"), 400],
  ["a token of 17 KB", get("/api/apis", "Host: x", `Authorization: Bearer ${"a".repeat(17_000)}`), 401],
  ["two tokens", get("/api/apis", "Host: x", "Authorization: Bearer a.b.c", "Authorization: Bearer d.e.f"), 401],
  ["a form of 10 MB", post("a".repeat(10_000_000), "Content-Length: 10000000"), 413],
  ["a form that says it is endless", post("a".repeat(100_000), "Content-Length: 99999999999"), 413],
  ["a form of a negative size", post("", "Content-Length: -1"), 400],
  ["a form in broken chunks", post("zz\r\nabc", "Transfer-Encoding: chunked"), 400],
  ["a form that stops in the middle", post("code=", "Content-Length: 100"), 408],
];

Deno.test("What is no request is refused by a backend that runs on, reflects nothing and shows no inside", async (t) => {
  using cluster = await provider();
  await using namespace = await cluster.namespace("bad-input");
  const backend = new Replica("a", cluster.kubeconfigPath, namespace.name);
  try {
    const isReady = () => ["issuer reached", "backend ready"].every((one) => backend.messages.includes(one));
    await eventually("it is ready", isReady);
    const { address } = backend;
    const inside = /evil\.example|\bat .*:\d+:\d+|Error:/;

    await Promise.all(cases.map(([name, request, status]) =>
      t.step({
        name,
        sanitizeOps: false,
        sanitizeResources: false,
        sanitizeExit: false,
        async fn() {
          const answer = await send(address, request);
          equal(statusOf(answer), status, answer.slice(0, 200));
          equal(inside.exec(answer), null);
        },
      })
    ));

    await t.step("the Host header is in no answer, and leads nowhere", async () => {
      const forged = [
        "Host: evil.example",
        "X-Forwarded-Host: evil.example",
        "Forwarded: host=evil.example;proto=http",
      ];
      const targets = [
        "/export",
        LOGIN,
        "/callback?code=a&state=b",
        "/resources?s=Abc123",
        "/bind",
        "/logout",
        "/nowhere",
      ];
      for (const target of targets) {
        const answer = await send(address, get(target, ...forged));
        assert(statusOf(answer)! < 500, answer);
        equal(answer.includes("evil.example"), false, target);
      }
    });

    await t.step("neither random bytes nor damaged requests are answered with an error of the server's", async () => {
      const whole = fc.constantFrom(
        get(LOGIN, "Host: x"),
        get("/export", "Host: x"),
        post("code=a", "Content-Length: 6"),
      );
      const damaged = fc.tuple(whole, fc.nat(), fc.uint8Array({ maxLength: 20 })).map(([request, at, bytes]) =>
        withBytesAt(request, at % request.length, bytes)
      );
      await fc.assert(
        fc.asyncProperty(fc.oneof(damaged, fc.uint8Array({ maxLength: 200 })), async (bytes) => {
          const answer = await send(address, bytes, 200);
          assert((statusOf(answer) ?? 400) < 500, answer);
          equal(inside.exec(answer), null, answer);
        }),
        { numRuns: 200 },
      );
    });

    await t.step("to programs the app says what is wrong as its OpenAPI document promises", async () => {
      const contract = await Contract.of({ request: (path) => fetch(new URL(path, address)) });
      const whole = get("/api/apis", "Host: x", "Authorization: Bearer a.b.c", "Accept: application/json");
      const [line = ""] = whole.split("\r\n", 1);
      const said = new Set<number>();
      await fc.assert(
        fc.asyncProperty(fc.nat(whole.length), fc.uint8Array({ maxLength: 20 }), async (at, bytes) => {
          const answer = await send(address, withBytesAt(whole, Math.max(at, line.length + 2), bytes), 200);
          if (!/^content-type: application\/problem\+json\r$/m.test(answer)) return equal(statusOf(answer) ?? 400, 400);
          await contract.assertKept("GET", "/api/apis", toResponse(answer));
          said.add(statusOf(answer)!);
        }),
        { numRuns: 200 },
      );
      assert(said.has(401));
    });

    match(await send(address, get("/export", "Host: x")), /^HTTP\/1\.1 200 OK\r\n/);
    deepEqual(backend.errors, []);
  } finally {
    backend.stop.abort();
    await backend.ended;
  }
});
