import { isDeepStrictEqual } from "node:util";
import type { Api } from "./api.ts";
import type { KubeClient } from "./client.ts";
import { type Clock, systemClock } from "./clock.ts";
import { isAlreadyExists, isConflict, isNotFound, KubeError, messageOf } from "./errors.ts";
import { Leadership, LeaseLostError } from "./leadership.ts";
import { claimLease, type Lease, type LeaseSpec, newLease, releaseLease } from "./lease_record.ts";
import type { Log } from "./log.ts";
import { LEASES } from "./resources.ts";

export interface LeaseOptions {
  /** Not the one that `leadership` guards, as its requests go on while others are refused. */
  client: KubeClient;
  namespace: string;
  name: string;
  /** No two processes may have the same at one time; the name of the pod. */
  identity: string;
  log: Log;
  /** Where to ask whether we lead; hand it to those who write. */
  leadership?: Leadership;
  /** A leader that could not renew for so long stops. */
  renewDeadlineMs?: number;
  retryMs?: number;
  clock?: Clock;
  random?: () => number;
}

/** Giving the lease back at the end may take so long. */
const RELEASE_MS = 3_000;

/**
 * Runs `lead` while this process holds the Lease, and tries for the Lease again when it was lost and `lead` has settled.
 * The signal that `lead` gets fires when the lease is lost or `signal` fires; the lease is renewed until `lead` settles,
 * and then given back. Settles when `signal` has fired, or `lead` ended by itself. Works side by side with client-go's
 * leader election.
 *
 * @throws what `lead` throws while it leads
 * @see k8s.io/client-go/tools/leaderelection, whose times and fields these are
 */
export async function runAsLeader(
  options: LeaseOptions,
  lead: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const election = new Election(options);
  try {
    do await election.acquire(signal); while (await election.leadOnce(lead, signal) === "lost");
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

class Election {
  readonly #api: Api<Lease>;
  readonly #key: { namespace: string; name: string };
  readonly #identity: string;
  readonly #leadership: Leadership;
  readonly #renewDeadlineMs: number;
  readonly #retryMs: number;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #log: Log;
  /** As last written by us; the next write needs no read then. */
  #lease: Lease | undefined;
  /** The sign of life of whoever holds it, and when we first saw it. */
  #observed: { spec: LeaseSpec; atMs: number } = { spec: {}, atMs: 0 };
  #lastHolder: string | undefined;
  #lastTrouble: string | undefined;

  constructor(options: LeaseOptions) {
    const { client, namespace, name, identity, clock = systemClock, random = Math.random, log } = options;
    const { leadership = new Leadership({ clock }), renewDeadlineMs = 10_000, retryMs = 2_000 } = options;
    if (!identity) throw new RangeError("a leader needs an identity that no other process has");
    if (!(leadership.heldMs >= renewDeadlineMs && renewDeadlineMs > retryMs)) {
      throw new RangeError("the lease has to be longer than the renew deadline, and that longer than the retry time");
    }
    this.#api = client.api<Lease>(LEASES);
    this.#key = { namespace, name };
    this.#identity = identity;
    this.#leadership = leadership;
    this.#renewDeadlineMs = renewDeadlineMs;
    this.#retryMs = retryMs;
    this.#clock = clock;
    this.#random = random;
    this.#log = log.with({ lease: this.#key, identity });
  }

  /** Tries until the lease is ours. */
  async acquire(signal: AbortSignal): Promise<void> {
    while (!(await this.#tryFor(this.#renewDeadlineMs, "standby", signal))) {
      await this.#clock.sleep(this.#retryMs * (1 + 0.2 * this.#random()), signal);
    }
    this.#log.info("became the leader");
  }

  /** Runs `lead` once, renewing the lease until it settles. */
  async leadOnce(
    lead: (signal: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<"lost" | "finished"> {
    const leading = new AbortController();
    const settled = new AbortController();
    const stop = () => leading.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    const renewing = this.#renewUntil(settled.signal, (error) => leading.abort(error));
    try {
      await lead(leading.signal);
    } catch (error) {
      if (!leading.signal.aborted) throw error;
    } finally {
      signal.removeEventListener("abort", stop);
      settled.abort(new DOMException("no longer leading", "AbortError"));
      await renewing;
      await this.#end();
    }
    return leading.signal.reason instanceof LeaseLostError && !signal.aborted ? "lost" : "finished";
  }

  /** Ends when the signal fires, or after `onLoss` when the lease can no longer be kept. */
  async #renewUntil(settled: AbortSignal, onLoss: (error: LeaseLostError) => void): Promise<void> {
    const lose = (why: string) => {
      this.#log.warn("lost the lease", { why });
      this.#leadership.lost();
      onLoss(new LeaseLostError(`Lost the lease "${this.#key.namespace}/${this.#key.name}": ${why}`));
    };
    // Measured each time anew: after a suspension the time is up, whatever was begun before.
    const leftMs = () => this.#renewDeadlineMs - this.#leadership.sinceRenewalMs;
    let triedAtMs = this.#clock.monotonicMs();
    try {
      while (true) {
        const pauseMs = Math.min(triedAtMs + this.#retryMs - this.#clock.monotonicMs(), leftMs());
        if (pauseMs > 0) await this.#clock.sleep(pauseMs, settled);
        if (leftMs() <= 0) return lose(this.#lastTrouble ?? "the process was stopped, or the machine asleep");
        triedAtMs = this.#clock.monotonicMs();
        // A part of the time only, as a request that got lost must not be the last one.
        const kept = await this.#tryFor(Math.min(leftMs(), this.#renewDeadlineMs / 3), "leader", settled);
        const { holderIdentity } = this.#observed.spec;
        if (!kept && holderIdentity !== this.#identity) return lose(`${holderIdentity} took it`);
      }
    } catch (error) {
      if (!settled.aborted) throw error;
    }
  }

  /** One attempt to take or renew the lease; failures of the API server are no exceptions here. */
  async #tryFor(ms: number, as: "standby" | "leader", signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    const own = new AbortController();
    const stop = () => own.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    const cancel = this.#clock.after(ms, () => own.abort(new KubeError("no answer in time", { status: 0 })));
    try {
      const held = await this.#tryOnce(as, own.signal);
      this.#lastTrouble = undefined;
      return held;
    } catch (error) {
      signal.throwIfAborted();
      if (as === "standby" && !(error instanceof KubeError)) throw error; // a leader stops first, and finds it again
      const trouble = messageOf(error);
      if (trouble !== this.#lastTrouble) this.#log.warn("cannot reach the lease, trying again", { as, error });
      this.#lastTrouble = trouble;
      return false;
    } finally {
      cancel();
      signal.removeEventListener("abort", stop);
    }
  }

  async #tryOnce(as: "standby" | "leader", signal: AbortSignal): Promise<boolean> {
    const moment = this.#leadership.moment();
    let written: Lease | undefined;
    const known = this.#lease;
    this.#lease = undefined; // a write that fails leaves us in doubt, so that the next one reads first
    if (known) written = await unlessChanged(this.#api.replace(this.#claimed(known), signal));
    if (!written) {
      const lease = await this.#api.find(this.#key, signal);
      if (lease) this.#observe(lease);
      if (!this.#mayTake(as)) return false; // also not when somebody deleted it: its leader does not know yet
      written = await unlessChanged(
        lease
          ? this.#api.replace(this.#claimed(lease), signal)
          : this.#api.create(this.#claimed(newLease(this.#key)), signal),
      );
    }
    if (!written) return false;
    this.#lease = written;
    this.#observe(written);
    this.#leadership.renewed(moment);
    return true;
  }

  #mayTake(as: "standby" | "leader"): boolean {
    const { spec, atMs } = this.#observed;
    const holder = spec.holderIdentity;
    if (!holder || holder === this.#identity) return true;
    if (as === "leader") return false;
    if (holder !== this.#lastHolder) this.#log.info("another process leads, standing by", { holder });
    this.#lastHolder = holder;
    // Counted from when we saw it, as clocks differ; and never by the wall clock, which may jump over a living leader.
    const validMs = spec.leaseDurationSeconds ? spec.leaseDurationSeconds * 1000 : this.#leadership.leaseMs;
    return this.#clock.monotonicMs() - atMs >= validMs;
  }

  #observe({ spec = {} }: Lease): void {
    if (!isDeepStrictEqual(spec, this.#observed.spec)) this.#observed = { spec, atMs: this.#clock.monotonicMs() };
  }

  #claimed(lease: Lease): Lease {
    return claimLease(lease, { identity: this.#identity, leaseMs: this.#leadership.leaseMs }, this.#clock.now());
  }

  /** Lets the next one take over at once, if the lease is still ours. */
  async #end(): Promise<void> {
    const isOurs = this.#leadership.isHeld;
    const known = this.#lease; // unknown when a renewal was under way
    this.#leadership.ended();
    this.#lease = undefined;
    if (!isOurs) return;
    const own = new AbortController();
    const cancel = this.#clock.after(RELEASE_MS, () => own.abort(new DOMException("took too long", "TimeoutError")));
    try {
      const lease = known ?? await this.#api.find(this.#key, own.signal);
      if (lease?.spec?.holderIdentity !== this.#identity) return;
      await this.#api.replace(releaseLease(lease, this.#clock.now()), own.signal);
      this.#log.info("released the lease");
    } catch (error) {
      this.#log.warn("the lease was not released, others wait until it expires", { error });
    } finally {
      cancel();
    }
  }
}

/** Undefined when another writer was faster, or there is nothing to replace any more. */
async function unlessChanged(write: Promise<Lease>): Promise<Lease | undefined> {
  try {
    return await write;
  } catch (error) {
    if (isConflict(error) || isAlreadyExists(error) || isNotFound(error)) return undefined;
    throw error;
  }
}
