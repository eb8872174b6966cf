import assert from "node:assert/strict";
import { BOUND_ANNOTATION, FIELD_MANAGER, SYNC_FINALIZER } from "../crds/names.ts";
import { KubeClient } from "../kube/client.ts";
import { systemClock } from "../kube/clock.ts";
import { parseJson } from "../kube/json.ts";
import { CONFIG_MAPS, NAMESPACES } from "../kube/resources.ts";
import { type DynamicObject, hasFinalizer } from "../kube/types.ts";
import { namespaceRequest } from "../sync/mapping.ts";
import { consumer as appCluster, eventually, provider, within } from "../tests/clusters.ts";
import { mangoDb, mangoDbResource } from "../tests/mangodb.ts";
import { openPair } from "./instance_fixture.ts";

const specOf = (object: DynamicObject) => object.spec as Record<string, unknown>;
const statusOf = (object: DynamicObject) => object.status as Record<string, unknown> | undefined;

for (const informerScope of ["Namespaced", "Cluster"] as const) {
  Deno.test(`an instance lives on both clusters, informer scope ${informerScope}`, async (t) => {
    await using pair = await openPair({ informerScope });
    const { consumer, provider, group, key, providerKey } = pair;
    await using _sync = pair.open();

    await t.step("created on the consumer, it appears on the provider", async () => {
      await consumer.create(mangoDb(group, key, { backup: true }), within(5_000));
      await pair.mapNamespace();
      const object = await pair.onProvider("the instance appears", () => true);
      assert.deepEqual(specOf(object), { tokenSecret: "token", tier: "Shared", region: "us-east-1", backup: true });
      assert.equal(object.metadata.annotations?.[BOUND_ANNOTATION], "true");
      assert.equal(object.metadata.finalizers, undefined);
      const own = await pair.onConsumer("it is held", (own) => hasFinalizer(own, SYNC_FINALIZER));
      assert.deepEqual(own.metadata.finalizers, [SYNC_FINALIZER]);
    });

    await t.step("a changed field follows, a removed one vanishes", async () => {
      await consumer.mergePatch(key, { spec: { tier: "Dedicated", users: [{ name: "a" }] } }, {}, within(5_000));
      await pair.onProvider("the change follows", (object) => specOf(object).tier === "Dedicated");
      await consumer.mergePatch(key, { spec: { users: null } }, {}, within(5_000));
      await pair.onProvider("the field vanishes", (object) => specOf(object).users === undefined);
    });

    await t.step("64-bit integers and decimal numbers arrive exactly", async () => {
      const storage = parseJson<object>('{"sizeBytes":9007199254740993,"ratio":1.10}');
      await consumer.mergePatch(key, { spec: { storage } }, {}, within(5_000));
      await pair.onProvider(
        "the number arrives",
        (object) => JSON.stringify(specOf(object).storage).includes("9007199254740993"),
      );
    });

    await t.step(
      "an object nearly as large as the API server takes arrives whole, and so does its change",
      async () => {
        for (const letter of ["a", "b"]) {
          const region = letter.repeat(1_300_000); // etcd takes 1.5 MiB
          await consumer.mergePatch(key, { spec: { region } }, {}, within(10_000));
          await pair.onProvider("the large value arrives", (object) => specOf(object).region === region);
        }
      },
    );

    await t.step("what the provider's side adds stays and causes no writes", async () => {
      await provider.mergePatch(providerKey, { spec: { resourceRef: { name: "xr" } } }, {}, within(5_000));
      await consumer.mergePatch(key, { spec: { region: "eu-1" } }, {}, within(5_000));
      const object = await pair.onProvider("the change follows", (object) => specOf(object).region === "eu-1");
      assert.deepEqual(specOf(object).resourceRef, { name: "xr" });
    });

    await t.step("a drift on the provider is repaired", async () => {
      await provider.mergePatch(providerKey, { spec: { tier: "Shared" } }, {}, within(5_000));
      await pair.onProvider("the consumer's value is back", (object) => specOf(object).tier === "Dedicated");
    });

    await t.step("the status comes down, whole", async () => {
      const status = { phase: "Running", endpoint: "db:5432" };
      await provider.mergePatch(providerKey, { status }, { subresource: "status" }, within(5_000));
      await pair.onConsumer("the status arrives", (object) => statusOf(object)?.phase === "Running");
      await provider.mergePatch(providerKey, { status: { endpoint: null } }, { subresource: "status" }, within(5_000));
      const object = await pair.onConsumer("the field vanishes", (object) => statusOf(object)?.endpoint === undefined);
      assert.deepEqual(statusOf(object), { phase: "Running" });
    });

    await t.step("deleted on the provider, it is made again", async () => {
      const { metadata: { uid } } = await provider.get(providerKey, within(5_000));
      await provider.delete(providerKey, { uid }, within(5_000));
      await pair.onProvider("a new one appears", (object) => object.metadata.uid !== uid);
    });

    await t.step("deleted on the consumer, it stays until the provider's is really gone", async () => {
      await provider.mergePatch(providerKey, { metadata: { finalizers: ["example.com/work"] } }, {}, within(5_000));
      await consumer.delete(key, {}, within(5_000));
      await pair.onProvider("the provider begins to delete", (object) => !!object.metadata.deletionTimestamp);
      await provider.mergePatch(
        providerKey,
        { status: { phase: "Unknown" } },
        { subresource: "status" },
        within(5_000),
      );
      await pair.onConsumer("the consumer shows the progress", (object) => statusOf(object)?.phase === "Unknown");
      await provider.mergePatch(providerKey, { metadata: { finalizers: null } }, {}, within(5_000));
      await eventually("the consumer's object is gone", async () => !(await consumer.find(key, within(5_000))));
      assert.equal(await provider.find(providerKey, within(5_000)), undefined);
    });
  });
}

Deno.test("a restart repairs what was missed and writes nothing where nothing differs", async () => {
  await using pair = await openPair();
  const { consumer, provider, group, key, providerKey } = pair;
  const other = { ...key, name: "other" };
  const first = pair.open();
  await consumer.create(mangoDb(group, key, { users: [{ name: "a" }] }), within(5_000));
  await consumer.create(mangoDb(group, other), within(5_000));
  await pair.mapNamespace();
  await pair.onProvider("the instance appears", () => true);
  await eventually("the other one too", () => provider.find({ ...providerKey, name: "other" }, within(5_000)));
  await first[Symbol.asyncDispose]();

  await consumer.mergePatch(key, { spec: { users: null, tier: "Dedicated" } }, {}, within(5_000));
  await provider.mergePatch(providerKey, { status: { phase: "Failed" } }, { subresource: "status" }, within(5_000));
  const before = await provider.get({ ...providerKey, name: "other" }, within(5_000));
  const beforeConsumer = await consumer.get(other, within(5_000));

  await using _second = pair.open();
  const object = await pair.onProvider("the edit follows", (object) => specOf(object).tier === "Dedicated");
  assert.equal(specOf(object).users, undefined);
  await pair.onConsumer("the status follows", (object) => statusOf(object)?.phase === "Failed");
  const after = await provider.get({ ...providerKey, name: "other" }, within(5_000));
  assert.equal(after.metadata.resourceVersion, before.metadata.resourceVersion);
  const afterConsumer = await consumer.get(other, within(5_000));
  assert.equal(afterConsumer.metadata.resourceVersion, beforeConsumer.metadata.resourceVersion);
});

Deno.test("a sync of deletions alone brings them to their end, and leaves living objects alone", async () => {
  await using pair = await openPair();
  const { consumer, provider, group, key, providerKey } = pair;
  const living = { ...key, name: "living" };
  const livingOnProvider = { ...providerKey, name: "living" };
  const before = pair.open();
  for (const one of [key, living]) await consumer.create(mangoDb(group, one), within(5_000));
  await pair.mapNamespace();
  await pair.onProvider("the instance appears", () => true);
  await eventually("the other one too", () => provider.find(livingOnProvider, within(5_000)));
  await before[Symbol.asyncDispose]();

  await provider.mergePatch(providerKey, { metadata: { finalizers: ["example.com/work"] } }, {}, within(5_000));
  await consumer.delete(key, {}, within(5_000));
  const released = { metadata: { finalizers: null }, spec: { tier: "Dedicated" } };
  await consumer.mergePatch(living, released, {}, within(5_000));
  await provider.mergePatch(
    livingOnProvider,
    { status: { phase: "Failed" } },
    { subresource: "status" },
    within(5_000),
  );

  await using _sync = pair.open({ onlyDeletions: true });
  await pair.onProvider("the provider begins to delete", (object) => !!object.metadata.deletionTimestamp);
  await provider.mergePatch(providerKey, { status: { phase: "Unknown" } }, { subresource: "status" }, within(5_000));
  await pair.onConsumer("the consumer shows the progress", (object) => statusOf(object)?.phase === "Unknown");
  await provider.mergePatch(providerKey, { metadata: { finalizers: null } }, {}, within(5_000));
  await eventually("the consumer's object is gone", async () => !(await consumer.find(key, within(5_000))));
  const own = await consumer.get(living, within(5_000));
  assert.deepEqual([own.metadata.finalizers, own.status], [undefined, undefined]);
  assert.equal(specOf(await provider.get(livingOnProvider, within(5_000))).tier, "Shared");
});

Deno.test("what an original konnector created is taken over as it is, and loses what its consumer removes", async () => {
  await using pair = await openPair();
  using plane = await provider();
  using original = new KubeClient(plane.config, { userAgent: "konnector/v1.5.0 (linux/amd64) kubernetes/$Format" });
  const { consumer, group, key, providerKey } = pair;
  const spec = { users: [{ name: "a" }], storage: { ratio: 1.5, sizeBytes: 5 } };
  const options = { fieldManager: FIELD_MANAGER, force: true };

  /** As the original does it: a plain create, and after a change an apply of all that it finds. */
  const sync = async (name: string, isApplied: boolean) => {
    const object = mangoDb(group, { ...key, name }, spec);
    object.metadata.finalizers = [SYNC_FINALIZER];
    await consumer.create(object, within(5_000));
    const copy = mangoDb(group, { ...providerKey, name }, spec);
    copy.metadata.annotations = { [BOUND_ANNOTATION]: "true", note: "x" };
    const api = original.api(mangoDbResource(group));
    const created = await api.create(copy, within(5_000));
    const held = { metadata: { finalizers: ["example.com/work"] } };
    await pair.provider.mergePatch(created.metadata, held, {}, within(5_000));
    if (!isApplied) return;
    await consumer.mergePatch({ ...key, name }, { spec: { users: null } }, {}, within(5_000));
    const { users: _, ...rest } = spec;
    const { managedFields: _managed, ...metadata } = (await api.get(created.metadata, within(5_000))).metadata;
    await api.apply({ ...copy, metadata, spec: { ...copy.spec as object, ...rest } }, options, within(5_000));
  };
  const first = pair.open();
  await consumer.create(mangoDb(group, { ...key, name: "first" }), within(5_000));
  await pair.mapNamespace();
  await eventually("the first one appears", () => pair.provider.find({ ...providerKey, name: "first" }, within(5_000)));
  await first[Symbol.asyncDispose]();
  await sync("db", false);
  await sync("applied", true);
  const find = (name: string) => pair.provider.get({ ...providerKey, name }, within(5_000));
  const before = await find("db");
  assert.ok("users" in specOf(await find("applied")), "the original leaves what it created");

  await using _sync = pair.open();
  await eventually(
    "what was removed in the original's days vanishes",
    async () => !specOf(await find("applied")).users,
  );
  assert.equal((await find("db")).metadata.resourceVersion, before.metadata.resourceVersion);

  await consumer.mergePatch(key, { spec: { users: null, storage: { ratio: null } } }, {}, within(5_000));
  const after = await pair.onProvider("the fields vanish", (object) => !specOf(object).users);
  assert.deepEqual(specOf(after).storage, { sizeBytes: 5 });
  assert.equal(after.metadata.uid, before.metadata.uid);
  for (const object of [after, await find("applied")]) {
    assert.deepEqual(object.metadata.annotations, { [BOUND_ANNOTATION]: "true", note: "x" });
    assert.deepEqual(object.metadata.finalizers, ["example.com/work"]);
    await pair.provider.mergePatch(object.metadata, { metadata: { finalizers: null } }, {}, within(5_000));
  }
});

Deno.test("an instance made on the provider is adopted, and deleted from the consumer", async () => {
  await using pair = await openPair();
  const { consumer, provider, group, key, providerKey } = pair;
  await using _sync = pair.open();
  const first = { ...key, name: "first" };
  await consumer.create(mangoDb(group, first), within(5_000));
  await pair.mapNamespace();
  await eventually("the first one appears", () => provider.find({ ...providerKey, name: "first" }, within(5_000)));

  const made = mangoDb(group, providerKey, { tier: "Dedicated" });
  made.metadata.finalizers = ["example.com/work"];
  made.metadata.labels = { team: "a" };
  await provider.create(made, within(5_000));
  const adopted = await pair.onConsumer("it is adopted", () => true);
  assert.equal(adopted.metadata.annotations?.[BOUND_ANNOTATION], "true");
  assert.deepEqual(adopted.metadata.finalizers, [SYNC_FINALIZER]);
  assert.deepEqual(adopted.metadata.labels, { team: "a" });
  assert.equal(specOf(adopted).tier, "Dedicated");
  await pair.onProvider("it is marked", (object) => object.metadata.annotations?.[BOUND_ANNOTATION] === "true");
  await provider.mergePatch(providerKey, { metadata: { finalizers: null } }, {}, within(5_000));

  await consumer.delete(key, {}, within(5_000));
  await consumer.delete(first, {}, within(5_000));
  await eventually(
    "the provider has none left",
    async () => (await provider.list({ namespace: providerKey.namespace }, within(5_000))).items.length === 0,
  );
  await eventually(
    "nor the consumer",
    async () => (await consumer.list({ namespace: key.namespace }, within(5_000))).items.length === 0,
  );
});

for (const informerScope of ["Namespaced", "Cluster"] as const) {
  Deno.test(`an instance that is in a namespace before it is mapped is adopted, informer scope ${informerScope}`, async () => {
    await using pair = await openPair({ informerScope });
    const { consumer, provider, group, key, providerKey } = pair;
    await using _sync = pair.open();
    await consumer.create(mangoDb(group, { ...key, name: "first" }), within(5_000));
    await pair.mapNamespace(() => provider.create(mangoDb(group, providerKey), within(5_000)));
    await pair.onConsumer("it is adopted", () => true);
  });
}

Deno.test("a namespace of the provider that cannot be listed keeps no other from being synced", async () => {
  await using pair = await openPair({ isRestricted: true });
  const { consumer, clusterNamespace, connection, group, key, providerKey, serviceNamespaces } = pair;
  using app = await appCluster();
  await using namespace = await app.namespace("shut");
  const { name } = namespace;
  const request = await serviceNamespaces.create(namespaceRequest(clusterNamespace, name), within(5_000));
  await serviceNamespaces.replaceStatus({ ...request, status: { namespace: `no-entry-${name}` } }, within(5_000));
  await eventually("it is mapped", () => {
    const known = connection.serviceNamespaces.store.get({ namespace: clusterNamespace, name });
    return known?.status?.namespace !== undefined;
  });
  await using sync = pair.open();
  await consumer.create(mangoDb(group, key), within(5_000));
  await pair.mapNamespace(() => pair.admit(providerKey.namespace));
  await pair.onProvider("the instance appears", () => true);

  const told = await eventually("which side and why is told", () => sync.trouble);
  assert.equal(told.side, "provider");
  assert.match(told.message, /^Cannot watch mangodbs\.\S+ .*on the provider: 403 Forbidden: /);
  assert.equal(sync.orphans, undefined, "nobody knows what is in there");
  await serviceNamespaces.delete({ namespace: clusterNamespace, name }, {}, within(5_000));
  await eventually("what is not asked for any more is no trouble", () => !sync.trouble);
  assert.deepEqual(sync.orphans, []);
});

Deno.test("a namespace is asked for again when its request is deleted before it is answered", async () => {
  await using pair = await openPair();
  const pending = Promise.withResolvers<void>();
  await using _sync = pair.open({
    recorder: { event: (_, { reason }) => reason === "NamespacePending" && pending.resolve() },
  });
  await pair.consumer.create(mangoDb(pair.group, pair.key), within(5_000));
  await pending.promise; // from now on nobody looks by himself
  await pair.serviceNamespaces.delete(
    { namespace: pair.clusterNamespace, name: pair.key.namespace },
    {},
    within(5_000),
  );
  await pair.mapNamespace();
  await pair.onProvider("the instance appears", () => true);
});

Deno.test("objects that are missing on the consumer, unseen, are kept on the provider until somebody says so", async () => {
  await using pair = await openPair();
  const { consumer, provider, group, key, providerKey } = pair;
  const first = pair.open();
  await consumer.create(mangoDb(group, key), within(5_000));
  await pair.mapNamespace();
  await pair.onProvider("the instance appears", () => true);
  await first[Symbol.asyncDispose]();

  // As in a cluster that was restored from before the object was made.
  await consumer.mergePatch(key, { metadata: { finalizers: null } }, {}, within(5_000));
  await consumer.delete(key, {}, within(5_000));
  const second = pair.open();
  assert.deepEqual(await eventually("it is known", () => second.orphans), [`${key.namespace}/db`], "at once, not none");
  assert.ok(await provider.find(providerKey, within(5_000)));
  await second[Symbol.asyncDispose]();

  await using _third = pair.open({ mayDeleteOrphans: true });
  await eventually("the orphan is deleted", async () => !(await provider.find(providerKey, within(5_000))));
});

Deno.test("an object whose deletion was seen is deleted on the provider, although its finalizer was taken away", async () => {
  await using pair = await openPair();
  const { consumer, provider, group, key, providerKey } = pair;
  await using _sync = pair.open();
  await consumer.create(mangoDb(group, key), within(5_000));
  await pair.mapNamespace();
  await pair.onProvider("the instance appears", () => true);
  await consumer.client.request("PATCH", `/apis/${group}/v1alpha1/namespaces/${key.namespace}/mangodbs/db`, {
    body: { metadata: { finalizers: null } },
    contentType: "application/merge-patch+json",
  }, within(5_000));
  await consumer.delete(key, {}, within(5_000));
  await eventually("it is deleted", async () => !(await provider.find(providerKey, within(5_000))));
});

Deno.test("what has vanished from a namespace that is being deleted takes the provider's object along", async () => {
  await using pair = await openPair();
  using app = await appCluster();
  const { consumer, provider, group, key, providerKey } = pair;
  const sync = pair.open();
  await consumer.create(mangoDb(group, key), within(5_000));
  await pair.mapNamespace();
  await pair.onProvider("the instance appears", () => true);
  await pair.onConsumer("it is held", ({ metadata }) => metadata.finalizers !== undefined);
  await sync[Symbol.asyncDispose]();

  const configMaps = app.client.api(CONFIG_MAPS);
  const metadata = { namespace: key.namespace, name: "hold", finalizers: ["example.com/hold"] };
  await configMaps.create({ apiVersion: "v1", kind: "ConfigMap", metadata }, within(5_000));
  await consumer.mergePatch(key, { metadata: { finalizers: null } }, {}, within(5_000));
  await app.client.api(NAMESPACES).delete({ name: key.namespace }, {}, within(5_000));
  await eventually("the instance is gone", async () => !(await consumer.find(key, within(5_000))));

  await using again = pair.open();
  await eventually("so is the provider's", async () => !(await provider.find(providerKey, within(5_000))));
  assert.deepEqual(again.orphans, []);
  await configMaps.mergePatch(metadata, { metadata: { finalizers: null } }, {}, within(5_000));
});

Deno.test("objects that are deleted as soon as they are made leave nothing behind", async () => {
  await using pair = await openPair();
  const { consumer, provider, group, key, providerKey } = pair;
  await using sync = pair.open();
  await consumer.create(mangoDb(group, key), within(5_000));
  await pair.mapNamespace();
  await pair.onProvider("the instance appears", () => true);

  const makeAndDelete = async (_: unknown, index: number) => {
    const object = mangoDb(group, { ...key, name: `brief-${index}` });
    const { metadata } = await consumer.create(object, within(5_000));
    await systemClock.sleep(index % 10, within(5_000)); // before, while and after it is held and copied
    await consumer.delete(metadata, {}, within(5_000));
  };
  await Promise.all(Array.from({ length: 60 }, makeAndDelete));
  await eventually("only the first one is left", async () => {
    const left = [
      ...(await consumer.list({ namespace: key.namespace }, within(5_000))).items,
      ...(await provider.list({ namespace: providerKey.namespace }, within(5_000))).items,
    ];
    return left.every(({ metadata }) => metadata.name === key.name);
  });
  assert.deepEqual(sync.orphans, []);
});
