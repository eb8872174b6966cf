import type { KubeClient } from "../kube/client.ts";
import type { Clock } from "../kube/clock.ts";
import { KubeError } from "../kube/errors.ts";
import type { Lease } from "../kube/lease_record.ts";

/** What the network does to one request: how long each way takes, or where it gets lost. */
export interface Delivery {
  thereMs: number;
  backMs: number;
  lost?: "there" | "back";
}

/** An API server with one Lease, as strict about resource versions as a real one. */
export class FakeLeases {
  lease: Lease | undefined;
  writes = 0;
  #version = 0;

  /** The server as one process reaches it: over its network, answers arriving on its clock. */
  clientFor({ clock, network, deliver }: {
    clock: Clock;
    network: () => Delivery;
    deliver: (ms: number, action: () => void) => void;
  }): KubeClient {
    const send = <T>(handle: () => T, signal: AbortSignal): Promise<T> =>
      new Promise((resolve, reject) => {
        const { thereMs, backMs, lost } = network();
        const cancel = () => reject(signal.reason);
        if (signal.aborted) return cancel();
        signal.addEventListener("abort", cancel, { once: true });
        if (lost === "there") return;
        deliver(thereMs, () => {
          let settle: () => void;
          try {
            const answer = handle();
            settle = () => resolve(answer);
          } catch (error) {
            settle = () => reject(error);
          }
          if (lost !== "back") clock.after(backMs, settle);
        });
      });
    const api = {
      find: (_key: unknown, signal: AbortSignal) => send(() => structuredClone(this.lease), signal),
      create: (lease: Lease, signal: AbortSignal) => send(() => this.create(lease), signal),
      replace: (lease: Lease, signal: AbortSignal) => send(() => this.replace(lease), signal),
    };
    return { api: () => api } as unknown as KubeClient;
  }

  create(lease: Lease): Lease {
    if (this.lease) throw new KubeError("already exists", { status: 409, reason: "AlreadyExists" });
    return this.#store(lease);
  }

  replace(lease: Lease): Lease {
    if (!this.lease) throw new KubeError("not found", { status: 404, reason: "NotFound" });
    if (lease.metadata.resourceVersion !== this.lease.metadata.resourceVersion) {
      throw new KubeError("the object has been modified", { status: 409, reason: "Conflict" });
    }
    return this.#store(lease);
  }

  #store(lease: Lease): Lease {
    this.writes++;
    const metadata = { ...lease.metadata, resourceVersion: String(++this.#version) };
    this.lease = structuredClone({ ...lease, metadata });
    return structuredClone(this.lease);
  }
}
