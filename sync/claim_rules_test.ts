import assert from "node:assert/strict";
import type { PermissionClaim } from "../crds/shared.ts";
import { refusalOf, requestsOf, unsupportedParts } from "./claim_rules.ts";

const claim = (rest: Partial<PermissionClaim> = {}): PermissionClaim => ({
  group: "",
  resource: "configmaps",
  version: "v1",
  ...rest,
});

Deno.test("refusalOf() refuses what hands out rights, parts of objects, and bound APIs", () => {
  const refused: [group: string, resource: string][] = [
    ["rbac.authorization.k8s.io", "roles"],
    ["rbac.authorization.k8s.io", "clusterrolebindings"],
    ["admissionregistration.k8s.io", "validatingwebhookconfigurations"],
    ["apiextensions.k8s.io", "customresourcedefinitions"],
    ["apiregistration.k8s.io", "apiservices"],
    ["certificates.k8s.io", "certificatesigningrequests"],
    ["", "nodes"],
    ["", "namespaces"],
    ["", "serviceaccounts/token"],
    ["klutch.anynines.com", "apiservicebindings"],
    ["mangodb.com", "mangodbs"],
  ];
  const bound = new Set(["mangodbs.mangodb.com"]);
  for (const [group, resource] of refused) assert.ok(refusalOf(claim({ group, resource }), bound), resource);
  for (const [group, resource] of [["", "secrets"], ["apps", "deployments"], ["example.com", "nodes"]] as const) {
    assert.equal(refusalOf(claim({ group, resource }), bound), undefined);
  }
});

Deno.test("unsupportedParts() tells what is left out from what would copy too much", () => {
  assert.deepEqual(unsupportedParts(claim({ read: {}, onConflict: {}, update: { alwaysRecreate: true } })), {
    ignored: [],
    restricting: [],
  });
  assert.deepEqual(
    unsupportedParts(claim({
      autoAdopt: true,
      update: { fields: ["a"], labels: [], preserving: ["b"] },
      read: { labels: [{ pattern: "a" }], overrideAnnotations: [{ pattern: "a" }] },
      selector: { fieldSelectors: ["type=a"] },
    })),
    {
      ignored: ["autoAdopt", "read.overrideAnnotations", "update.fields", "update.preserving"],
      restricting: ["selector.fieldSelectors", "read.labels"],
    },
  );
});

const requests: [name: string, claim: PermissionClaim, ReturnType<typeof requestsOf>][] = [
  ["asks for everything when everything is claimed", claim({ selector: { names: ["*"], namespaces: ["*"] } }), {
    labelSelectors: [undefined],
    fieldSelectors: [undefined],
  }],
  ["asks for names", claim({ selector: { names: ["a", "b", "a"] } }), {
    labelSelectors: [undefined],
    fieldSelectors: ["metadata.name=a", "metadata.name=b"],
  }],
  ["asks once when there are many names", claim({ selector: { names: ["a", "b", "c", "d", "e"] } }), {
    labelSelectors: [undefined],
    fieldSelectors: [undefined],
  }],
  ["asks for labels", claim({ selector: { labelSelectors: [{ a: "1", b: "2" }, { c: "" }] } }), {
    labelSelectors: ["a=1,b=2", "c="],
    fieldSelectors: [undefined],
  }],
  ["asks for all when one alternative is everything", claim({ selector: { labelSelectors: [{ a: "1" }, {}] } }), {
    labelSelectors: [undefined],
    fieldSelectors: [undefined],
  }],
  ["never asks for tokens", claim({ resource: "secrets", selector: { names: ["a"] } }), {
    labelSelectors: [undefined],
    fieldSelectors: ["metadata.name=a,type!=kubernetes.io/service-account-token"],
  }],
];
for (const [name, claim, want] of requests) {
  Deno.test(`requestsOf() ${name}`, () => assert.deepEqual(requestsOf(claim), want));
}
