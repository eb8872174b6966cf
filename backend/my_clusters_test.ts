import { ok } from "node:assert/strict";
import { CLUSTER_BINDING_NAME, IDENTITY_ANNOTATION } from "../crds/names.ts";
import { Informer } from "../kube/informer.ts";
import { silentLog } from "../kube/log.ts";
import { identityIndexer } from "./identity.ts";
import { MyClusters, type MyClustersCaches } from "./my_clusters.ts";
import { clusterBinding, CREATED, namespace } from "./test_objects.ts";

Deno.test("A konnector that reports a version and a message of a megabyte blows up no page", () => {
  const api = undefined as never; // nothing is watched
  const caches: MyClustersCaches = {
    namespaces: new Informer(api, { log: silentLog, indexers: identityIndexer }),
    clusterBindings: new Informer(api, { log: silentLog }),
    exports: new Informer(api, { log: silentLog }),
  };
  const endless = "x".repeat(1 << 20);
  const condition = { type: "Healthy", status: "False", lastTransitionTime: CREATED, message: endless } as const;
  const status = { konnectorVersion: endless, conditions: [condition] };
  caches.namespaces.store.set(
    { name: "a" },
    namespace("a", undefined, { annotations: { [IDENTITY_ANNOTATION]: "jane#cl1" } }),
  );
  caches.clusterBindings.store.set({ namespace: "a", name: CLUSTER_BINDING_NAME }, clusterBinding("a", status));
  const seen = JSON.stringify(new MyClusters(caches, new AbortController().signal).of("jane"));
  ok(seen.includes("xxx…"));
  ok(seen.length < 2000, `${seen.length} characters`);
});
