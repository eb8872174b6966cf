import { parseListenAddress } from "./address.ts";
import { messageOf } from "./errors.ts";
import { type HttpServer, serveHttp } from "./http_server.ts";

/** True, or what is wrong in plain words; a check that throws or takes too long is wrong too. */
export type Check = () => true | string | Promise<true | string>;

export interface HealthOptions {
  /** `:8080`, `127.0.0.1:0` … */
  address: string;
  /** Whether the process has to be started anew. */
  checks?: Record<string, Check>;
  /** Whether it does its work by now. */
  readiness?: Record<string, Check>;
  metrics?: { render(): Promise<{ contentType: string; body: string }> };
  checkTimeoutMs?: number;
}

/**
 * Serves `/healthz` (`{"leaderElection":"ok"}`; `degraded` and status 500 when a check fails), `/readyz` (the same, with
 * reasons instead of `degraded`, status 503) and `/metrics` until the signal fires. Every method is answered alike.
 *
 * @throws {ConfigError} when the address is malformed or in use
 */
export function serveHealth(options: HealthOptions, signal: AbortSignal): HttpServer {
  const { address, checks = {}, readiness = {}, metrics, checkTimeoutMs = 3_000 } = options;
  return serveHttp({
    address: parseListenAddress(address),
    serves: "the health endpoints",
    graceMs: 1_000,
    async handler(request) {
      switch (new URL(request.url).pathname) {
        case "/healthz":
          return answer(await runChecks(checks, checkTimeoutMs), { failure: 500, describe: () => "degraded" });
        case "/readyz":
          return answer(await runChecks(readiness, checkTimeoutMs), { failure: 503, describe: (reason) => reason });
        case "/metrics":
          if (metrics) {
            const { contentType, body } = await metrics.render();
            return new Response(body, { headers: { "content-type": contentType } });
          }
      }
      return new Response("Not found. There are /healthz, /readyz and /metrics.\n", { status: 404 });
    },
  }, signal);
}

async function runChecks(checks: Record<string, Check>, timeoutMs: number): Promise<Record<string, true | string>> {
  const results = Object.entries(checks).map(async ([name, check]) => [name, await runCheck(check, timeoutMs)]);
  return Object.fromEntries(await Promise.all(results));
}

async function runCheck(check: Check, timeoutMs: number): Promise<true | string> {
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(() => late.resolve(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
  try {
    return await Promise.race([check(), late.promise]);
  } catch (error) {
    return messageOf(error);
  } finally {
    clearTimeout(timer);
  }
}

function answer(
  results: Record<string, true | string>,
  { failure, describe }: { failure: number; describe: (reason: string) => string },
): Response {
  const body = Object.fromEntries(
    Object.entries(results).map(([name, result]) => [name, result === true ? "ok" : describe(result)]),
  );
  const status = Object.values(results).every((result) => result === true) ? 200 : failure;
  return Response.json(body, { status, headers: { "cache-control": "no-store" } });
}
