import assert from "node:assert/strict";
import type { AcceptablePermissionClaim } from "../../crds/shared.ts";
import { boundRights } from "./rights.ts";

const claim = (rest: Partial<AcceptablePermissionClaim>): AcceptablePermissionClaim => ({
  group: "",
  resource: "secrets",
  version: "v1",
  state: "Accepted",
  ...rest,
});
const rightsOf = (...claims: AcceptablePermissionClaim[]) => {
  const api = { name: "mangodbs.mangodb.com", secretName: "kubeconfig-x", claims };
  const { everywhere, namespaces } = boundRights([api, api]);
  const texts = (rules: typeof everywhere) =>
    rules.map(({ apiGroups, resources, resourceNames, verbs }) =>
      [apiGroups, resources, resourceNames ?? [], verbs].map((part) => part?.join(",")).join(" ")
    );
  return {
    everywhere: texts(everywhere),
    namespaces: new Map([...namespaces].map(([name, rules]) => [name, texts(rules)])),
  };
};
const added = (...claims: AcceptablePermissionClaim[]) => {
  const before = rightsOf();
  const after = rightsOf(...claims);
  return {
    everywhere: after.everywhere.filter((rule) => !before.everywhere.includes(rule)),
    namespaces: Object.fromEntries(
      [...after.namespaces].filter(([name, rules]) => rules.join() !== before.namespaces.get(name)?.join()),
    ),
  };
};

Deno.test("boundRights() names what is bound, once, and nothing by a star", () => {
  const { everywhere, namespaces } = rightsOf();
  assert.ok(everywhere.includes("mangodb.com mangodbs  get,list,watch,create,patch,delete"));
  assert.ok(everywhere.includes("mangodb.com mangodbs/status  patch"));
  assert.ok(everywhere.includes("apiextensions.k8s.io customresourcedefinitions mangodbs.mangodb.com delete"));
  assert.equal(new Set(everywhere).size, everywhere.length);
  assert.doesNotMatch(everywhere.join(), /\*|secrets/);
  assert.deepEqual(namespaces.get("klutch-bind"), [
    "coordination.k8s.io leases  get,create,update",
    " secrets kubeconfig-x get,list,watch,patch",
  ]);
});

Deno.test("boundRights() grants nothing for an API that may never be bound, but a look at its CRD when it is let go", () => {
  const name = "clusterroles.rbac.authorization.k8s.io";
  const { everywhere, namespaces } = boundRights([{ name, secretName: "kubeconfig-x", claims: [claim({})] }]);
  const [of, ...others] = everywhere.filter((rule) => JSON.stringify(rule).match(/clusterroles|secrets/));
  assert.deepEqual([of?.resources, of?.resourceNames, of?.verbs], [["customresourcedefinitions"], [name], ["get"]]);
  assert.deepEqual(others, []);
  assert.deepEqual(namespaces.get("klutch-bind")?.length, 1);
});

const cases: [name: string, claims: AcceptablePermissionClaim[], want: ReturnType<typeof added>][] = [
  ["grants nothing for a rejected claim", [claim({ state: "Rejected" })], { everywhere: [], namespaces: {} }],
  [
    "grants nothing for a claim that is refused",
    [claim({ group: "rbac.authorization.k8s.io", resource: "clusterroles" })],
    { everywhere: [], namespaces: {} },
  ],
  [
    "grants nothing for a claim that has no effect",
    [claim({ selector: { fieldSelectors: ["type=Opaque"] } }), claim({ read: { labels: [{ pattern: "app" }] } })],
    { everywhere: [], namespaces: {} },
  ],
  [
    "lets sources be read and marked",
    [claim({ selector: { owner: "Consumer" } })],
    { everywhere: [" secrets  get,list,watch,patch"], namespaces: {} },
  ],
  [
    "stays with listed names",
    [claim({ selector: { owner: "Provider", names: ["db", "queue"] } })],
    { everywhere: [" secrets  list,watch,create", " secrets db,queue get,patch,delete"], namespaces: {} },
  ],
  [
    "stays within listed namespaces",
    [claim({ selector: { owner: "Consumer", namespaces: ["shop"] } })],
    { everywhere: [], namespaces: { shop: [" secrets  get,list,watch,patch"] } },
  ],
  [
    "leaves out namespaces that no claim reaches",
    [claim({ selector: { owner: "Consumer", namespaces: ["shop", "kube-system", "klutch-bind"] } })],
    { everywhere: [], namespaces: { shop: [" secrets  get,list,watch,patch"] } },
  ],
  [
    "lets copies be watched across namespaces",
    [claim({ selector: { owner: "Provider", namespaces: ["shop"] } })],
    {
      everywhere: [" secrets  list,watch"],
      namespaces: { shop: [" secrets  get,list,watch,create,patch,delete"] },
    },
  ],
];
for (const [name, claims, want] of cases) {
  Deno.test(`boundRights() ${name}`, () => assert.deepEqual(added(...claims), want));
}
