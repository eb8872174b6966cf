import { formatMicroTime } from "./time.ts";
import type { KubeObject, ObjectKey } from "./types.ts";

/** Who leads, and until when; the fields client-go reads and writes. */
export interface Lease extends KubeObject {
  spec?: LeaseSpec;
}

export interface LeaseSpec {
  /** Absent when nobody holds it. */
  holderIdentity?: string | null;
  leaseDurationSeconds?: number | null;
  acquireTime?: string | null;
  renewTime?: string | null;
  /** How often it went from one holder to another. */
  leaseTransitions?: number | null;
}

/** A Lease nobody has held yet. */
export const newLease = (key: ObjectKey): Lease => ({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { ...key },
});

/** The lease with a sign of life of this holder, who may be a new one. */
export function claimLease(lease: Lease, holder: { identity: string; leaseMs: number }, at: Date): Lease {
  const { spec } = lease;
  const now = formatMicroTime(at);
  const isOurs = spec?.holderIdentity === holder.identity;
  const transitions = spec?.leaseTransitions ?? 0;
  return {
    ...lease,
    spec: {
      ...spec,
      holderIdentity: holder.identity,
      leaseDurationSeconds: Math.ceil(holder.leaseMs / 1000),
      acquireTime: isOurs && spec.acquireTime ? spec.acquireTime : now,
      renewTime: now,
      leaseTransitions: isOurs || !spec ? transitions : transitions + 1,
    },
  };
}

/** The lease without its holder, so that the next one need not wait. */
export function releaseLease(lease: Lease, at: Date): Lease {
  const { holderIdentity: _former, ...rest } = lease.spec ?? {};
  const now = formatMicroTime(at);
  return { ...lease, spec: { ...rest, leaseDurationSeconds: 1, acquireTime: now, renewTime: now } };
}
