import { deepEqual, equal, match } from "node:assert/strict";
import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import type { APIServiceExportRequest } from "../crds/api_service_export_request.ts";
import type { AppClusterBinding } from "../crds/app_cluster_binding.ts";
import {
  APP_CLUSTER_BINDING_ANNOTATION,
  APP_CLUSTER_BINDING_NAME_LABEL,
  APP_CLUSTER_BINDING_NAMESPACE_LABEL,
} from "../crds/names.ts";
import type { Namespace } from "../kube/resources.ts";
import { keyOf, type ObjectMeta } from "../kube/types.ts";
import { type ApisView, planApis, planRoot, type RootPlan, type RootView } from "./app_cluster_binding_plan.ts";
import { newExportRequest, ownerLabels, rootNamespaceNames, serviceBinding } from "./app_cluster_objects.ts";
import { appClusterBinding, claim, clusterBinding, namespace, serviceExport, template } from "./test_objects.ts";

const KEY = { namespace: "my-ns", name: "my-binding" };
const ROOT = "klutch-bind-my-ns-my-binding";
const HASHED = rootNamespaceNames(KEY)[1]!;

/** A namespace that says it is the root of an AppClusterBinding. */
const root = (name: string, owner: string, rest: Partial<ObjectMeta> = {}): Namespace =>
  namespace(name, undefined, { annotations: { [APP_CLUSTER_BINDING_ANNOTATION]: owner }, ...rest });

const contractOf = (key: typeof KEY) => {
  const contract = clusterBinding(ROOT);
  return { ...contract, metadata: { ...contract.metadata, labels: ownerLabels(key) } };
};

const view = (existing: Namespace[], contract?: ReturnType<typeof contractOf>): RootView => ({
  key: KEY,
  owned: existing.filter(({ metadata }) =>
    metadata.annotations?.[APP_CLUSTER_BINDING_ANNOTATION] === "my-ns/my-binding"
  ),
  namespaceOf: (name) => existing.find(({ metadata }) => metadata.name === name),
  contractIn: (name) => name === ROOT ? contract : undefined,
});

const roots: [name: string, view: RootView, want: RootPlan | string][] = [
  ["makes the plain one", view([]), { do: "create", name: ROOT }],
  ["uses its own", view([root(ROOT, "my-ns/my-binding")]), { do: "use", name: ROOT }],
  ["uses its own with a hash", view([root(HASHED, "my-ns/my-binding")]), { do: "use", name: HASHED }],
  ["leaves that of another alone", view([root(ROOT, "my/ns-my-binding")]), { do: "create", name: HASHED }],
  ["leaves one that says nothing alone", view([namespace(ROOT)]), { do: "create", name: HASHED }],
  ["takes over one whose contract is its own", view([namespace(ROOT)], contractOf(KEY)), {
    do: "take over",
    name: ROOT,
  }],
  [
    "leaves one alone whose contract is another's",
    view([namespace(ROOT)], contractOf({ namespace: "my", name: "ns-my-binding" })),
    { do: "create", name: HASHED },
  ],
  [
    "waits while its own is being deleted",
    view([root(ROOT, "my-ns/my-binding", { deletionTimestamp: "2026-06-01T12:00:00Z" })]),
    "Pending",
  ],
  ["waits when all names are taken", view([namespace(ROOT), namespace(HASHED)]), "NamespaceTaken"],
];
for (const [name, given, want] of roots) {
  Deno.test(`planRoot() ${name}`, () => {
    const plan = planRoot(given);
    if (plan.do === "wait") equal(plan.condition.reason, want);
    else deepEqual(plan, want);
  });
}

Deno.test("rootNamespaceNames() are names that a namespace can have, whatever the AppClusterBinding is called", () => {
  for (const name of ["a.b.example.com", "x".repeat(200), `${"x".repeat(40)}.y`]) {
    for (const candidate of rootNamespaceNames({ namespace: "team", name })) {
      match(candidate, /^klutch-bind-team-[a-z0-9]([-a-z0-9]*[a-z0-9])$/);
      equal(candidate.length <= 63, true);
    }
  }
});

const WIDGETS = "widgets.klutch.anynines.com";
const GADGETS = "gadgets.klutch.anynines.com";
const API = { group: "klutch.anynines.com", resource: "widgets" };
const SECRETS = claim("secrets");
const TEMPLATES = [
  template("widgets", ["widgets", API.group], { claims: [SECRETS] }),
  template("gadgets", ["gadgets", API.group]),
];
const templateOf = (api: string) => TEMPLATES.find(({ metadata }) => api.startsWith(metadata.name));
const binding = (spec: Partial<AppClusterBinding["spec"]> = { apiExports: [API] }) =>
  appClusterBinding(KEY.namespace, KEY.name, spec);
const bound = (resource: string, ready = true, reason?: string): APIServiceBinding => ({
  ...serviceBinding(binding(), "root-ns", { ...API, resource }, {} as never),
  status: {
    conditions: [{
      type: "Ready",
      status: ready ? "True" : "False",
      reason,
      message: "the CRD is missing.",
      lastTransitionTime: "2026-06-01T12:00:00Z",
    }],
  },
});
const request = (resource: string, status?: APIServiceExportRequest["status"]): APIServiceExportRequest => ({
  ...newExportRequest(binding(), "root-ns", { ...API, resource }, templateOf(resource)!),
  ...(status && { status }),
});
const exported = (resource: string) => serviceExport("root-ns", [resource, API.group]);
const apis = (rest: Partial<ApisView> = {}): ApisView => ({
  binding: binding(),
  root: "root-ns",
  templateOf,
  bindings: [],
  exports: [],
  requests: [],
  ...rest,
});
const namesOf = (plan: ReturnType<typeof planApis>) => {
  const names = (objects: { metadata: { name: string } }[]) => objects.map(({ metadata }) => metadata.name);
  const { bindings, exports, requests } = plan.surplus;
  return { bindings: names(bindings), exports: names(exports), requests: names(requests) };
};
const NOTHING = { bindings: [], exports: [], requests: [] };

Deno.test("planApis() binds an API under its name, in the root namespace, with the kubeconfig there", () => {
  const { bindings: [wanted], newRequests: [asked] } = planApis(apis());
  deepEqual(keyOf(wanted!), { namespace: "root-ns", name: WIDGETS });
  deepEqual(wanted!.spec, { kubeconfigSecretRef: { namespace: "root-ns", name: "app-cluster", key: "kubeconfig" } });
  const labels = {
    [APP_CLUSTER_BINDING_NAME_LABEL]: "my-binding",
    [APP_CLUSTER_BINDING_NAMESPACE_LABEL]: "my-ns",
  };
  deepEqual(wanted!.metadata.labels, labels);
  deepEqual(asked!.metadata, {
    namespace: "root-ns",
    name: "appclusterbinding-my-binding-widgets-4ac5fdc2",
    labels,
  });
  deepEqual(asked!.spec.resources, [{ ...API, permissionClaims: [SECRETS] }]);
});

for (const state of ["Accepted", "Rejected"] as const) {
  Deno.test(`planApis() answers the template's claims with ${state}`, () => {
    const spec = { apiExports: [{ ...API, permissionClaims: state }] };
    deepEqual(planApis(apis({ binding: binding(spec) })).bindings[0]!.spec.permissionClaims, [{ ...SECRETS, state }]);
  });
}

Deno.test("planApis() asks for two APIs whose templates, in two namespaces, have one name", () => {
  const sameName = (api: string) => template("apis", [api.split(".")[0]!, API.group]);
  const given = { templateOf: sameName, binding: binding({ apiExports: [API, { ...API, resource: "gadgets" }] }) };
  const { newRequests } = planApis(apis(given));
  const names = (requests: APIServiceExportRequest[]) => requests.map(({ metadata }) => metadata.name);
  equal(new Set(names(newRequests)).size, 2);
  const [first, second] = newRequests;
  deepEqual(names(planApis(apis({ ...given, requests: [first!] })).newRequests), names([second!]));
  deepEqual(planApis(apis({ ...given, requests: [first!, second!] })).newRequests, []);
});

const both = { bindings: [bound("widgets"), bound("gadgets")], exports: [exported("widgets"), exported("gadgets")] };

Deno.test("planApis() lets an API go that leaves the list, and its export after its binding", () => {
  const first = planApis(apis({ ...both, requests: [request("widgets"), request("gadgets")] }));
  deepEqual(namesOf(first), {
    bindings: [GADGETS],
    exports: [],
    requests: [request("gadgets").metadata.name],
  });
  deepEqual(first.newRequests, []);
  deepEqual(first.bindings.map(({ metadata }) => metadata.name), [WIDGETS]);
  deepEqual(namesOf(planApis(apis({ ...both, bindings: [bound("widgets")] }))), { ...NOTHING, exports: [GADGETS] });
});

Deno.test("planApis() leaves alone what it has not made", () => {
  const foreign = { ...bound("gadgets"), metadata: { namespace: "root-ns", name: GADGETS } };
  deepEqual(namesOf(planApis(apis({ ...both, bindings: [bound("widgets"), foreign] }))), NOTHING);
});

Deno.test("planApis() keeps an API whose template has vanished", () => {
  const plan = planApis(apis({ ...both, templateOf: () => undefined, binding: binding({ apiExports: [API] }) }));
  deepEqual(namesOf(plan).bindings, [GADGETS]);
  equal(plan.condition.reason, "NotOffered");
});

const conditions: [name: string, view: ApisView, reason: string | undefined, message: RegExp][] = [
  ["nothing is to be bound", apis({ binding: binding({}) }), undefined, /^$/],
  ["all is ready", apis({ bindings: [bound("widgets")], exports: [exported("widgets")] }), undefined, /^$/],
  ["it is not exported yet", apis({ requests: [request("widgets")] }), "Pending", /not exported yet/],
  [
    "its request failed",
    apis({ requests: [request("widgets", { phase: "Failed", terminalMessage: "no such CRD" })] }),
    "ExportFailed",
    /^no such CRD\. /,
  ],
  [
    "its binding is not ready",
    apis({ bindings: [bound("widgets", false)], exports: [exported("widgets")] }),
    "Pending",
    /not ready: the CRD is missing\. /,
  ],
  [
    "its app cluster is out of reach",
    apis({ bindings: [bound("widgets", false, "AppClusterUnreachable")], exports: [exported("widgets")] }),
    "AppClusterUnreachable",
    /Check that the app cluster runs/,
  ],
  [
    "one is pending, and another one not offered",
    apis({ binding: binding({ apiExports: [API, { ...API, resource: "unknowns" }] }) }),
    "NotOffered",
    /"unknowns\.klutch\.anynines\.com"/,
  ],
];
for (const [name, given, reason, message] of conditions) {
  Deno.test(`planApis() says when ${name}`, () => {
    const { condition } = planApis(given);
    equal(condition.reason, reason);
    equal(condition.status, reason ? "False" : "True");
    match(condition.message ?? "", message);
  });
}
