import assert from "node:assert/strict";
import { mayBeBound, mayBeClaimed } from "./protected_apis.ts";

for (
  const group of [
    "",
    "apps",
    "batch",
    "rbac.authorization.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "gateway.networking.k8s.io",
    "k8s.io",
    "kubernetes.io",
    "policy.kubernetes.io",
    "klutch.anynines.com",
    "example-backend.klutch.anynines.com",
    "bind.klutch.anynines.com",
  ]
) {
  Deno.test(`no API of group "${group}" may be bound`, () => assert.equal(mayBeBound(group), false));
}

for (const group of ["anynines.com", "mangodb.com", "notk8s.io", "k8s.io.example.com", "xklutch.anynines.com"]) {
  Deno.test(`APIs of group "${group}" may be bound`, () => assert.equal(mayBeBound(group), true));
}

Deno.test("objects that hand out no rights may be claimed", () => {
  assert.equal(mayBeClaimed({ group: "", resource: "secrets" }), true);
  assert.equal(mayBeClaimed({ group: "apps", resource: "deployments" }), true);
  assert.equal(mayBeClaimed({ group: "", resource: "nodes" }), false);
  assert.equal(mayBeClaimed({ group: "rbac.authorization.k8s.io", resource: "roles" }), false);
  assert.equal(mayBeClaimed({ group: "klutch.anynines.com", resource: "apiservicebindings" }), false);
});
