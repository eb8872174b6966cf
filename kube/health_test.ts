import assert from "node:assert/strict";
import { ConfigError } from "./errors.ts";
import { type HealthOptions, serveHealth } from "./health.ts";
import { createMetrics } from "./metrics.ts";

async function withHealth(options: Omit<HealthOptions, "address">, use: (url: string) => Promise<void>) {
  const own = new AbortController();
  const { port, finished } = serveHealth({ address: "127.0.0.1:0", ...options }, own.signal);
  try {
    await use(`http://127.0.0.1:${port}`);
  } finally {
    own.abort();
    await finished;
  }
}

async function get(url: string, method = "GET"): Promise<[status: number, body: string]> {
  const response = await fetch(url, { method });
  return [response.status, await response.text()];
}

Deno.test("/healthz answers one key per check, to every method", () =>
  withHealth({ checks: { leaderElection: () => true } }, async (url) => {
    for (const method of ["GET", "POST", "DELETE"]) {
      assert.deepEqual(await get(`${url}/healthz`, method), [200, '{"leaderElection":"ok"}']);
    }
    assert.deepEqual(await get(`${url}/healthz`, "HEAD"), [200, ""]);
  }));

Deno.test("/healthz is degraded and 500 when one of several checks fails, and tells strangers no more", () =>
  withHealth(
    { checks: { leaderElection: () => "not renewed for 30 s", other: () => Promise.resolve(true) } },
    async (url) => {
      assert.deepEqual(await get(`${url}/healthz`), [500, '{"leaderElection":"degraded","other":"ok"}']);
    },
  ));

Deno.test("/readyz gives reasons in words, also of checks that throw or never answer", () =>
  withHealth({
    checkTimeoutMs: 50,
    readiness: {
      bindings: () => "the first list is still coming",
      provider: () => Promise.reject(new Error("connection refused")),
      consumer: () => new Promise(() => {}),
      fine: () => true,
    },
  }, async (url) => {
    const [status, body] = await get(`${url}/readyz`);
    assert.equal(status, 503);
    assert.deepEqual(JSON.parse(body), {
      bindings: "the first list is still coming",
      provider: "connection refused",
      consumer: "no answer within 0.05 s",
      fine: "ok",
    });
  }));

Deno.test("checks are asked anew each time", () => {
  let ready = false;
  return withHealth({ readiness: { started: () => ready || "starting" } }, async (url) => {
    assert.equal((await get(`${url}/readyz`))[0], 503);
    ready = true;
    assert.deepEqual(await get(`${url}/readyz`), [200, '{"started":"ok"}']);
  });
});

Deno.test("without checks everything is well", () =>
  withHealth({}, async (url) => {
    assert.deepEqual(await get(`${url}/healthz`), [200, "{}"]);
    assert.deepEqual(await get(`${url}/readyz`), [200, "{}"]);
  }));

Deno.test("/metrics is what the registry renders, in the format Prometheus asks for", async () => {
  const metrics = await createMetrics({ prefix: "test_" });
  metrics.watchRestarted("mangodbs.mangodb.com", "error");
  await withHealth({ metrics }, async (url) => {
    const response = await fetch(`${url}/metrics`);
    assert.match(response.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
    assert.match(await response.text(), /^test_watch_restarts_total\{.*\} 1$/m);
  });
});

Deno.test("there is nothing else, and no /metrics without a registry", () =>
  withHealth({}, async (url) => {
    for (const path of ["/", "/metrics", "/healthz/x"]) assert.equal((await get(url + path))[0], 404);
  }));

Deno.test("serveHealth() refuses a malformed address", () => {
  assert.throws(() => serveHealth({ address: "8080" }, new AbortController().signal), ConfigError);
});
