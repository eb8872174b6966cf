import { formatListenAddress, type ListenAddress } from "./address.ts";
import { ConfigError, messageOf } from "./errors.ts";

export interface HttpServerOptions {
  address: ListenAddress;
  /** For messages: `the health endpoints`, `the web pages`. */
  serves: string;
  handler: (request: Request, info: Deno.ServeHandlerInfo<Deno.NetAddr>) => Response | Promise<Response>;
  /** PEM; without them, plain HTTP. */
  tls?: { cert: string; key: string };
  /** How long requests under way may go on after the signal; then their connections are cut. */
  graceMs?: number;
}

/** A server that listens already. */
export interface HttpServer {
  port: number;
  /** Settles after the signal, once nothing is under way. */
  finished: Promise<void>;
}

/**
 * Answers requests until the signal fires; those that do not say to which host with a 400 of its own.
 *
 * @throws {ConfigError} when it cannot listen there, saying what to change
 */
export function serveHttp(options: HttpServerOptions, signal: AbortSignal): HttpServer {
  const { address, serves, handler, tls, graceMs = 5_000 } = options;
  signal.throwIfAborted();
  const cut = new AbortController();
  let underWay = 0;
  let wake = () => {};

  const listen = (hostname: string) =>
    Deno.serve({
      ...tls,
      hostname,
      port: address.port,
      signal: cut.signal,
      onListen: () => {},
      onError: () => new Response("internal error\n", { status: 500 }),
    }, async (request, info) => {
      if (!isAddressed(request)) return new Response("The Host header is not the name of a host.\n", { status: 400 });
      underWay++;
      try {
        return await handler(request, info);
      } finally {
        if (--underWay === 0) wake();
      }
    });

  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = address.host ? listen(address.host) : listenEverywhere(listen);
  } catch (cause) {
    throw new ConfigError(`Cannot listen on ${formatListenAddress(address)} for ${serves}: ${explain(cause)}`, {
      cause,
    });
  }

  const finished = (async () => {
    await fired(signal);
    if (underWay > 0) {
      const { promise: settled, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      const timer = setTimeout(resolve, graceMs);
      await settled;
      clearTimeout(timer);
    }
    // One or the other: `shutdown` sends answers to their end, and an abort after it throws where nobody can catch it.
    if (underWay > 0) cut.abort();
    else await server.shutdown();
    await server.finished;
  })();
  return { port: server.addr.port, finished };
}

const HOST = /^(\[[0-9a-f:.]+\]|[-\w.]+)(:\d{1,5})?$/i;

/** Anything else in the place of a host would become a part of the path, or break whoever reads the URL. */
function isAddressed({ headers, url }: Request): boolean {
  const host = headers.get("host");
  return (host === null || HOST.test(host)) && URL.canParse(url);
}

/** `::` takes IPv4 too, but is missing where IPv6 is switched off. */
function listenEverywhere<T>(listen: (hostname: string) => T): T {
  try {
    return listen("::");
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse || error instanceof Deno.errors.PermissionDenied) throw error;
    return listen("0.0.0.0");
  }
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function explain(cause: unknown): string {
  if (cause instanceof Deno.errors.AddrInUse) {
    return "the port is in use by another process; stop it, or choose another port";
  }
  if (cause instanceof Deno.errors.AddrNotAvailable) return "no network interface of this machine has that address";
  if (cause instanceof Deno.errors.PermissionDenied) {
    return "this user may not listen there; choose a port of 1024 or above";
  }
  if (/lookup address|dns/i.test(messageOf(cause))) return "the host name cannot be resolved";
  return messageOf(cause);
}
