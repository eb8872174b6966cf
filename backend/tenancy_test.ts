import assert, { deepEqual, equal } from "node:assert/strict";
import {
  API_SERVICE_NAMESPACE_ANNOTATION,
  API_SERVICE_NAMESPACES,
  CLUSTER_BINDINGS,
  ORPHANS_ANNOTATION,
} from "../crds/names.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { EVENTS, type Namespace, NAMESPACES, ROLE_BINDINGS } from "../kube/resources.ts";
import { type DynamicObject, isDeleting } from "../kube/types.ts";
import { eventually, within } from "../tests/clusters.ts";
import { Census } from "./census.ts";
import { reconcileClusterBinding } from "./cluster_binding.ts";
import { depsFor, TestBackend } from "./contract_fixture.ts";
import { WriteGuard } from "./write_guard.ts";

Deno.test("A namespace that carries the name of a mapped one is not taken over, and gives no rights", async () => {
  await using backend = await TestBackend.open();
  const namespaces = backend.cluster.client.api<Namespace>(NAMESPACES);
  const name = `${backend.namespace}-shop`;
  // As the app cluster "…-shop" of somebody else would have it: `a` + `b-c` is `a-b` + `c`.
  const annotations = { [API_SERVICE_NAMESPACE_ANNOTATION]: `${backend.namespace}-sh/op` };
  await namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name, annotations } }, within(5000));
  const mapped = await backend.mapNamespace("shop");
  assert(mapped !== name && mapped.startsWith(name), mapped);
  const { items } = await backend.cluster.client.api(ROLE_BINDINGS).list({ namespace: name }, within(5000));
  deepEqual(items, []);
  const { metadata } = await namespaces.get({ name }, within(5000));
  equal(metadata.annotations?.[API_SERVICE_NAMESPACE_ANNOTATION], `${backend.namespace}-sh/op`);
  await namespaces.delete({ name }, {}, within(5000));
});

Deno.test("A namespace with the longest name there is gets a counterpart with a name that fits", async () => {
  await using backend = await TestBackend.open();
  const mapped = await backend.mapNamespace("n".repeat(63));
  equal(mapped.length, 63);
});

Deno.test("A namespace given back while the backend was down goes when it is up again", async () => {
  await using backend = await TestBackend.open();
  const namespaces = backend.cluster.client.api<Namespace>(NAMESPACES);
  const mapped = await backend.mapNamespace("dev");
  await backend.stop();
  const requests = backend.konnector.api(API_SERVICE_NAMESPACES);
  const key = { namespace: backend.namespace, name: "dev" };
  await requests.delete(key, {}, within(5000));
  await backend.start();
  await eventually("it is gone", async () => !(await namespaces.find({ name: mapped }, within(5000))));
  await eventually("so is its request", async () => !(await requests.find(key, within(5000))));
});

const eventsOn = async (backend: TestBackend, namespace: string, name: string): Promise<string[]> => {
  const fieldSelector = `involvedObject.name=${name}`;
  const { items } = await backend.cluster.client.api<DynamicObject & { reason: string }>(EVENTS)
    .list({ namespace, fieldSelector }, within(5000));
  return items.map(({ reason }) => reason);
};

Deno.test("Data without an owner is told about, and deleted only when somebody asks for it", async () => {
  await using backend = await TestBackend.open();
  const namespaces = backend.cluster.client.api<Namespace>(NAMESPACES);
  const name = `${backend.namespace}-ghost`;
  const annotations = { [API_SERVICE_NAMESPACE_ANNOTATION]: `${backend.namespace}/ghost` };
  await namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name, annotations } }, within(5000));
  await eventually("it is told", async () => (await eventsOn(backend, "default", name)).includes("OrphanedNamespace"));
  equal(isDeleting(await namespaces.get({ name }, within(5000))), false);
  await namespaces.mergePatch(
    { name },
    { metadata: { annotations: { [ORPHANS_ANNOTATION]: "delete" } } },
    {},
    within(5000),
  );
  await eventually("it goes", async () => {
    const found = await namespaces.find({ name }, within(5000));
    return !found || isDeleting(found);
  });
});

Deno.test("An app cluster that was never heard of again is told about, and its contract ends on request", async () => {
  await using backend = await TestBackend.open();
  const namespaces = backend.cluster.client.api<Namespace>(NAMESPACES);
  const key = { namespace: backend.namespace, name: "cluster" };
  const bindings = backend.cluster.client.api<ClusterBinding>(CLUSTER_BINDINGS);
  await backend.stop();
  await backend.start({ now: () => new Date(Date.now() + 25 * 3_600_000) });
  await eventually("its ClusterBinding tells", async () => {
    const { status } = await bindings.get(key, within(5000));
    return status?.conditions?.some(({ reason }) => reason === "AppClusterVanished");
  });
  await eventually(
    "so does an Event",
    async () => (await eventsOn(backend, backend.namespace, "cluster")).includes("AppClusterVanished"),
  );
  equal(isDeleting(await namespaces.get({ name: backend.namespace }, within(5000))), false);
  await bindings.mergePatch(key, { metadata: { annotations: { [ORPHANS_ANNOTATION]: "delete" } } }, {}, within(5000));
  await eventually("its namespace goes", async () => {
    const found = await namespaces.find({ name: backend.namespace }, within(5000));
    return !found || isDeleting(found);
  });
});

Deno.test("An app cluster that comes back, or whose operator thinks better of it, keeps its data while the watch is late", async () => {
  await using backend = await TestBackend.open();
  const { cluster: { client }, caches, namespace } = backend;
  const key = { namespace, name: "cluster" };
  const bindings = client.api<ClusterBinding>(CLUSTER_BINDINGS);
  const namespaces = client.api<Namespace>(NAMESPACES);
  const orphans = (value: string | null) =>
    bindings.mergePatch(key, { metadata: { annotations: { [ORPHANS_ANNOTATION]: value } } }, {}, within(5000));
  const vanished = await orphans("delete");
  vanished.metadata.creationTimestamp = later(-48).toISOString();
  await backend.stop();
  const reconcileLate = async (now: Date) => {
    caches.namespaces.store.set({ name: namespace }, await namespaces.get({ name: namespace }, within(5000)));
    caches.clusterBindings.store.set(key, vanished);
    const deps = { ...depsFor(backend.cluster), ...caches, guard: new WriteGuard(), census: new Census() };
    await reconcileClusterBinding({ ...deps, now: () => now }, key, within(10_000));
    return await namespaces.get({ name: namespace }, within(5000));
  };
  await orphans(null);
  equal(isDeleting(await reconcileLate(later(25))), false, "nobody asks for it any more");
  await orphans("delete");
  const status = { lastHeartbeatTime: later(0).toISOString(), heartbeatInterval: "5m0s" };
  await bindings.mergePatch(key, { status }, { subresource: "status" }, within(5000));
  equal(isDeleting(await reconcileLate(later(1))), false, "it was heard of again");
  equal(isDeleting(await reconcileLate(later(25))), true, "it has vanished, and somebody asks for it");
});

const later = (hours: number): Date => new Date(Date.now() + hours * 3_600_000);
