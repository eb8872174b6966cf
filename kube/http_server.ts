import type { ListenAddress } from "./address.ts";
import { listenOn } from "./listen.ts";
import { fired } from "./tasks.ts";

/** How long requests under way may go on, unless somebody says otherwise. */
export const GRACE_MS = 5_000;

export interface HttpServerOptions {
  address: ListenAddress;
  /** For messages: `the health endpoints`, `the web pages`. */
  serves: string;
  handler: (request: Request, peer: Peer) => Response | Promise<Response>;
  /** PEM; without them, plain HTTP. */
  tls?: Deno.TlsCertifiedKeyPem;
  /** How long requests under way may go on after the signal, 5 s by default; then their connections are cut. */
  graceMs?: number;
}

/** Who sends a request. */
export interface Peer {
  remoteAddr: Deno.NetAddr;
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
  const { address, serves, handler, tls, graceMs = GRACE_MS } = options;
  signal.throwIfAborted();
  const cut = new AbortController();
  let underWay = 0;
  let wake = () => {};

  const server = listenOn({ address, serves }, (address) =>
    Deno.serve({
      ...address,
      ...tls,
      signal: cut.signal,
      onListen: () => {},
      onError: () => new Response("internal error\n", { status: 500 }),
    }, async (request, peer) => {
      if (!isAddressed(request)) return new Response("The Host header is not the name of a host.\n", { status: 400 });
      underWay++;
      try {
        return await handler(request, peer);
      } finally {
        if (--underWay === 0) wake();
      }
    }));

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
