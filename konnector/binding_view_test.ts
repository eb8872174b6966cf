import assert from "node:assert/strict";
import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { API_VERSION, BINDING_FINALIZER } from "../crds/names.ts";
import { Store } from "../kube/store.ts";
import { keyOf } from "../kube/types.ts";
import { BY_NAME, isLetGo, rivalOf } from "./binding_view.ts";

const EARLY = "2026-01-01T00:00:00Z";
const LATE = "2026-01-02T00:00:00Z";
const held = { finalizers: [BINDING_FINALIZER] };
const deleted = { deletionTimestamp: "2026-01-03T00:00:00Z" };

const binding = (
  namespace: string,
  creationTimestamp: string,
  metadata: Partial<APIServiceBinding["metadata"]> = {},
): APIServiceBinding => ({
  apiVersion: API_VERSION,
  kind: "APIServiceBinding",
  metadata: { name: "mangodbs.mangodb.com", namespace, uid: namespace, creationTimestamp, ...metadata },
  spec: { kubeconfigSecretRef: { namespace, name: "kubeconfig", key: "kubeconfig" } },
});

const cases: [name: string, bindings: APIServiceBinding[], winner: string][] = [
  ["the older one has the API", [binding("a", LATE), binding("b", EARLY)], "b"],
  ["one that has it keeps it", [binding("a", LATE, held), binding("b", EARLY)], "a"],
  ["of two that have it, the older one keeps it", [binding("a", LATE, held), binding("b", EARLY, held)], "b"],
  ["one that is being let go still has it", [binding("a", EARLY, { ...held, ...deleted }), binding("b", LATE)], "a"],
  ["one that was let go has it no more", [binding("a", EARLY, { ...deleted }), binding("b", LATE)], "b"],
  ["one without spec does not get it", [{ ...binding("a", EARLY), spec: undefined! }, binding("b", LATE)], "b"],
  ["of two of the same second, one has it", [binding("a", EARLY), binding("b", EARLY)], "a"],
];
for (const [name, bindings, winner] of cases) {
  Deno.test(`of two bindings of one API, ${name}`, () => {
    const store = new Store<APIServiceBinding>({ [BY_NAME]: ({ metadata }) => [metadata.name] });
    for (const one of bindings) store.set(keyOf(one), one);
    const served = bindings.filter((one) => !isLetGo(one) && !rivalOf(store, one));
    assert.deepEqual(served.map(({ metadata }) => metadata.namespace), [winner]);
  });
}
