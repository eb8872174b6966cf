import { equal } from "node:assert/strict";
import { CLAIMED_FOR_LABEL, FIELD_MANAGER, RESOURCE_OWNER_ANNOTATION } from "../crds/names.ts";
import type { DynamicObject } from "../kube/types.ts";
import type { ClaimTerms } from "../sync/claim_plan.ts";
import { digestCopy, digestSource, isClaimSettled } from "./claim_digest.ts";

const key = { namespace: "default", name: "deep" };
const nested = (levels: number, field: string, leaf: string) =>
  JSON.parse(`{"${field}":`.repeat(levels) + leaf + "}".repeat(levels));

Deno.test("what is nested as deep as an API server takes it has a digest, and agrees with nothing", () => {
  const claim = { group: "example.com", resource: "things", version: "v1", selector: { owner: "Provider" as const } };
  const terms: ClaimTerms = {
    owner: "Provider",
    claims: [claim],
    clusterNamespace: "cluster-x",
    isReserved: () => false,
  };
  const fieldsV1 = { "f:spec": nested(9_000, "f:a", "{}") };
  const object: DynamicObject = {
    apiVersion: "example.com/v1",
    kind: "Thing",
    metadata: {
      ...key,
      labels: { [CLAIMED_FOR_LABEL]: "cluster-x" },
      annotations: { [RESOURCE_OWNER_ANNOTATION]: "Provider" },
      managedFields: [{ manager: FIELD_MANAGER, operation: "Apply", fieldsV1 }],
    },
    spec: nested(9_000, "a", "1.5"),
  };
  equal(isClaimSettled(digestSource(object, key, terms), digestCopy(object, terms)), false);
});
