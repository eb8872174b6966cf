import { CONFIG_MAPS, type ConfigMap } from "../kube/resources.ts";

/** One change of one object; its resource version is its place in the history, from 1. */
export interface RecordedChange {
  type: "ADDED" | "MODIFIED" | "DELETED";
  name: string;
  value?: string;
  /** Happens where the watch does not look: only bookmarks tell that time goes on. */
  elsewhere?: boolean;
}

/** How the API server behaves; may be changed on the way. */
export interface RecordedApiOptions {
  /** How much of the history has happened when it starts; all by default. */
  happened?: number;
  /** Bytes after which the answer to the first, second … request ends, head included. */
  cuts?: number[];
  /** Whether a cut looks like the regular end of an answer. */
  cutsLookRegular?: boolean;
  /** As before Kubernetes 1.32: watches cannot begin with what exists. */
  refusesWatchList?: boolean;
  pageSize?: number;
}

/**
 * A server on a real socket that answers lists and watches of config maps out of a recorded history, and breaks off
 * wherever a test wants it.
 */
export class RecordedApi implements AsyncDisposable {
  readonly url: string;
  /** Queries of all requests, in order. */
  readonly requests: URLSearchParams[] = [];
  /** Bytes that each answer had when it ended. */
  readonly sent: number[] = [];
  readonly options: RecordedApiOptions;
  /** Positions before this one are forgotten: 410. */
  compactedBefore = 0;
  /** In place of the next answers to watches: a status, as an HTTP error or as an event. */
  readonly failures: { code: number; inStream: boolean; retryAfterSeconds?: number }[] = [];
  readonly #history: RecordedChange[];
  readonly #listener: Deno.TcpListener;
  readonly #answers = new Set<Promise<void>>();
  readonly #watchers = new Set<() => void>();
  readonly #connections = new Set<Deno.Conn>();
  #now: number;

  constructor(history: RecordedChange[], options: RecordedApiOptions = {}) {
    this.#history = history;
    this.options = options;
    this.#now = options.happened ?? history.length;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.url = `http://127.0.0.1:${this.#listener.addr.port}`;
    this.#track(this.#accept());
  }

  /** Lets the rest of the history happen, or adds to it. */
  happen(...changes: RecordedChange[]): void {
    this.#history.push(...changes);
    this.#now = this.#history.length;
    for (const wake of this.#watchers) wake();
  }

  /** Everything before now is forgotten. */
  compact(): void {
    this.compactedBefore = this.#now;
  }

  /** Names and values as of now. */
  get state(): Record<string, string | undefined> {
    return Object.fromEntries([...this.#stateAt(this.#now)].map(([name, { data }]) => [name, data?.value]).sort());
  }

  /** Ends all connections that stand. */
  cut(): void {
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
    for (const wake of this.#watchers) wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await Promise.all(this.#answers);
  }

  async #accept(): Promise<void> {
    try {
      for await (const connection of this.#listener) this.#track(this.#answer(connection));
    } catch {
      // closed
    }
  }

  async #answer(connection: Deno.Conn): Promise<void> {
    this.#connections.add(connection);
    try {
      const target = await readRequest(connection);
      if (target === undefined) return;
      const { searchParams: query } = new URL(target, this.url);
      const number = this.requests.push(query) - 1;
      this.sent[number] = 0;
      const out = new Answer(
        connection,
        this.options.cuts?.[number] ?? Infinity,
        !!this.options.cutsLookRegular,
        () => this.sent[number]! += 1,
      );
      if (query.has("watch")) await this.#watch(query, out, connection);
      else await this.#list(query, out);
    } catch {
      // cut
    } finally {
      this.#connections.delete(connection);
      try {
        connection.close();
      } catch {
        // cut
      }
    }
  }

  async #list(query: URLSearchParams, out: Answer): Promise<void> {
    // All pages show the state of the first one.
    const [at, from] = (query.get("continue") ?? `${this.#now}/0`).split("/").map(Number) as [number, number];
    const items = [...this.#stateAt(at).values()].map(({ kind: _, apiVersion: __, ...item }) => item);
    const to = from + (this.options.pageSize ?? 500);
    const metadata = { resourceVersion: String(at), continue: to < items.length ? `${at}/${to}` : undefined };
    await out.head(200);
    await out.write(JSON.stringify({ metadata, items: items.slice(from, to) }));
    await out.end();
  }

  async #watch(query: URLSearchParams, out: Answer, connection: Deno.Conn): Promise<void> {
    const failure = this.failures.shift();
    const initial = query.has("sendInitialEvents");
    let position = Number(query.get("resourceVersion") ?? 0);
    const gone = !initial && position < this.compactedBefore;
    const status = ({ code, retryAfterSeconds }: { code: number; retryAfterSeconds?: number }) =>
      JSON.stringify({ kind: "Status", code, reason: "Reason", message: "message", details: { retryAfterSeconds } });
    if (initial && this.options.refusesWatchList) return await out.whole(422, status({ code: 422 }));
    if (failure && !failure.inStream) return await out.whole(failure.code, status(failure));
    if (gone) return await out.whole(410, status({ code: 410 }));
    await out.head(200);
    const line = (type: string, object: unknown) => out.write(JSON.stringify({ type, object }) + "\n");
    if (initial) {
      for (const object of this.#stateAt(position = this.#now).values()) await line("ADDED", object);
      const annotations = { "k8s.io/initial-events-end": "true" };
      await line("BOOKMARK", { metadata: { resourceVersion: String(position), annotations } });
    }
    if (failure) {
      await out.write(`{"type":"ERROR","object":${status(failure)}}\n`);
      return await out.end();
    }
    const endsAtMs = performance.now() + Number(query.get("timeoutSeconds")) * 1000;
    while (this.#connections.has(connection)) {
      while (position < this.#now) {
        const change = this.#history[position++]!;
        if (!change.elsewhere) await line(change.type, toObject(change, position));
        if (position % 4 === 0) await line("BOOKMARK", { metadata: { resourceVersion: String(position) } });
      }
      const leftMs = endsAtMs - performance.now();
      if (leftMs <= 0) return await out.end();
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          this.#watchers.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, leftMs);
        this.#watchers.add(wake);
      });
    }
  }

  #stateAt(position: number): Map<string, ConfigMap> {
    const state = new Map<string, ConfigMap>();
    for (const [at, change] of this.#history.slice(0, position).entries()) {
      if (change.elsewhere) continue;
      if (change.type === "DELETED") state.delete(change.name);
      else state.set(change.name, toObject(change, at + 1));
    }
    return state;
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#answers.delete(tracked));
    this.#answers.add(tracked);
  }
}

const toObject = ({ name, value }: RecordedChange, version: number): ConfigMap => ({
  kind: CONFIG_MAPS.kind,
  apiVersion: CONFIG_MAPS.version,
  metadata: { name, namespace: "ns", resourceVersion: String(version) },
  ...(value !== undefined && { data: { value } }),
});

/** Reads one request without body; undefined when the client leaves. */
async function readRequest(connection: Deno.Conn): Promise<string | undefined> {
  const buffer = new Uint8Array(4096);
  let text = "";
  while (!text.includes("\r\n\r\n")) {
    const count = await connection.read(buffer);
    if (count === null) return undefined;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return text.split(" ", 2)[1];
}

/** A chunked HTTP answer that ends after so many bytes. */
class Answer {
  readonly #connection: Deno.Conn;
  readonly #plain: boolean;
  readonly #count: () => void;
  #left: number;

  constructor(connection: Deno.Conn, left: number, plain: boolean, count: () => void) {
    this.#connection = connection;
    this.#left = left;
    this.#plain = plain; // without chunks, the end of the connection is the end of the answer
    this.#count = count;
  }

  head(status: number): Promise<void> {
    const framing = this.#plain ? "" : "transfer-encoding: chunked\r\n";
    return this.#raw(`HTTP/1.1 ${status} \r\ncontent-type: application/json\r\nconnection: close\r\n${framing}\r\n`);
  }

  async write(text: string): Promise<void> {
    const { length } = new TextEncoder().encode(text);
    await this.#raw(this.#plain ? text : `${length.toString(16)}\r\n${text}\r\n`);
  }

  async end(): Promise<void> {
    if (!this.#plain) await this.#raw("0\r\n\r\n");
  }

  async whole(status: number, text: string): Promise<void> {
    await this.head(status);
    await this.write(text);
    await this.end();
  }

  async #raw(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text).subarray(0, this.#left);
    this.#left -= bytes.length;
    for (let sent = 0; sent < bytes.length;) sent += await this.#connection.write(bytes.subarray(sent));
    for (const _ of bytes) this.#count();
    if (this.#left <= 0) throw new Error("cut");
  }
}
