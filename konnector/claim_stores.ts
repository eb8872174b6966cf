import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import { CLAIMED_FOR_LABEL } from "../crds/names.ts";
import type { PermissionClaim } from "../crds/shared.ts";
import type { KubeClient } from "../kube/client.ts";
import { Deadline } from "../kube/deadline.ts";
import { type Change, Informer, type Scope } from "../kube/informer.ts";
import { deepEqual } from "../kube/json.ts";
import type { Log } from "../kube/log.ts";
import type { Metrics } from "../kube/metrics.ts";
import { Scopes } from "../kube/scopes.ts";
import type { TaskGroup } from "../kube/tasks.ts";
import { type DynamicObject, formatKey, keyOf, type ObjectKey, type Resource } from "../kube/types.ts";
import type { ClaimTerms } from "../sync/claim_plan.ts";
import { isForbiddenNamespace, reachesNamespace, requestsOf } from "../sync/claim_rules.ts";
import type { Mapping } from "../sync/mapping.ts";
import type { ClaimSide } from "./claim.ts";
import { type ClaimDigest, digestCopy, digestSource } from "./claim_digest.ts";
import { InHand } from "./in_hand.ts";

export interface ClaimStoresOptions {
  consumer: KubeClient;
  provider: KubeClient;
  resource: Resource;
  terms: ClaimTerms;
  mapping: Mapping;
  /** What its watches belong to. */
  tasks: TaskGroup;
  log: Log;
  metrics?: Metrics;
}

type ClaimInformer = Informer<DynamicObject, ClaimDigest>;
type ClaimChange = Change<ClaimDigest, DynamicObject>;

/** What one claim is about, by one of its label selectors. */
interface Source {
  claim: PermissionClaim;
  labelSelector?: string;
  fieldSelectors: (string | undefined)[];
  informer: ClaimInformer;
  scopes: Scopes;
}

/** Objects of one side kept whole while their key waits. */
const IN_HAND_LIMIT = 500;
/** How long the first lists are waited for; what is not listed by then is read when it is needed. */
const FIRST_LISTS_MS = 10_000;

/**
 * What is known of one claimed kind: the owner's objects, asked for as narrowly as the claims allow, and our copies,
 * which are found by their label. Nobody asks for anything else on the copies' cluster.
 */
export class ClaimStores implements AsyncDisposable {
  readonly copyInformer: ClaimInformer;
  readonly source: ClaimSide;
  readonly copy: ClaimSide & { accept(object: DynamicObject): void };
  readonly #options: ClaimStoresOptions;
  readonly #sources: Source[];
  readonly #copyScopes: Scopes;
  readonly #inHand = { source: new InHand(IN_HAND_LIMIT), copy: new InHand(IN_HAND_LIMIT) };

  constructor(options: ClaimStoresOptions) {
    const { terms, mapping, resource, tasks, log, metrics } = options;
    this.#options = options;
    const consumer = {
      api: options.consumer.api(resource),
      keyOf: (key: ObjectKey) => mapping.toProvider(key) && key,
      consumerKeyOf: (key: ObjectKey) => mapping.toProvider(key) && key,
    };
    const provider = {
      api: options.provider.api(resource),
      keyOf: (key: ObjectKey) => mapping.toProvider(key),
      consumerKeyOf: (key: ObjectKey) => mapping.toConsumer(key),
    };
    const [source, copy] = terms.owner === "Provider" ? [provider, consumer] : [consumer, provider];
    this.#sources = terms.claims.flatMap((claim) => {
      const { labelSelectors, fieldSelectors } = requestsOf(claim);
      return labelSelectors.map((labelSelector) => {
        const own = { ...terms, claims: [claim] };
        const project = (object: DynamicObject) => digestSource(object, source.consumerKeyOf(keyOf(object)), own);
        const informer = new Informer(source.api, { log, metrics, project });
        return { claim, labelSelector, fieldSelectors, informer, scopes: new Scopes(informer, tasks) };
      });
    });
    const project = (object: DynamicObject) => digestCopy(object, terms);
    this.copyInformer = new Informer(copy.api, { log, metrics, project });
    this.#copyScopes = new Scopes(this.copyInformer, tasks);
    this.source = {
      ...source,
      digest: (key) => this.#sourceDigest(source.keyOf(key)),
      inHand: (key, { resourceVersion }) => this.#inHand.source.get(formatKey(key), resourceVersion),
    };
    this.copy = {
      ...copy,
      digest: (key) => {
        const own = copy.keyOf(key);
        return own && this.copyInformer.store.get(own);
      },
      inHand: (key, { resourceVersion }) => this.#inHand.copy.get(formatKey(key), resourceVersion),
      accept: (object) => this.copyInformer.accept(object),
    };
  }

  /**
   * Tells of every change until the signal fires; changes of objects whose namespace is not mapped are nobody's.
   *
   * @param listener key is the consumer's
   */
  subscribe(listener: (end: "source" | "copy", key: ObjectKey, change: ClaimChange) => void, signal: AbortSignal) {
    const tell = (end: "source" | "copy", change: ClaimChange) => {
      const key = this[end].consumerKeyOf(change.key);
      if (!key) return;
      if (change.object) this.#inHand[end].put(formatKey(key), change.object);
      listener(end, key, change);
    };
    for (const { informer } of this.#sources) informer.subscribe((change) => tell("source", change), signal);
    this.copyInformer.subscribe((change) => tell("copy", change), signal);
  }

  /**
   * Watches mapped namespaces as they come and go, until the signal fires.
   *
   * @param onRemapped called with a namespace of the consumer that has got another counterpart, or lost it
   */
  follow(
    serviceNamespaces: Informer<APIServiceNamespace>,
    onRemapped: (namespace: string) => void,
    signal: AbortSignal,
  ): void {
    const { owner, clusterNamespace } = this.#options.terms;
    const labelSelector = `${CLAIMED_FOR_LABEL}=${clusterNamespace}`;
    if (owner === "Provider") this.#copyScopes.add("*", { labelSelector });
    serviceNamespaces.subscribe(({ key: { name }, before, after }) => {
      const [was, is] = [before?.status?.namespace, after?.status?.namespace];
      if (was === is) return;
      onRemapped(name);
      if (was) this.#unfollow(name);
      if (!is || isForbiddenNamespace(name) || isForbiddenNamespace(is)) return;
      if (owner === "Consumer") this.#copyScopes.add(name, { namespace: is, labelSelector });
      for (const { claim, labelSelector, fieldSelectors, scopes } of this.#sources) {
        if (!reachesNamespace(claim, name)) continue;
        const scope: Scope = { namespace: owner === "Provider" ? is : name, labelSelector };
        fieldSelectors.forEach((fieldSelector, at) => scopes.add(`${name}/${at}`, { ...scope, fieldSelector }));
      }
    }, signal);
  }

  /** Settles when all that is watched has been listed, or has had its time. */
  async firstLists(signal: AbortSignal): Promise<void> {
    using deadline = new Deadline(FIRST_LISTS_MS, signal);
    await Promise.allSettled(this.#watched.map((informer) => informer.synced(deadline.signal)));
    signal.throwIfAborted();
  }

  /** Whether all that is watched has been listed. */
  get isSynced(): boolean {
    return this.#watched.every(({ isSynced }) => isSynced);
  }

  /** Why a watch is down. */
  get trouble(): string | undefined {
    return troubleAmong(this.#watched);
  }

  /** Consumer keys of all that is known. */
  *keys(): Iterable<ObjectKey> {
    for (const { informer } of this.#sources) yield* keysOf(informer, this.source);
    yield* keysOf(this.copyInformer, this.copy);
  }

  /** Consumer keys of the owner's objects that one claim is about. */
  claimed(claim: PermissionClaim): Set<string> {
    const keys = new Set<string>();
    for (const source of this.#sources) {
      if (deepEqual(source.claim, claim)) { for (const key of counted(source.informer, this.source)) keys.add(key); }
    }
    return keys;
  }

  /** Consumer keys of our copies. */
  copied(): Set<string> {
    return new Set(counted(this.copyInformer, this.copy));
  }

  /** Whether no copy of ours is left, as far as lists can tell; whoever forbids us to look takes them away themselves. */
  get isEmpty(): boolean {
    if (this.copyInformer.isForbidden) return true;
    const isListed = this.#copyScopes.size === 0 || this.copyInformer.isSynced;
    return isListed && this.copied().size === 0;
  }

  /** Why a watch is down that the claim needs. */
  troubleOf(claim: PermissionClaim | undefined): string | undefined {
    const needed = this.#sources.filter((source) => deepEqual(source.claim, claim)).map(({ informer }) => informer);
    return troubleAmong([this.copyInformer, ...needed]);
  }

  /** The objects of a key are not needed whole any more. */
  drop(key: ObjectKey): void {
    this.#inHand.source.drop(formatKey(key));
    this.#inHand.copy.drop(formatKey(key));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const scopes = [this.#copyScopes, ...this.#sources.map(({ scopes }) => scopes)];
    await Promise.all(scopes.map((one) => one[Symbol.asyncDispose]()));
  }

  get #watched(): ClaimInformer[] {
    const ends = [...this.#sources, { informer: this.copyInformer, scopes: this.#copyScopes }];
    return ends.filter(({ scopes }) => scopes.size > 0).map(({ informer }) => informer);
  }

  #unfollow(namespace: string): void {
    if (this.#options.terms.owner === "Consumer") this.#copyScopes.drop(namespace);
    for (const { scopes, fieldSelectors } of this.#sources) {
      fieldSelectors.forEach((_, at) => scopes.drop(`${namespace}/${at}`));
    }
  }

  #sourceDigest(own: ObjectKey | undefined): ClaimDigest | undefined {
    if (!own) return undefined;
    const known = this.#sources.flatMap(({ informer }) => informer.store.get(own) ?? []);
    return known.find(({ counts }) => counts) ?? known[0];
  }
}

type Located = Pick<ClaimSide, "consumerKeyOf">;

function* keysOf({ store }: ClaimInformer, end: Located): Iterable<ObjectKey> {
  for (const own of store.keys()) {
    const key = end.consumerKeyOf(own);
    if (key) yield key;
  }
}

function* counted({ store }: ClaimInformer, end: Located): Iterable<string> {
  for (const own of store.keys()) {
    const key = store.get(own)!.counts && end.consumerKeyOf(own);
    if (key) yield formatKey(key);
  }
}

const troubleAmong = (informers: readonly ClaimInformer[]): string | undefined =>
  informers.find(({ trouble }) => trouble !== undefined)?.trouble;
