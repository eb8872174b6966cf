import assert from "node:assert/strict";
import type { APIServiceBinding, ClaimStatus } from "../crds/api_service_binding.ts";
import { API_SERVICE_BINDINGS, API_VERSION } from "../crds/names.ts";
import type { AcceptablePermissionClaim } from "../crds/shared.ts";
import { findCondition } from "../kube/conditions.ts";
import { leavingClaims } from "../sync/claim_definitions.ts";
import { judgeClaims } from "../sync/claim_judgement.ts";
import { type ClaimOutcome, claimStatus } from "./claim_status.ts";
import type { ClaimReport } from "./claim_sync.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
const SECRETS: AcceptablePermissionClaim = {
  group: "",
  resource: "secrets",
  version: "v1",
  selector: { owner: "Provider" },
  state: "Accepted",
};

const binding = (permissionClaims: AcceptablePermissionClaim[], claims?: ClaimStatus[]): APIServiceBinding => ({
  apiVersion: API_VERSION,
  kind: API_SERVICE_BINDINGS.kind,
  metadata: { name: "mangodbs.mangodb.com" },
  spec: {
    kubeconfigSecretRef: { namespace: "klutch-bind", name: "kubeconfig", key: "kubeconfig" },
    permissionClaims,
  },
  status: { claims },
});

const BOUND = new Set(["mangodbs.mangodb.com"]);

function told(object: APIServiceBinding, ...reports: ClaimReport[]) {
  const judgement = judgeClaims(object, BOUND);
  const outcomes: ClaimOutcome[] = judgement.effective.map((claim) => ({ claim, reports }));
  const { conditions, claims } = claimStatus(object, [], judgement, outcomes, NOW);
  const reasonOf = (type: string) => {
    const condition = findCondition(conditions, type);
    return condition && (condition.reason ?? condition.status);
  };
  return { supported: reasonOf("ClaimsSupported"), inSync: reasonOf("ClaimsInSync"), claims };
}

Deno.test("claimStatus() says how many objects there are because of a claim", () => {
  assert.deepEqual(told(binding([SECRETS]), { objects: 2, isKnown: true }), {
    supported: "True",
    inSync: "True",
    claims: [{ resource: "secrets", owner: "Provider", objects: 2 }],
  });
});

Deno.test("claimStatus() adds up both owners, and shows what went wrong with one", () => {
  const trouble = { reason: "ClaimConflict" as const, message: "in the way" };
  const both = binding([{ ...SECRETS, selector: {} }]);
  assert.deepEqual(told(both, { objects: 2, isKnown: true }, { objects: 1, isKnown: true, trouble }), {
    supported: "True",
    inSync: "ClaimConflict",
    claims: [{ resource: "secrets", objects: 3, message: "in the way" }],
  });
});

Deno.test("claimStatus() leaves everything as it was until it is known", () => {
  const before = [{ resource: "secrets", objects: 7 }];
  assert.deepEqual(told(binding([SECRETS], before), { objects: 0, isKnown: false }), {
    supported: undefined,
    inSync: undefined,
    claims: before,
  });
});

Deno.test("claimStatus() forgets claims that are gone with all their copies", () => {
  assert.deepEqual(told(binding([], [{ resource: "secrets", objects: 0 }])), {
    supported: undefined,
    inSync: undefined,
    claims: undefined,
  });
});

Deno.test("judgeClaims() reports the worst first, and acts on what is left", () => {
  const object = binding([
    { ...SECRETS, autoAdopt: true },
    { ...SECRETS, selector: { fieldSelectors: ["type=Opaque"] } },
    { ...SECRETS, resource: "configmaps", state: "Rejected", required: true },
    { ...SECRETS, resource: "pods", state: "Rejected" },
    { ...SECRETS, resource: "nodes" },
    { ...SECRETS, group: "mangodb.com", resource: "mangodbs" },
  ]);
  const { effective, problems } = judgeClaims(object, BOUND);
  assert.deepEqual(problems.map(({ reason }) => reason), [
    "ClaimRefused",
    "ClaimRefused",
    "RequiredClaimRejected",
    "UnsupportedClaimFeature",
    "UnsupportedClaimFeature",
  ]);
  const { state: _state, ...claim } = SECRETS;
  assert.deepEqual(effective, [{ ...claim, autoAdopt: true }]);
});

Deno.test("leavingClaims() finds what was claimed before, each owner by itself", () => {
  const before = [{ resource: "secrets", objects: 1 }, { group: "apps", resource: "deployments", objects: 0 }];
  const object = binding([SECRETS], before);
  const leaving = leavingClaims(object, judgeClaims(object, BOUND).effective);
  assert.deepEqual(leaving.map(({ resource, selector }) => `${resource} ${selector?.owner}`), [
    "secrets Consumer",
    "deployments Provider",
    "deployments Consumer",
  ]);
});
