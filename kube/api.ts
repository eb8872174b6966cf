import type { KubeClient, RequestOptions } from "./client.ts";
import { isNotFound } from "./errors.ts";
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

const PAGE_SIZE = 500;

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
