import assert from "node:assert/strict";
import { CLUSTER_NAMESPACE_ANNOTATION } from "../crds/names.ts";
import type { KubeClient } from "../kube/client.ts";
import type { EventDetails } from "../kube/event_series.ts";
import { silentLog } from "../kube/log.ts";
import type { Recorder } from "../kube/recorder.ts";
import type { Isolation } from "../sync/mapping.ts";
import { consumer, eventually, provider, uniqueName, within } from "../tests/clusters.ts";
import { foo, fooCrd, fooResource } from "../tests/foos.ts";
import { installCrd } from "../tests/mangodb.ts";
import { openTestConnection } from "./connection_fixture.ts";
import { InstanceSync } from "./instance_sync.ts";

/** Both clusters with a kind that is cluster-scoped on the consumer, and a sync between them. */
async function openPair(isolation: Isolation, recorder: Pick<Recorder, "event"> = { event: () => {} }) {
  await using opened = new AsyncDisposableStack();
  const [app, plane] = [opened.use(await consumer()), opened.use(await provider())];
  const group = `${uniqueName("foo")}.example.com`;
  opened.use(await installCrd(app.client, fooCrd(group, "Cluster")));
  opened.use(await installCrd(plane.client, fooCrd(group, isolation === "Namespaced" ? "Namespaced" : "Cluster")));
  const { connection, clusterNamespace, signal } = await openTestConnection(opened, app, plane);
  const resource = fooResource(group);
  opened.use(
    new InstanceSync(
      {
        consumer: app.client,
        connection,
        workers: 4,
        log: silentLog,
        recorder,
        onChange: () => {},
        mayDeleteOrphans: () => false,
      },
      { resource, informerScope: "Cluster", isolation, hasStatusSubresource: true },
      signal,
    ),
  );
  const apiOf = (client: KubeClient, namespaced: boolean) => client.api({ ...resource, namespaced });
  const cleanup = opened.move();
  return {
    group,
    clusterNamespace,
    consumer: apiOf(app.client, false),
    provider: apiOf(plane.client, isolation === "Namespaced"),
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  };
}

const cases: [isolation: Isolation, providerKey: (clusterNamespace: string) => { namespace?: string; name: string }][] =
  [
    ["Prefixed", (clusterNamespace) => ({ name: `${clusterNamespace}-foo` })],
    ["Namespaced", (clusterNamespace) => ({ namespace: clusterNamespace, name: "foo" })],
    ["None", () => ({ name: "foo" })],
  ];
for (const [isolation, providerKeyOf] of cases) {
  Deno.test(`a cluster-scoped instance lives on both clusters, isolation ${isolation}`, async () => {
    await using pair = await openPair(isolation);
    const { consumer, provider, group, clusterNamespace } = pair;
    const key = { name: "foo" };
    const providerKey = providerKeyOf(clusterNamespace);
    await consumer.create(foo(group, "foo"), within(5_000));
    const made = await eventually("it appears on the provider", () => provider.find(providerKey, within(5_000)));
    assert.equal(made.metadata.annotations?.[CLUSTER_NAMESPACE_ANNOTATION], clusterNamespace);
    assert.equal(made.metadata.ownerReferences?.[0]?.name, clusterNamespace);

    await consumer.mergePatch(key, { spec: { deploymentName: "tested" } }, {}, within(5_000));
    await eventually("the change follows", async () => {
      const { spec } = await provider.get(providerKey, within(5_000));
      return (spec as { deploymentName: string }).deploymentName === "tested";
    });
    await provider.mergePatch(providerKey, { status: { phase: "Running" } }, { subresource: "status" }, within(5_000));
    await eventually("the status comes down", async () => {
      const { status } = await consumer.get(key, within(5_000));
      return (status as { phase?: string } | undefined)?.phase === "Running";
    });
    assert.equal(
      (await consumer.get(key, within(5_000))).metadata.annotations?.[CLUSTER_NAMESPACE_ANNOTATION],
      undefined,
    );

    await consumer.delete(key, {}, within(5_000));
    await eventually("it is gone on the consumer", async () => !(await consumer.find(key, within(5_000))));
    assert.equal(await provider.find(providerKey, within(5_000)), undefined);
  });
}

Deno.test("a name that gets too long with its prefix is told once, holds nobody up, and can be deleted", async () => {
  const told: EventDetails[] = [];
  await using pair = await openPair("Prefixed", { event: (_object, details) => void told.push(details) });
  const { consumer, provider, group, clusterNamespace } = pair;
  const name = "f".repeat(253);
  await consumer.create(foo(group, name), within(5_000));
  await eventually("its user is told", () => told.length > 0);
  const length = clusterNamespace.length + 1 + 253;
  assert.equal(told[0]!.reason, "NameTooLong");
  assert.match(told[0]!.message, new RegExp(`has ${length} characters; 253 are allowed`));
  await consumer.create(foo(group, "short"), within(5_000));
  await eventually("others arrive", () => provider.find({ name: `${clusterNamespace}-short` }, within(5_000)));
  assert.equal(told.filter(({ reason }) => reason === "NameTooLong").length, 1);
  for (const key of [{ name }, { name: "short" }]) {
    await consumer.delete(key, {}, within(5_000));
    await eventually(`${key.name} goes`, async () => !await consumer.find(key, within(5_000)));
  }
});

Deno.test("without isolation, an object of somebody else is neither taken over nor brought to the consumer", async () => {
  await using pair = await openPair("None");
  const { consumer, provider, group } = pair;
  const theirs = foo(group, "foo");
  theirs.metadata.annotations = { [CLUSTER_NAMESPACE_ANNOTATION]: "cluster-other" };
  const before = await provider.create(theirs, within(5_000));
  const ours = await consumer.create(foo(group, "foo", { deploymentName: "ours" }), within(5_000));
  await consumer.create(foo(group, "later"), within(5_000));
  await eventually("a later one was synced", () => provider.find({ name: "later" }, within(5_000)));
  assert.deepEqual((await provider.get({ name: "foo" }, within(5_000))).metadata, before.metadata);
  await consumer.delete(ours.metadata, { uid: ours.metadata.uid }, within(5_000));
  await consumer.delete({ name: "later" }, {}, within(5_000));
  await eventually("ours are gone", async () => (await consumer.list({}, within(5_000))).items.length === 0);
  assert.equal((await provider.get({ name: "foo" }, within(5_000))).metadata.uid, before.metadata.uid);
  await provider.delete({ name: "foo" }, {}, within(5_000));
});
