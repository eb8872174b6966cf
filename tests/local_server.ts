import type { KeyPair } from "../playground/certificates.ts";

/** A real HTTP(S) server in this process, for answers that no API server would give. */
export interface LocalServer extends AsyncDisposable {
  /** `http://127.0.0.1:…`, or `https://…`. */
  url: string;
  port: number;
  /** Method and path with query of every request so far, e.g. `GET /version`. */
  requests: string[];
}

export type Handler = (request: Request, count: number) => Response | Promise<Response>;

/** @param handler also gets how many requests came before this one */
export function serveLocally(handler: Handler, tls?: KeyPair): LocalServer {
  const requests: string[] = [];
  const stop = new AbortController();
  const answer = async (request: Request) => {
    const { pathname, search } = new URL(request.url);
    requests.push(`${request.method} ${pathname}${search}`);
    return await handler(request, requests.length - 1);
  };
  const options = { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen() {} };
  const server = tls
    ? Deno.serve({ ...options, cert: tls.certificate, key: tls.key }, answer)
    : Deno.serve(options, answer);
  const { port } = server.addr;
  return {
    url: `${tls ? "https" : "http"}://127.0.0.1:${port}`,
    port,
    requests,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await server.finished;
    },
  };
}

/** Settles when the client has gone or given up, so that a handler can hang without outliving its test. */
export const untilGone = (request: Request): Promise<void> =>
  new Promise((resolve) => request.signal.addEventListener("abort", () => resolve(), { once: true }));
