import assert from "node:assert/strict";
import fc from "fast-check";
import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import { Store } from "../kube/store.ts";
import { mapNamespaces, mappedNamespaceIndex, whyUnmapped } from "./mapping.ts";

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

Deno.test("whyUnmapped() tells what a namespace waits for", () => {
  const [long, longer, leaving] = [49, 50, 51].map((length) => "n".repeat(length)) as [string, string, string];
  const store = storeOf({ asked: undefined, [long]: undefined, [longer]: undefined, [leaving]: undefined });
  const key = { namespace: CLUSTER, name: leaving };
  store.set(key, { metadata: { ...key, deletionTimestamp: "2026-01-01T00:00:00Z" } } as APIServiceNamespace);
  const cases: [name: string, reason: string, what: RegExp][] = [
    ["unknown", "NamespacePending", /^Nobody has asked the provider to make a namespace for "unknown" yet$/],
    ["asked", "NamespacePending", /^The provider has not made a namespace for "asked" yet$/],
    ["n".repeat(60), "NamespacePending", /^Nobody has asked/],
    [long, "NamespacePending", /yet$/],
    [longer, "NamespaceNameTooLong", /yet; .* would call it "cluster-abcde-n{50}" cannot, as that has 64 characters/],
    [leaving, "NamespaceTerminating", /is being deleted$/],
  ];
  for (const [name, reason, what] of cases) {
    const why = whyUnmapped(store, { namespace: CLUSTER, name });
    assert.equal(why.reason, reason);
    assert.match(why.what, what);
  }
});
