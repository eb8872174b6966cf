import { env } from "node:process";
import { Deadline } from "./deadline.ts";
import { ConfigError, KubeError, messageOf } from "./errors.ts";
import { deepEqual } from "./json.ts";
import type { ClusterConfig, Credentials } from "./kubeconfig.ts";
import { openServerNameHop, type ServerNameHop } from "./server_name_hop.ts";

export interface HttpRequest {
  method: string;
  /** Path and query below the server's URL. */
  path: string;
  headers: Record<string, string>;
  body?: string;
  /** Called at the last moment; what it throws, the request fails with. */
  beforeSend?: () => void;
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
  #hop: ServerNameHop | undefined;
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
    let renewed: Credentials;
    try {
      renewed = await this.#config.credentials(true, signal); // a token may have been replaced meanwhile
    } catch (error) {
      await discard(answer);
      throw error;
    }
    if (deepEqual(renewed, credentials)) return answer;
    await discard(answer);
    return await this.#sendOnce(lane, request, silenceMs, renewed, signal);
  }

  /** Connections of this lane are not used again; requests under way on them go on. */
  retire(lane: Lane, only?: Deno.HttpClient): void {
    const open = this.#lanes.get(lane);
    if (!open || (only && only !== open.http)) return; // replaced already
    open.http.close();
    this.#lanes.delete(lane);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.retire("requests");
    this.retire("watches");
    this.#hop?.[Symbol.dispose]();
    this.#hop = undefined;
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
    // No await from here to fetch: until then another request that fails could close this client.
    const { base, http } = this.#connect(lane, credentials);
    request.beforeSend?.();
    const deadline = new Deadline(silenceMs, signal);
    try {
      const response = await fetch(base + request.path, {
        method: request.method,
        headers: { ...request.headers, ...credentials.headers },
        body: request.body,
        redirect: "manual", // credentials never follow a redirect
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
      this.retire(lane, http);
      throw new KubeError(connectionFailure(this.#hop?.failure ?? messageOf(cause)), { status: 0 });
    }
  }

  #connect(lane: Lane, { clientCertificate }: Credentials): { base: string; http: Deno.HttpClient } {
    const { caData, proxyUrl, server, tlsServerName } = this.#config;
    if (tlsServerName) {
      this.#hop ??= openServerNameHop({ server, tlsServerName, proxyUrl });
      this.#hop.failure = undefined;
    }
    const base = this.#hop?.server ?? server;
    const proxy = this.#hop?.proxyUrl ?? proxyUrl;
    const identity = clientCertificate ? clientCertificate.certificate + clientCertificate.key : "";
    const open = this.#lanes.get(lane);
    if (open?.identity === identity) return { base, http: open.http };
    open?.http.close();
    const options: Deno.CreateHttpClientOptions = {
      caCerts: caData ? [caData] : undefined,
      ...(clientCertificate && { cert: clientCertificate.certificate, key: clientCertificate.key }),
      ...(proxy && { proxy: { url: proxy } }),
      http1: true,
      http2: false,
      poolMaxIdlePerHost: 64,
      poolIdleTimeout: 30_000,
    };
    let http: Deno.HttpClient;
    try {
      http = without(misleadingVariables(base, proxy), () => Deno.createHttpClient(options));
    } catch (cause) {
      throw new ConfigError(`Cannot connect to ${server}`, { cause }); // a proxy-url that is none
    }
    this.#lanes.set(lane, { http, identity });
    return { base, http };
  }
}

async function discard(answer: HttpAnswer): Promise<void> {
  await answer.response.body?.cancel();
  answer[Symbol.dispose]();
}

/**
 * A client reads the proxy variables of the environment when it is made, and NO_PROXY goes before the proxy it is given:
 * around the hop for `tls-server-name` it would look for that name in DNS. And as in kubectl, a server on this machine
 * is not looked for behind a proxy.
 */
function misleadingVariables(base: string, proxy: string | undefined): string[] {
  if (proxy) return ["NO_PROXY"];
  return /^(localhost|127\..*|\[::1\])$/.test(new URL(base).hostname) ? ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"] : [];
}

function without<T>(variables: string[], action: () => T): T {
  const hidden = variables.flatMap((name) => [name, name.toLowerCase()]).map((name) => [name, env[name]] as const);
  for (const [name] of hidden) delete env[name];
  try {
    return action();
  } finally {
    for (const [name, value] of hidden) if (value !== undefined) env[name] = value;
  }
}

/** What `fetch` says is long and starts with the URL; the part that tells why comes last. */
function connectionFailure(text: string): string {
  if (/invalid peer certificate/.test(text)) return `the server's certificate does not verify (${lastPart(text)})`;
  if (/Connection refused/i.test(text)) return "connection refused";
  if (/dns error|lookup address/i.test(text)) return "the host name cannot be resolved";
  return lastPart(text);
}

const lastPart = (text: string) => text.split(/: (?=[^:]*$)/).at(-1) ?? text;
