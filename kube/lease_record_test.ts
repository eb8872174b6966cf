import assert from "node:assert/strict";
import { claimLease, type LeaseSpec, newLease, releaseLease } from "./lease_record.ts";

const AT = new Date("2026-01-01T00:00:00.123Z");
const NOW = "2026-01-01T00:00:00.123000Z";
const EARLIER = "2025-12-31T23:59:58.000000Z";
const us = { identity: "us", leaseMs: 15_000 };
const claimedNow = { holderIdentity: "us", leaseDurationSeconds: 15, acquireTime: NOW, renewTime: NOW };

const claims: [name: string, before: LeaseSpec | undefined, after: LeaseSpec][] = [
  ["a new one", undefined, { ...claimedNow, leaseTransitions: 0 }],
  ["our own", { ...claimedNow, acquireTime: EARLIER, renewTime: EARLIER, leaseTransitions: 4 }, {
    ...claimedNow,
    acquireTime: EARLIER,
    leaseTransitions: 4,
  }],
  ["somebody else's", { holderIdentity: "them", leaseDurationSeconds: 60, renewTime: EARLIER, leaseTransitions: 4 }, {
    ...claimedNow,
    leaseTransitions: 5,
  }],
  ["a released one", { holderIdentity: "", leaseDurationSeconds: 1, leaseTransitions: 4 }, {
    ...claimedNow,
    leaseTransitions: 5,
  }],
  ["one without times", { holderIdentity: "us" }, { ...claimedNow, leaseTransitions: 0 }],
];
for (const [name, spec, want] of claims) {
  Deno.test(`claimLease() claims ${name}`, () => {
    const lease = { ...newLease({ namespace: "default", name: "test" }), ...(spec && { spec }) };
    assert.deepEqual(claimLease(lease, us, AT).spec, want);
  });
}

Deno.test("claimLease() keeps what others put there, and the version it was read at", () => {
  const lease = newLease({ namespace: "default", name: "test" });
  lease.metadata = { ...lease.metadata, resourceVersion: "7", labels: { a: "b" } };
  const spec = { holderIdentity: "us", strategy: "OldestEmulationVersion" } as LeaseSpec;
  const claimed = claimLease({ ...lease, spec }, us, AT);
  assert.deepEqual(claimed.metadata, lease.metadata);
  assert.equal((claimed.spec as Record<string, unknown>).strategy, "OldestEmulationVersion");
});

Deno.test("releaseLease() names no holder and ends within a second, as client-go does", () => {
  const held = claimLease(newLease({ namespace: "default", name: "test" }), us, new Date(EARLIER));
  assert.deepEqual(releaseLease(held, AT).spec, {
    leaseDurationSeconds: 1,
    acquireTime: NOW,
    renewTime: NOW,
    leaseTransitions: 0,
  });
});
