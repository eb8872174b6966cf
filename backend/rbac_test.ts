import { deepEqual, equal } from "node:assert/strict";
import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { PolicyRule } from "../kube/resources.ts";
import type { ConsumerScope } from "./options.ts";
import { clusterNamespaceOfRole, contractRules, mappedRoleName } from "./rbac.ts";
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
    "grants claims on cluster-scoped objects everywhere in scope Cluster",
    "Cluster",
    [foo],
    { everywhere: ["/nodes", "bar.io/foos"], mapped: ["/secrets"] },
  ],
  [
    "grants nothing everywhere in scope Namespaced, even to exports from another time",
    "Namespaced",
    [foo, wide(db)],
    { everywhere: [], mapped: ["/configmaps", "/nodes", "/secrets", "bar.io/foos", "x.io/dbs"] },
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

Deno.test("clusterNamespaceOfRole() finds the namespace behind the names of all roles", () => {
  equal(mappedRoleName("cluster-a", "Namespaced"), "klutch-binder-cluster-a");
  for (const scope of ["Namespaced", "Cluster"] as const) {
    equal(clusterNamespaceOfRole(mappedRoleName("cluster-a", scope)), "cluster-a");
  }
  equal(clusterNamespaceOfRole("klutch-binder"), undefined);
  equal(clusterNamespaceOfRole("admin"), undefined);
});
