import { groupResourceName, type PermissionClaim } from "../crds/shared.ts";
import type { KubeClient } from "../kube/client.ts";
import { systemClock } from "../kube/clock.ts";
import { runController } from "../kube/controller.ts";
import { discover, type ServedResource } from "../kube/discovery.ts";
import { isAlreadyExists, isConflict, messageOf } from "../kube/errors.ts";
import { deepEqual } from "../kube/json.ts";
import type { Log } from "../kube/log.ts";
import { WorkQueue } from "../kube/queue.ts";
import type { Recorder } from "../kube/recorder.ts";
import { redactText } from "../kube/redact.ts";
import { TaskGroup } from "../kube/tasks.ts";
import { formatKey, type ObjectKey, parseKey } from "../kube/types.ts";
import type { ClaimDefinition } from "../sync/claim_definitions.ts";
import { mapNamespaces } from "../sync/mapping.ts";
import { type ClaimDeps, reconcileClaim } from "./claim.ts";
import { isClaimSettled } from "./claim_digest.ts";
import { ClaimEvidence } from "./claim_evidence.ts";
import { ClaimNews, type ClaimTrouble } from "./claim_news.ts";
import { ClaimStores } from "./claim_stores.ts";
import type { Connection } from "./connection.ts";
import type { KonnectorMetrics } from "./metrics.ts";
import { Reachability } from "./reachability.ts";

export interface ClaimSyncDeps {
  consumer: KubeClient;
  connection: Connection;
  workers: number;
  /** For Events on the app cluster. */
  recorder: Recorder;
  /** Objects of the consumer that no claim reaches, by name of the kind and key. */
  isReserved: (kind: string, key: ObjectKey) => boolean;
  log: Log;
  metrics?: KonnectorMetrics;
  /** What `report` says may have changed. */
  onChange: () => void;
}

export interface ClaimReport {
  /** How many are on both clusters. */
  objects: number;
  /** Whether that is known already. */
  isKnown: boolean;
  trouble?: ClaimTrouble;
}

/** How soon a kind that is not served is looked for again. */
const DISCOVERY_RETRY_MS = 30_000;
/** What copying takes. */
const NEEDED_VERBS = ["get", "list", "watch", "create", "patch", "delete"];

/** Keeps the copies of one claimed kind equal to their sources, from its opening to its disposal. */
export class ClaimSync implements AsyncDisposable {
  readonly definition: ClaimDefinition;
  readonly connection: Connection;
  readonly #deps: ClaimSyncDeps;
  readonly #kind: string;
  readonly #tasks: TaskGroup;
  readonly #queue = new WorkQueue();
  readonly #evidence = new ClaimEvidence();
  readonly #news: ClaimNews;
  #stores: ClaimStores | undefined;
  #reach: Reachability | undefined;
  #trouble: ClaimTrouble | undefined;
  /** The cluster of the copies does not serve the kind, or not so that it could be copied. */
  #isKindMissing = false;
  #isOpen = false;

  /** @param before settles when another sync of the same objects has ended */
  constructor(deps: ClaimSyncDeps, definition: ClaimDefinition, before: Promise<unknown>, signal: AbortSignal) {
    this.definition = definition;
    this.connection = deps.connection;
    this.#kind = groupResourceName(definition);
    this.#news = new ClaimNews({ ...deps, kind: this.#kind, owner: definition.owner });
    this.#deps = { ...deps, log: deps.log.with({ claimed: this.#kind, owner: definition.owner }) };
    this.#tasks = new TaskGroup((error) => {
      this.#deps.log.error("sync of claimed objects failed", { error });
      this.#setTrouble({ reason: "ClaimSyncFailed", message: messageOf(error) });
    }, signal);
    this.#tasks.run(async (signal) => {
      await before;
      signal.throwIfAborted();
      await this.#run(signal);
    });
  }

  /** Whether it does what this definition asks for. */
  matches(definition: ClaimDefinition): boolean {
    return deepEqual(this.definition, definition) && !this.#tasks.signal.aborted;
  }

  /** Whether there is no copy of ours. */
  get isEmpty(): boolean {
    return this.#isKindMissing || (this.#isOpen && this.#stores!.isEmpty);
  }

  /**
   * Copies on the provider whose source is missing, although nobody saw it deleted; undefined while that is not known.
   * See `ClaimNews`.
   */
  get orphans(): string[] | undefined {
    return this.#isOpen || this.#trouble ? this.#news.orphans : undefined;
  }

  /** What has come of one of the claims, or of all copies. */
  report(claim?: PermissionClaim): ClaimReport {
    const copied = this.#stores?.copied() ?? new Set();
    const claimed = claim && (this.#stores?.claimed(claim) ?? new Set());
    return {
      objects: claimed ? copied.intersection(claimed).size : copied.size,
      isKnown: this.#isOpen,
      trouble: this.#trouble ?? this.#troubleAmong(claim, claimed),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#tasks[Symbol.asyncDispose]();
  }

  #troubleAmong(claim: PermissionClaim | undefined, claimed: Set<string> | undefined): ClaimTrouble | undefined {
    const unread = this.#reach?.trouble && this.#stores?.troubleOf(claim);
    return this.#news.conflictAmong(claimed) ??
      (unread ? { reason: "ClaimSyncFailed", message: redactText(unread) } : this.#news.errorAmong(claimed));
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { connection, consumer, isReserved, workers, log, metrics } = this.#deps;
    const { owner, claims } = this.definition;
    const { serviceNamespaces, namespace: clusterNamespace } = connection;
    const resource = await this.#findKind(signal);
    if (!resource) return;
    const terms = { owner, claims, clusterNamespace, isReserved: (key: ObjectKey) => isReserved(this.#kind, key) };
    const mapping = mapNamespaces(serviceNamespaces.store, clusterNamespace);
    await using stores = new ClaimStores({
      consumer,
      provider: connection.client,
      resource,
      terms,
      mapping,
      tasks: this.#tasks,
      log,
      metrics,
    });
    this.#stores = stores;
    this.#reach = new Reachability([stores]);
    this.#tasks.run((signal) => this.#reach!.follow(this.#deps.onChange, signal));
    using _observed = metrics?.claimOpened(this.#kind, owner, () => stores.copied().size);
    stores.subscribe((end, key, change) => {
      if (end === "source") this.#evidence.sourceChanged(key, change, stores.source.digest(key) !== undefined);
      else this.#evidence.copyChanged(key, change);
      if (end === "copy" && change.before?.counts !== change.after?.counts) this.#deps.onChange();
      this.#consider(key, change.fresh);
    }, signal);
    await serviceNamespaces.synced(signal);
    stores.follow(serviceNamespaces, (namespace) => this.#reconsider(namespace), signal);
    await stores.firstLists(signal);
    this.#isOpen = true;
    for (const key of stores.keys()) this.#consider(key, false);
    log.info("sync of claimed objects started", { claims: claims.length, queued: this.#queue.depth });
    this.#deps.onChange();
    const deps: ClaimDeps = {
      terms,
      source: stores.source,
      copy: stores.copy,
      isDeletionKnown: (key) =>
        this.#evidence.isSourceDeleted(key) || connection.isNamespaceDeletionSeen(key) ||
        this.definition.mayDeleteOrphans,
      evidence: this.#evidence,
      news: this.#news,
      settled: (key) => this.#settled(key),
      log,
    };
    await runController({
      name: `claimed ${this.#kind}`,
      queue: this.#queue,
      reconcile: async (key, signal) => {
        try {
          const outcome = await reconcileClaim(deps, key, signal);
          stores.drop(key);
          this.#news.error(key);
          return outcome;
        } catch (error) {
          // Somebody else was faster; the next try sees what there is.
          if (!signal.aborted && !isConflict(error) && !isAlreadyExists(error)) this.#news.error(key, messageOf(error));
          throw error;
        }
      },
      workers,
      log,
      metrics,
    }, signal);
  }

  /** The kind, once both clusters serve it; undefined when it can never be copied. */
  async #findKind(signal: AbortSignal): Promise<ServedResource | undefined> {
    const { consumer, connection, log } = this.#deps;
    const { group, resource: plural, claims } = this.definition;
    const version = claims[0]?.version;
    while (true) {
      try {
        const [ours, theirs] = await Promise.all([discover(consumer, signal), discover(connection.client, signal)]);
        const [here, there] = [ours, theirs].map((one) => one.find({ group, plural, version }));
        this.#isKindMissing = !(this.definition.owner === "Provider" ? here : there);
        if (here && there) return this.#judgeKind(here, there);
        const side = here ? "The provider" : "This cluster";
        const name = version ? `${this.#kind} in version ${version}` : this.#kind;
        this.#setTrouble({ reason: "ClaimedKindNotServed", message: `${side} does not serve ${name}` });
      } catch (error) {
        if (signal.aborted) throw error;
        log.warn("claimed kind not looked up, trying again", { error });
        this.#setTrouble({ reason: "ClaimSyncFailed", message: redactText(messageOf(error)) });
      }
      await systemClock.sleep(DISCOVERY_RETRY_MS, signal);
    }
  }

  #judgeKind(here: ServedResource, there: ServedResource): ServedResource | undefined {
    const missing = NEEDED_VERBS.filter((verb) => ![here, there].every(({ verbs }) => verbs.includes(verb)));
    const isNamespaced = here.namespaced && there.namespaced;
    if (isNamespaced && missing.length === 0) {
      this.#setTrouble(undefined);
      return here;
    }
    this.#isKindMissing = true;
    const why = isNamespaced ? `does not support ${missing.join(", ")}` : "is cluster-scoped";
    this.#setTrouble({ reason: "UnsupportedClaimFeature", message: `${this.#kind} cannot be copied: it ${why}` });
  }

  /** Before the first lists are there, absence means nothing: objects are only kept at hand. */
  #consider(key: ObjectKey, fresh: boolean): void {
    if (!this.#isOpen) return;
    const { source, copy } = this.#stores!;
    if (!isClaimSettled(source.digest(key), copy.digest(key))) {
      this.#queue.add(formatKey(key), { priority: fresh ? "fresh" : "backlog" });
    } else this.#settled(key);
  }

  /** No event tells that a namespace's objects are elsewhere now, or nowhere. */
  #reconsider(namespace: string): void {
    for (const key of [...this.#stores!.keys(), ...Array.from(this.#news.keys, parseKey)]) {
      if (key.namespace === namespace) this.#consider(key, true);
    }
  }

  #settled(key: ObjectKey): void {
    this.#stores!.drop(key);
    this.#news.settled(key);
    if (!this.#stores!.copy.digest(key)?.isDeleting) this.#evidence.forget(key);
  }

  #setTrouble(trouble: ClaimTrouble | undefined): void {
    if (deepEqual(trouble, this.#trouble)) return;
    this.#trouble = trouble;
    this.#deps.onChange();
  }
}
