import { Deadline } from "./deadline.ts";
import { KubeError, messageOf } from "./errors.ts";
import type { ClusterConfig, Credentials } from "./kubeconfig.ts";
import { openServerNameHop, type ServerNameHop } from "./server_name_hop.ts";

export interface HttpRequest {
  method: string;
  /** Path and query below the server's URL. */
  path: string;
  headers: Record<string, string>;
  body?: string;
}

/** An answer whose body may still be coming; `extend` restarts the time it may be silent, `close` ends it. */
export interface HttpAnswer extends Disposable {
  response: Response;
  extend(): void;
}

/** Watches have connections of their own: as many as there are watches, and never in the way of a request. */
export type Lane = "requests" | "watches";

/**
 * HTTP/1.1 to one API server. A request that times out or breaks retires the connections of its lane, as a half-open
 * one would fail every request after it too; other requests under way keep theirs.
 */
export class Transport implements Disposable {
  readonly #config: ClusterConfig;
  readonly #lanes = new Map<Lane, { http: Deno.HttpClient; identity: string }>();
  #hop: Promise<ServerNameHop> | undefined;
  #closed = false;

  constructor(config: ClusterConfig) {
    this.#config = config;
  }

  get server(): string {
    return this.#config.server;
  }

  /**
   * @param silenceMs how long the server may say nothing, until the head of the answer and between parts of its body
   * @throws {KubeError} with status 0 when no answer comes
   */
  async send(lane: Lane, request: HttpRequest, silenceMs: number, signal: AbortSignal): Promise<HttpAnswer> {
    const credentials = await this.#config.credentials(false, signal);
    const answer = await this.#sendOnce(lane, request, silenceMs, credentials, signal);
    if (answer.response.status !== 401) return answer;
    const renewed = await this.#config.credentials(true, signal); // a token may have been replaced meanwhile
    if (renewed === credentials) return answer;
    await answer.response.body?.cancel();
    answer[Symbol.dispose]();
    return await this.#sendOnce(lane, request, silenceMs, renewed, signal);
  }

  /** Connections of this lane are not used again. */
  retire(lane: Lane): void {
    this.#lanes.get(lane)?.http.close();
    this.#lanes.delete(lane);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.retire("requests");
    this.retire("watches");
    this.#hop?.then((hop) => hop[Symbol.dispose](), () => {});
  }

  async #sendOnce(
    lane: Lane,
    request: HttpRequest,
    silenceMs: number,
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    signal.throwIfAborted();
    if (this.#closed) throw new KubeError("the client is closed", { status: 0 });
    const { base, http } = await this.#connect(lane, credentials);
    const deadline = new Deadline(silenceMs, signal);
    try {
      const response = await fetch(base + request.path, {
        method: request.method,
        headers: { ...request.headers, ...credentials.headers },
        body: request.body,
        redirect: "error", // credentials never follow a redirect
        signal: deadline.signal,
        client: http,
      });
      return {
        response,
        extend: () => deadline.extend(),
        [Symbol.dispose]: () => deadline[Symbol.dispose](),
      };
    } catch (cause) {
      deadline[Symbol.dispose]();
      if (signal.aborted) throw signal.reason;
      this.retire(lane);
      throw new KubeError(connectionFailure(cause), { status: 0, cause });
    }
  }

  async #connect(lane: Lane, { clientCertificate }: Credentials): Promise<{ base: string; http: Deno.HttpClient }> {
    const { caData, proxyUrl, server, tlsServerName } = this.#config;
    let base = server;
    let proxy = proxyUrl;
    if (tlsServerName) {
      const hop = await (this.#hop ??= openServerNameHop({ server, tlsServerName, proxyUrl }));
      base = hop.server;
      proxy = hop.proxyUrl;
    }
    const identity = clientCertificate ? clientCertificate.certificate + clientCertificate.key : "";
    const open = this.#lanes.get(lane);
    if (open?.identity === identity) return { base, http: open.http };
    open?.http.close();
    const http = Deno.createHttpClient({
      caCerts: caData ? [caData] : undefined,
      ...(clientCertificate && { cert: clientCertificate.certificate, key: clientCertificate.key }),
      ...(proxy && { proxy: { url: proxy } }),
      http1: true,
      http2: false,
      poolMaxIdlePerHost: 64,
      poolIdleTimeout: 30_000,
    });
    this.#lanes.set(lane, { http, identity });
    return { base, http };
  }
}

/** What `fetch` says is long and starts with the URL; the part that tells why comes last. */
function connectionFailure(cause: unknown): string {
  const text = messageOf(cause);
  if (/invalid peer certificate/.test(text)) return `the server's certificate does not verify (${lastPart(text)})`;
  if (/Connection refused/i.test(text)) return "connection refused";
  if (/dns error|lookup address/i.test(text)) return "the host name cannot be resolved";
  return lastPart(text);
}

const lastPart = (text: string) => text.split(/: (?=[^:]*$)/).at(-1) ?? text;
