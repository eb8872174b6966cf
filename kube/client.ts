import { nextLine, parseAnswer, readText, toKubeError } from "./answers.ts";
import { type Clock, systemClock } from "./clock.ts";
import { isNotFound, isUnreachable, KubeError } from "./errors.ts";
import type { ClusterConfig } from "./kubeconfig.ts";
import type { Metrics } from "./metrics.ts";
import { readLines } from "./lines.ts";
import { TokenBucket } from "./token_bucket.ts";
import { type HttpAnswer, type Lane, Transport } from "./transport.ts";
import {
  apiVersionOf,
  type DynamicObject,
  formatKey,
  isDeleting,
  type KubeObject,
  type NewObject,
  type ObjectKey,
  type Resource,
  resourceName,
} from "./types.ts";

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

export interface ListOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

export interface List<T> {
  items: T[];
  resourceVersion: string;
}

export interface WatchOptions extends ListOptions {
  /** Where to go on; absent together with `sendInitialEvents` for a watch that begins with what exists. */
  resourceVersion?: string;
  sendInitialEvents?: boolean;
  /** The server closes the stream after that long, and it is opened again. */
  timeoutSeconds: number;
  /** A stream that is silent for so long is dead; bookmarks come every 60 s. */
  silenceMs: number;
  /** Called when the server has accepted the watch. */
  onOpen?: () => void;
}

export interface WatchEvent<T> {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: T;
}

export interface ApplyOptions {
  fieldManager: string;
  /** Takes fields over that another manager owns. */
  force?: boolean;
}

export interface ApiOptions {
  /** Writes are answered as if they had been done, admission included, and nothing is done. */
  isDryRun?: boolean;
}

export interface DeleteOptions {
  /** Only the object with this uid is deleted, never one of the same name made later. */
  uid?: string;
  resourceVersion?: string;
  propagationPolicy?: "Foreground" | "Background" | "Orphan";
}

/** One operation of RFC 6902. */
export type JsonPatchOperation =
  | { op: "add" | "replace" | "test"; path: string; value: unknown }
  | { op: "remove"; path: string };

/** Asked to wait by the server more often than this, the caller gets the error and decides. */
const MAX_WAITS = 5;
const PAGE_SIZE = 500;

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

/** One resource of one API server. */
export class Api<T extends KubeObject = DynamicObject> {
  readonly client: KubeClient;
  readonly resource: Resource;
  /** See `ApiOptions`. */
  readonly isDryRun: boolean;

  constructor(client: KubeClient, resource: Resource, { isDryRun = false }: ApiOptions = {}) {
    this.client = client;
    this.resource = resource;
    this.isDryRun = isDryRun;
  }

  /** @throws {KubeError} also when there is no such object */
  get(key: ObjectKey, signal: AbortSignal): Promise<T> {
    return this.#request("get", key, "GET", this.#path(key), {}, signal);
  }

  /** Undefined when there is no such object; that there is no such resource, or no such path, is an error. */
  async find(key: ObjectKey, signal: AbortSignal): Promise<T | undefined> {
    try {
      return await this.get(key, signal);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async list(options: ListOptions, signal: AbortSignal): Promise<List<T>> {
    const items: T[] = [];
    let resourceVersion = "";
    for await (const page of this.listPages(options, signal)) {
      items.push(...page.items);
      resourceVersion = page.resourceVersion;
    }
    return { items, resourceVersion };
  }

  /** All objects, 500 at a time; every page has the same resource version. */
  async *listPages(options: ListOptions, signal: AbortSignal): AsyncGenerator<List<T>> {
    const { namespace, ...selectors } = options;
    let token: string | undefined;
    do {
      const query = { ...selectors, limit: PAGE_SIZE, continue: token };
      const page = await this.#request<RawList<T>>("list", { namespace }, "GET", this.#path({ namespace }), {
        query,
      }, signal);
      // Items of a list carry neither kind nor apiVersion.
      const kind = { apiVersion: apiVersionOf(this.resource), kind: this.resource.kind };
      yield {
        items: (page.items ?? []).map((item) => ({ ...kind, ...item })),
        resourceVersion: page.metadata?.resourceVersion ?? "",
      };
      token = page.metadata?.continue || undefined;
    } while (token);
  }

  create(object: NewObject<T> | T, signal: AbortSignal): Promise<T> {
    return this.createAs(object, {}, signal);
  }

  /** Creates the object under the name of a field manager, which otherwise is the program's. */
  createAs(object: NewObject<T> | T, query: { fieldManager?: string }, signal: AbortSignal): Promise<T> {
    const { namespace, name, generateName } = object.metadata as T["metadata"];
    const key = { namespace, name: name ?? `${generateName}…` };
    this.#path(key); // a missing namespace would create nothing, and the answer would not tell why
    return this.#request("create", key, "POST", this.#path({ namespace }), { query, body: object }, signal);
  }

  /** Replaces the object; its `resourceVersion` says which state of it the change was made from. */
  replace(object: T, signal: AbortSignal): Promise<T> {
    return this.#request("update", object.metadata, "PUT", this.#path(object.metadata), { body: object }, signal);
  }

  replaceStatus(object: T, signal: AbortSignal): Promise<T> {
    const path = this.#path(object.metadata, "status");
    return this.#request("update the status of", object.metadata, "PUT", path, { body: object }, signal);
  }

  /** Server-side apply: the manager owns what the object says, and what it no longer says is removed. */
  apply(object: T, options: ApplyOptions, signal: AbortSignal): Promise<T> {
    const { fieldManager, force } = options;
    const query = { fieldManager, force: force ? true : undefined };
    return this.#request("apply", object.metadata, "PATCH", this.#path(object.metadata), {
      query,
      body: object,
      contentType: "application/apply-patch+yaml", // JSON is YAML
    }, signal);
  }

  /** A merge patch; put `uid` and `resourceVersion` into its `metadata` to guard it. */
  mergePatch(key: ObjectKey, patch: object, options: { subresource?: "status" }, signal: AbortSignal): Promise<T> {
    return this.#patch(key, patch, "application/merge-patch+json", options, signal);
  }

  /** @throws {KubeError} with status 422 when a `test` operation does not hold */
  jsonPatch(
    key: ObjectKey,
    operations: JsonPatchOperation[],
    options: { subresource?: "status" },
    signal: AbortSignal,
  ): Promise<T> {
    return this.#patch(key, operations, "application/json-patch+json", options, signal);
  }

  /** Deletes the object; one that is not there is deleted already. */
  async delete(key: ObjectKey, options: DeleteOptions, signal: AbortSignal): Promise<void> {
    await this.beginDelete(key, options, signal);
  }

  /**
   * As `delete`.
   *
   * @returns the object if finalizers hold it
   */
  async beginDelete(key: ObjectKey, options: DeleteOptions, signal: AbortSignal): Promise<T | undefined> {
    const { uid, resourceVersion, propagationPolicy } = options;
    const preconditions = uid || resourceVersion ? { uid, resourceVersion } : undefined;
    const dryRun = this.isDryRun ? ["All"] : undefined; // with a body, the query does not count
    const body = { apiVersion: "v1", kind: "DeleteOptions", preconditions, propagationPolicy, dryRun };
    try {
      const answer = await this.#request("delete", key, "DELETE", this.#path(key), { body }, signal);
      return isDeleting(answer) && answer.metadata.finalizers?.length ? answer : undefined;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** The events of one watch connection; informers resume it and start over as needed. */
  async *watch(options: WatchOptions, signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
    const { namespace, silenceMs, onOpen, sendInitialEvents, ...rest } = options;
    const query = {
      ...rest,
      watch: true,
      allowWatchBookmarks: true,
      ...(sendInitialEvents && { sendInitialEvents, resourceVersionMatch: "NotOlderThan" }),
    };
    const action = this.#describe("watch", { namespace });
    yield* this.client.stream<WatchEvent<T>>(this.#path({ namespace }), { query, silenceMs, action, onOpen }, signal);
  }

  #patch(
    key: ObjectKey,
    body: unknown,
    contentType: string,
    { subresource }: { subresource?: "status" },
    signal: AbortSignal,
  ): Promise<T> {
    const action = subresource ? "patch the status of" : "patch";
    return this.#request(action, key, "PATCH", this.#path(key, subresource), { body, contentType }, signal);
  }

  #request<R = T>(
    verb: string,
    key: Partial<ObjectKey>,
    method: string,
    path: string,
    options: RequestOptions,
    signal: AbortSignal,
  ): Promise<R> {
    const query = this.isDryRun && method !== "GET" ? { ...options.query, dryRun: "All" } : options.query;
    return this.client.request<R>(method, path, { ...options, query, action: this.#describe(verb, key) }, signal);
  }

  /** `apply mangodbs.mangodb.com "default/db"` */
  #describe(verb: string, { namespace, name }: Partial<ObjectKey>): string {
    const which = name ? ` "${formatKey({ namespace, name })}"` : namespace ? ` in namespace "${namespace}"` : "";
    return `${verb} ${resourceName(this.resource)}${which}`;
  }

  #path({ namespace, name }: Partial<ObjectKey>, subresource?: "status"): string {
    const { group, version, plural, namespaced } = this.resource;
    if (namespaced && name && !namespace) {
      throw new TypeError(`Cannot address ${this.#describe("", { name }).trim()}: its namespace is missing`);
    }
    const parts = group ? ["apis", group, version] : ["api", version];
    if (namespaced && namespace) parts.push("namespaces", namespace);
    parts.push(plural);
    if (name) parts.push(name);
    if (subresource) parts.push(subresource);
    // URLs drop these, and lead somewhere else.
    if (parts.some((part) => part === "." || part === "..")) {
      throw new TypeError(
        `Cannot address ${this.#describe("", { namespace, name }).trim()}: no object has such a name`,
      );
    }
    return "/" + parts.map(encodeURIComponent).join("/");
  }
}

interface RawList<T> {
  metadata?: { resourceVersion?: string; continue?: string };
  items?: T[] | null;
}

function formatQuery(query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return parameters.size > 0 ? `?${parameters}` : "";
}
