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

for (
  const [policy, want] of [
    [undefined, ["BindingsRemain", "KonnectorRemains", "ServicesRemain", "ServicesRemain", "NamespaceRemains"]],
    ["Delete", ["BindingsRemain", "KonnectorRemains", "ServicesRemain", "ServicesRemain", "NamespaceRemains"]],
    ["Retain", ["BindingsRemain", "KonnectorRemains", "GrantsRemain"]],
  ] as const
) {
  Deno.test(`planRelease() takes back in order, with deletion policy ${policy}`, () => {
    const binding = appClusterBinding("my-ns", "orders", { deletionPolicy: policy });
    const left = { ...ALL };
    const reasons: string[] = [];
    for (
      const gone of ["bindings", "deployments", "serviceNamespaces", "mappedNamespaces", "grants", "roots"] as const
    ) {
      const stage = planRelease(binding, left);
      if (stage && stage.condition.reason !== reasons.at(-1) || left.serviceNamespaces.length === 0 && stage) {
        reasons.push(stage.condition.reason!);
      }
      left[gone] = [];
    }
    deepEqual([...new Set(reasons)], [...new Set(want)]);
  });
}

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
