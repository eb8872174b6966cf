import { Api, type ApiOptions } from "./api.ts";
import { nextLine, parseAnswer, readText, toKubeError } from "./answers.ts";
import { type Clock, systemClock } from "./clock.ts";
import { isUnreachable, KubeError } from "./errors.ts";
import type { ClusterConfig } from "./kubeconfig.ts";
import type { Metrics } from "./metrics.ts";
import { readLines } from "./lines.ts";
import { TokenBucket } from "./token_bucket.ts";
import { type HttpAnswer, type Lane, Transport } from "./transport.ts";
import type { DynamicObject, KubeObject, Resource } from "./types.ts";

export interface KubeClientOptions {
  /** Which cluster this is, for messages: `provider`, `consumer`. */
  side?: string;
  userAgent?: string;
  /** How long a request may wait for the server before it fails with status 0. */
  timeoutMs?: number;
  /** Requests per second, watches left out, and as many at once; as many as the server takes otherwise. */
  qps?: number;
  metrics?: Metrics;
  clock?: Clock;
  /** Called right before every request that changes something; what it throws, the request fails with. */
  beforeWrite?: () => void;
}

export interface RequestOptions {
  query?: Query;
  body?: unknown;
  contentType?: string;
  accept?: string;
  /** For messages, e.g. `apply mangodbs "default/db"`; method and path otherwise. */
  action?: string;
}

export interface StreamOptions {
  query?: Query;
  /** A stream that says nothing for so long is dead. */
  silenceMs: number;
  action?: string;
  /** Called when the server has accepted the request. */
  onOpen?: () => void;
}

/** Parameters set to `undefined` are left out. */
export type Query = Record<string, string | number | boolean | undefined>;

/** Asked to wait by the server more often than this, the caller gets the error and decides. */
const MAX_WAITS = 5;

/** One API server, spoken to in the JSON it speaks: nothing is added to an object, and nothing dropped. */
export class KubeClient implements Disposable {
  readonly server: string;
  readonly side?: string;
  readonly #transport: Transport;
  readonly #options: KubeClientOptions;
  readonly #clock: Clock;
  readonly #pace: TokenBucket | undefined;

  constructor(config: ClusterConfig, options: KubeClientOptions = {}) {
    this.#transport = new Transport(config);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { qps } = options;
    this.#pace = qps ? new TokenBucket({ burst: Math.max(1, qps), perSecond: qps }, this.#clock) : undefined;
    this.server = config.server;
    this.side = options.side;
  }

  api<T extends KubeObject = DynamicObject>(resource: Resource, options: ApiOptions = {}): Api<T> {
    return new Api<T>(this, resource, options);
  }

  /**
   * Sends one request and reads its JSON answer; waits and tries again as often as the server asks for it.
   *
   * @param path below the server's URL, e.g. `/apis/apps/v1/deployments`
   * @throws {KubeError}
   */
  async request<T>(method: string, path: string, options: RequestOptions, signal: AbortSignal): Promise<T> {
    const action = options.action ?? `${method} ${path}`;
    for (let wait = 1;; wait++) {
      try {
        using answer = await this.#send("requests", method, path, options, this.#options.timeoutMs ?? 30_000, signal);
        return parseAnswer<T>(await readText(answer, signal));
      } catch (error) {
        const { retryAfterMs } = error instanceof KubeError ? error : {};
        if (retryAfterMs === undefined || wait > MAX_WAITS) throw this.#explain(error, action);
        await this.#clock.sleep(retryAfterMs, signal);
      }
    }
  }

  /** What the server says about itself: its version, e.g. `v1.33.1`, and its clock, in whole seconds. */
  async serverInfo(signal: AbortSignal): Promise<{ version: string; time?: Date }> {
    try {
      using answer = await this.#send("requests", "GET", "/version", {}, this.#options.timeoutMs ?? 30_000, signal);
      const { gitVersion } = parseAnswer<{ gitVersion?: string }>(await readText(answer, signal));
      const time = Date.parse(answer.response.headers.get("date") ?? "");
      return { version: gitVersion ?? "unknown", ...(!Number.isNaN(time) && { time: new Date(time) }) };
    } catch (error) {
      throw this.#explain(error, "read the version");
    }
  }

  /** The lines of an answer that goes on, each parsed; ends when the server ends it, throws when it falls silent. */
  async *stream<T>(path: string, options: StreamOptions, signal: AbortSignal): AsyncGenerator<T> {
    const { silenceMs, action = `watch ${path}`, onOpen, query } = options;
    try {
      using answer = await this.#send("watches", "GET", path, { query }, silenceMs, signal);
      onOpen?.();
      yield* this.#lines<T>(answer, signal);
    } catch (error) {
      throw this.#explain(error, action);
    }
  }

  async *#lines<T>(answer: HttpAnswer, signal: AbortSignal): AsyncGenerator<T> {
    const { body } = answer.response;
    if (!body) return;
    const lines = readLines(body, () => answer.extend());
    try {
      while (true) {
        const line = await nextLine(lines, signal);
        if (line === undefined) return;
        yield parseAnswer<T>(line);
      }
    } catch (error) {
      if (isUnreachable(error)) this.#transport.retire("watches");
      throw error;
    } finally {
      await lines.return(undefined).catch(() => {}); // cancels the body
    }
  }

  close(): void {
    this.#transport[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** `Cannot apply mangodbs.mangodb.com "default/db" on the provider: 403 Forbidden: …` */
  #explain(error: unknown, action: string): unknown {
    if (!(error instanceof KubeError)) return error;
    const { status, reason, retryAfterMs, cause, message } = error;
    const where = this.side ? `on the ${this.side}` : `at ${this.server}`;
    const code = status ? `${status} ${reason}`.trim() + ": " : "";
    return new KubeError(`Cannot ${action} ${where}: ${code}${message}`, { status, reason, retryAfterMs, cause });
  }

  /** @returns an answer of status 2xx */
  async #send(
    lane: Lane,
    method: string,
    path: string,
    { query, body, contentType = "application/json", accept = "application/json" }: RequestOptions,
    silenceMs: number,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const turnMs = lane === "requests" && this.#pace?.reserve();
    if (turnMs) await this.#clock.sleep(turnMs, signal);
    const headers: Record<string, string> = { accept, "user-agent": this.#options.userAgent ?? "klutch" };
    if (body !== undefined) headers["content-type"] = contentType;
    const request = {
      method,
      path: path + formatQuery(query),
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      beforeSend: method === "GET" ? undefined : this.#options.beforeWrite,
    };
    const start = performance.now();
    const done = (code: number) =>
      this.#options.metrics?.requestDone({ verb: method, code, durationMs: performance.now() - start });
    let answer: HttpAnswer;
    try {
      answer = await this.#transport.send(lane, request, silenceMs, signal);
    } catch (error) {
      if (!signal.aborted) done(0);
      throw error;
    }
    done(answer.response.status);
    if (answer.response.ok) return answer;
    using _failed = answer;
    throw toKubeError(answer.response, await readText(answer, signal));
  }
}

function formatQuery(query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return parameters.size > 0 ? `?${parameters}` : "";
}
