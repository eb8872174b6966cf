import { deepEqual, equal } from "node:assert/strict";
import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { PermissionClaim } from "../crds/shared.ts";
import type { PolicyRule } from "../kube/resources.ts";
import type { ConsumerScope } from "./options.ts";
import { clusterNamespaceOfRole, contractRules, mappedRoleName, ruleText } from "./rbac.ts";
import { claim, serviceExport } from "./test_objects.ts";

const db = serviceExport("a", ["dbs", "x.io"], { permissionClaims: [claim("secrets"), claim("configmaps")] });
const queue = serviceExport("a", ["queues", "x.io"], { permissionClaims: [claim("secrets")] });
const wide = (one: APIServiceExport): APIServiceExport => ({
  ...one,
  spec: { ...one.spec, informerScope: "Cluster" },
});
const foo = serviceExport("a", ["foos", "bar.io"], {
  scope: "Cluster",
  informerScope: "Cluster",
  permissionClaims: [
    claim("secrets"),
    claim("nodes", { selector: { namespaces: [] } }),
    claim("quotas", { group: "bar.io", selector: { namespaces: [] } }),
  ],
});
const names = (rules: PolicyRule[]) => rules.map(({ apiGroups, resources }) => `${apiGroups}/${resources}`);

type Want = { everywhere: string[]; mapped: string[] };
const cases: [name: string, scope: ConsumerScope, exports: APIServiceExport[], want: Want][] = [
  ["grants nothing without exports", "Cluster", [], { everywhere: [], mapped: [] }],
  [
    "grants an API and its claims in mapped namespaces only, each once",
    "Namespaced",
    [queue, db],
    { everywhere: [], mapped: ["/configmaps", "/secrets", "x.io/dbs", "x.io/queues"] },
  ],
  [
    "grants an API everywhere in scope Cluster, but Secrets only in mapped namespaces",
    "Cluster",
    [wide(db)],
    { everywhere: ["x.io/dbs"], mapped: ["/configmaps", "/secrets"] },
  ],
  [
    "grants claims on cluster-scoped objects everywhere in scope Cluster, but none on those of Kubernetes itself",
    "Cluster",
    [foo],
    { everywhere: ["bar.io/foos", "bar.io/quotas"], mapped: ["/nodes", "/secrets"] },
  ],
  [
    "grants nothing everywhere in scope Namespaced, even to exports from another time",
    "Namespaced",
    [foo, wide(db)],
    { everywhere: [], mapped: ["/configmaps", "/nodes", "/secrets", "bar.io/foos", "bar.io/quotas", "x.io/dbs"] },
  ],
  [
    "leaves exports made for scope Namespaced in their namespaces",
    "Cluster",
    [queue],
    { everywhere: [], mapped: ["/secrets", "x.io/queues"] },
  ],
];
for (const [name, scope, exports, { everywhere, mapped }] of cases) {
  Deno.test(`contractRules() ${name}`, () => {
    const rules = contractRules(exports, scope);
    deepEqual(names(rules.everywhere), everywhere);
    deepEqual(names(rules.mappedNamespaces), mapped);
    deepEqual(contractRules(exports.toReversed(), scope), rules, "the order of exports must not matter");
  });
}

Deno.test("contractRules() grants the verbs of the original and no subresources", () => {
  const [rule] = contractRules([serviceExport("a", ["dbs", "x.io"])], "Namespaced").mappedNamespaces;
  deepEqual(rule, {
    apiGroups: ["x.io"],
    resources: ["dbs"],
    verbs: ["get", "list", "watch", "update", "patch", "delete", "create"],
  });
});

const ALL = "get,list,watch,update,patch,delete,create";
const secret = (selector: PermissionClaim["selector"], rest: Partial<PermissionClaim> = {}) =>
  claim("secrets", { selector, ...rest });
const claims: [name: string, claims: PermissionClaim[], mapped: string[], single?: Record<string, string[]>][] = [
  ["what the provider owns can be copied and marked only", [secret({ owner: "Provider" })], [
    "get,list,watch,update,patch secrets",
  ]],
  [
    "what the provider owns can be deleted where a deleted copy means that",
    [secret({ owner: "Provider" }, { onConflict: { recreateWhenConsumerSideDeleted: false } })],
    ["get,list,watch,update,patch,delete secrets"],
  ],
  ["what the consumer owns can be made", [secret({ owner: "Consumer" })], [`${ALL} secrets`]],
  ["without an owner either may be meant", [secret({})], [`${ALL} secrets`]],
  ["names limit what has a name", [secret({ owner: "Consumer", names: ["b", "a"] })], [
    "list,watch,create secrets",
    'get,update,patch,delete secrets "a,b"',
  ]],
  ["all names are no limit", [secret({ owner: "Provider", names: ["a", "*"] })], [
    "get,list,watch,update,patch secrets",
  ]],
  [
    "claims add up",
    [secret({ owner: "Provider", names: ["a"] }), secret({ owner: "Consumer", names: ["b"] })],
    ["list,watch,create secrets", 'get,update,patch secrets "a"', 'get,update,patch,delete secrets "b"'],
  ],
  [
    "a name adds only what is not allowed on all",
    [secret({ owner: "Provider" }), secret({ owner: "Consumer", names: ["b"] })],
    ["get,list,watch,update,patch,create secrets", 'delete secrets "b"'],
  ],
  [
    "claims on single namespaces reach no others",
    [secret({ owner: "Provider", namespaces: ["dev", "test"] }), secret({ owner: "Consumer", namespaces: ["dev"] })],
    [],
    { dev: [`${ALL} secrets`], test: ["get,list,watch,update,patch secrets"] },
  ],
  ["all namespaces are all", [secret({ owner: "Provider", namespaces: ["dev", "*"] })], [
    "get,list,watch,update,patch secrets",
  ]],
];
for (const [name, permissionClaims, mapped, single = {}] of claims) {
  Deno.test(`contractRules(): ${name}`, () => {
    const exported = serviceExport("a", ["dbs", "x.io"], { permissionClaims });
    for (const [one, scope] of [[exported, "Namespaced"], [wide(exported), "Cluster"]] as const) {
      const rules = contractRules([one], scope);
      const texts = rules.mappedNamespaces.map(ruleText).filter((text) => !text.includes("dbs.x.io"));
      deepEqual(texts, mapped, scope);
      const inSingle = [...rules.singleNamespaces].map(([name, rules]) => [name, rules.map(ruleText)]);
      deepEqual(Object.fromEntries(inSingle), single, scope);
    }
  });
}

Deno.test("clusterNamespaceOfRole() finds the namespace behind the names of all roles", () => {
  equal(mappedRoleName("cluster-a", "Namespaced"), "klutch-binder-cluster-a");
  for (const scope of ["Namespaced", "Cluster"] as const) {
    equal(clusterNamespaceOfRole(mappedRoleName("cluster-a", scope)), "cluster-a");
  }
  equal(clusterNamespaceOfRole("klutch-binder"), undefined);
  equal(clusterNamespaceOfRole("admin"), undefined);
});
