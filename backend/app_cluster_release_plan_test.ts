import { deepEqual, equal, match } from "node:assert/strict";
import type { KubeObject } from "../kube/types.ts";
import { planRelease, type Remains } from "./app_cluster_release_plan.ts";
import { appClusterBinding } from "./test_objects.ts";

const object = (kind: string, deleting = false): KubeObject => ({
  apiVersion: "v1",
  kind,
  metadata: { namespace: "root", name: "one", ...(deleting && { deletionTimestamp: "2026-06-01T12:00:00Z" }) },
});
const NOTHING: Remains = {
  bindings: [],
  deployments: [],
  serviceNamespaces: [],
  mappedNamespaces: [],
  grants: [],
  roots: [],
};
const ALL: Remains = {
  bindings: [object("APIServiceBinding")],
  deployments: [object("Deployment")],
  serviceNamespaces: [object("APIServiceNamespace")],
  mappedNamespaces: [object("Mapped")],
  grants: [object("Secret")],
  roots: [object("Namespace")],
};

const GOING = ["bindings", "deployments", "serviceNamespaces", "mappedNamespaces", "grants", "roots"] as const;
const SERVICES = ["ServicesRemain", "ServicesRemain", "NamespaceRemains", "NamespaceRemains", undefined];

for (
  const [policy, want] of [
    [undefined, ["BindingsRemain", "KonnectorRemains", ...SERVICES]],
    ["Delete", ["BindingsRemain", "KonnectorRemains", ...SERVICES]],
    ["Retain", [
      "BindingsRemain",
      "KonnectorRemains",
      "GrantsRemain",
      "GrantsRemain",
      "GrantsRemain",
      undefined,
      undefined,
    ]],
  ] as const
) {
  Deno.test(`planRelease() takes back in order, with deletion policy ${policy}`, () => {
    const binding = appClusterBinding("my-ns", "orders", { deletionPolicy: policy });
    const left = { ...ALL };
    const next = () => planRelease(binding, left)?.condition.reason;
    const reasons = [
      next(),
      ...GOING.map((gone) => {
        left[gone] = [];
        return next();
      }),
    ];
    deepEqual(reasons, want);
  });
}

Deno.test("planRelease() gives bindings up, once the konnector has ended, where the app cluster is gone for good", () => {
  const binding = appClusterBinding("my-ns", "orders");
  binding.metadata.annotations = { "klutch.anynines.com/on-unbind": "force" };
  equal(planRelease(binding, ALL)!.condition.reason, "KonnectorRemains");
  const [living, deleting] = [object("APIServiceBinding"), object("APIServiceBinding", true)];
  const stage = planRelease(binding, { ...ALL, deployments: [], bindings: [living, deleting] })!;
  deepEqual([stage.doomed, stage.abandoned], [[living], [deleting]]);
});

Deno.test("planRelease() waits for what is being deleted, and deletes mapped namespaces by their requests", () => {
  const binding = appClusterBinding("my-ns", "orders");
  const waiting = planRelease(binding, { ...ALL, bindings: [object("APIServiceBinding", true)] })!;
  deepEqual(waiting.doomed, []);
  const services = planRelease(binding, { ...ALL, bindings: [], deployments: [] })!;
  deepEqual(services.doomed.map(({ kind }) => kind), ["APIServiceNamespace"]);
  match(services.condition.message!, /^Still there: APIServiceNamespace root\/one, Mapped root\/one\. /);
  const mapped = planRelease(binding, { ...NOTHING, mappedNamespaces: ALL.mappedNamespaces, roots: ALL.roots })!;
  deepEqual([mapped.condition.reason, mapped.doomed], ["ServicesRemain", []]);
});

Deno.test("planRelease() tells why a binding cannot be let go", () => {
  const message = "The provider does not answer.";
  const unbound = { type: "Unbound", status: "False" as const, reason: "ProviderUnreachable", message };
  const stuck = { ...object("APIServiceBinding", true), status: { conditions: [unbound] } };
  const { condition } = planRelease(appClusterBinding("my-ns", "orders"), { ...NOTHING, bindings: [stuck] })!;
  match(condition.message!, /^Still there: APIServiceBinding root\/one: The provider does not answer\. Wait/);
});

Deno.test("planRelease() has nothing to do when nothing remains", () => {
  equal(planRelease(appClusterBinding("my-ns", "orders"), NOTHING), undefined);
});
