import assert from "node:assert/strict";
import fc from "fast-check";
import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import { Store } from "../kube/store.ts";
import { mapNamespaces, mappedNamespaceIndex } from "./mapping.ts";

const CLUSTER = "cluster-abcde";

function storeOf(mapped: Record<string, string | undefined>): Store<APIServiceNamespace> {
  const store = new Store<APIServiceNamespace>(mappedNamespaceIndex);
  for (const [name, namespace] of Object.entries(mapped)) {
    const object = { metadata: { namespace: CLUSTER, name }, status: namespace ? { namespace } : undefined };
    store.set({ namespace: CLUSTER, name }, object as APIServiceNamespace);
  }
  return store;
}

const label = fc.stringMatching(/^[a-z]([-a-z0-9]{0,8}[a-z0-9])?$/);

Deno.test("mapNamespaces() leads there and back", () => {
  fc.assert(fc.property(fc.uniqueArray(label), label, (namespaces, name) => {
    const mapping = mapNamespaces(storeOf(Object.fromEntries(namespaces.map((one) => [one, `x-${one}`]))), CLUSTER);
    for (const namespace of namespaces) {
      const there = mapping.toProvider({ namespace, name });
      assert.deepEqual(there, { namespace: `x-${namespace}`, name });
      assert.deepEqual(mapping.toConsumer(there), { namespace, name });
    }
  }));
});

Deno.test("mapNamespaces() knows no counterpart before the backend has named one", () => {
  const mapping = mapNamespaces(storeOf({ team: undefined }), CLUSTER);
  assert.equal(mapping.toProvider({ namespace: "team", name: "db" }), undefined);
  assert.equal(mapping.toProvider({ namespace: "unknown", name: "db" }), undefined);
  assert.equal(mapping.toConsumer({ namespace: "default", name: "db" }), undefined);
});

Deno.test("mapNamespaces() touches nothing in a namespace that two claim", () => {
  const mapping = mapNamespaces(storeOf({ a: "shared", b: "shared" }), CLUSTER);
  assert.equal(mapping.toConsumer({ namespace: "shared", name: "db" }), undefined);
});
