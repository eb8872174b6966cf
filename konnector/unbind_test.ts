import assert from "node:assert/strict";
import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import type { APIServiceExport } from "../crds/api_service_export.ts";
import { toExportSpec } from "../crds/export_schema.ts";
import { API_VERSION, BOUND_ANNOTATION, SYNC_FINALIZER } from "../crds/names.ts";
import type { Api } from "../kube/api.ts";
import { KubeClient } from "../kube/client.ts";
import { silentLog } from "../kube/log.ts";
import { parallel } from "../kube/parallel.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../kube/resources.ts";
import { hasFinalizer, isDeleting, keyOf } from "../kube/types.ts";
import { toConsumerCrd } from "../sync/consumer_crd.ts";
import { installPolicy } from "../tests/admission_policy.ts";
import { consumer, eventually, uniqueName, within } from "../tests/clusters.ts";
import { installCrd, mangoDb, mangoDbCrd, mangoDbResource } from "../tests/mangodb.ts";
import { unbind, type Unbinding } from "./unbind.ts";

const OTHER_FINALIZER = "example.com/other";

/** A bound API in the app cluster as the konnector leaves it, and no provider. */
async function openBoundApi() {
  await using opened = new AsyncDisposableStack();
  const app = opened.use(await consumer());
  const group = `${uniqueName("unbind")}.example.com`;
  const name = `mangodbs.${group}`;
  const binding: APIServiceBinding = {
    apiVersion: API_VERSION,
    kind: "APIServiceBinding",
    metadata: { namespace: "klutch-bind", name, uid: crypto.randomUUID() },
    spec: { kubeconfigSecretRef: { namespace: "klutch-bind", name: "kubeconfig", key: "kubeconfig" } },
  };
  const exported: APIServiceExport = {
    apiVersion: API_VERSION,
    kind: "APIServiceExport",
    metadata: { namespace: "cluster", name },
    spec: { ...toExportSpec(mangoDbCrd(group)), informerScope: "Namespaced" },
  };
  opened.use(await installCrd(app.client, toConsumerCrd(exported, binding)));
  const namespace = opened.use(await app.namespace("team")).name;
  const objects = app.client.api(mangoDbResource(group));
  const crds: Api<CustomResourceDefinition> = app.client.api(CUSTOM_RESOURCE_DEFINITIONS);
  const pass = (mode: Unbinding["mode"], rest: Partial<Unbinding> = {}, signal = within(30_000)) =>
    unbind({ binding, mode, consumer: app.client, isSyncing: true, log: silentLog, ...rest }, signal);
  const stack = opened.move();
  return {
    group,
    objects,
    pass,
    crd: () => crds.find({ name }, within(5_000)),
    writeCrd: (crd: CustomResourceDefinition) => crds.replace(crd, within(5_000)),
    find: (name: string) => objects.find({ namespace, name }, within(5_000)),
    async create(name: string, finalizers: string[] = [SYNC_FINALIZER]) {
      const object = mangoDb(group, { namespace, name });
      object.metadata.finalizers = finalizers;
      await objects.create(object, within(5_000));
    },
    label: (name: string) =>
      objects.mergePatch({ namespace, name }, { metadata: { labels: { at: uniqueName("now") } } }, {}, within(5_000)),
    delete: (name: string) => objects.delete({ namespace, name }, {}, within(5_000)),
    [Symbol.asyncDispose]: async () => {
      // Held objects would keep their namespace and CRD for ever; once the CRD is gone, so are they.
      const { items } = await objects.list({}, within(5_000)).catch(() => ({ items: [] }));
      await parallel(
        items,
        16,
        (object, signal) => objects.mergePatch(keyOf(object), { metadata: { finalizers: null } }, {}, signal),
        within(20_000),
      );
      await stack.disposeAsync();
    },
  };
}

Deno.test("an API that is unbound keeps its objects and its CRD, which nothing holds or owns any more", async () => {
  await using api = await openBoundApi();
  await api.create("db", [OTHER_FINALIZER, SYNC_FINALIZER]);
  assert.equal(await api.pass("orphan", { isSyncing: false, obstacle: "Connected is False" }), undefined);
  assert.deepEqual((await api.find("db"))!.metadata.finalizers, [OTHER_FINALIZER]);
  const { annotations, ownerReferences } = (await api.crd())!.metadata;
  assert.equal(ownerReferences, undefined);
  assert.equal(annotations?.[BOUND_ANNOTATION], "true");
  assert.equal(await api.pass("orphan"), undefined);
});

Deno.test("an object that was being deleted when its API was unbound is waited for, and named", async () => {
  await using api = await openBoundApi();
  await api.create("living");
  await api.create("going");
  await api.delete("going");
  const awaited = await api.pass("orphan");
  assert.equal(awaited?.condition.reason, "DeletionsPending");
  assert.match(awaited!.condition.message!, /^1 object .*\/going/);
  assert.equal(awaited!.objects, 2);
  assert.ok(hasFinalizer((await api.find("going"))!, SYNC_FINALIZER));
  assert.equal((await api.find("living"))!.metadata.finalizers, undefined);
  assert.ok((await api.crd())!.metadata.ownerReferences);

  const blocked = await api.pass("orphan", { obstacle: "Connected is False: ProviderUnreachable" });
  assert.equal(blocked?.condition.reason, "ProviderUnreachable");
  assert.match(blocked!.condition.message!, /Connected is False: ProviderUnreachable.*on-unbind=force/);

  assert.equal(await api.pass("force"), undefined);
  await eventually("the object is gone", async () => !await api.find("going"));
});

Deno.test("drained, the objects are deleted and waited for, and then the CRD goes", async () => {
  await using api = await openBoundApi();
  await api.create("held");
  await api.create("kept", [OTHER_FINALIZER]);
  const waiting = await api.pass("drain", { isSyncing: false, obstacle: "SecretValid is False" });
  assert.equal(waiting?.condition.reason, "ProviderUnreachable");
  assert.equal(isDeleting((await api.find("held"))!), false, "the provider would not hear of it");

  assert.match((await api.pass("drain"))!.condition.message!, /^2 objects are still there/);
  for (const name of ["held", "kept"]) {
    assert.ok(isDeleting((await api.find(name))!));
    await api.objects.mergePatch(
      (await api.find(name))!.metadata,
      { metadata: { finalizers: null } },
      {},
      within(5_000),
    );
  }
  assert.equal(await api.pass("drain"), undefined);
  await eventually("the CRD is gone", async () => !await api.crd());
});

Deno.test("an API without objects leaves nothing behind", async () => {
  await using api = await openBoundApi();
  assert.equal(await api.pass("orphan"), undefined);
  await eventually("the CRD is gone", async () => !await api.crd());
  assert.equal(await api.pass("orphan"), undefined);
});

Deno.test("a CRD that belongs to somebody else is not touched, nor are its objects", async () => {
  await using api = await openBoundApi();
  await api.create("db");
  await api.writeCrd({
    ...(await api.crd())!,
    metadata: { ...(await api.crd())!.metadata, annotations: {}, ownerReferences: [] },
  });
  for (const mode of ["orphan", "drain", "force"] as const) assert.equal(await api.pass(mode), undefined);
  assert.deepEqual((await api.find("db"))!.metadata.finalizers, [SYNC_FINALIZER]);
  assert.ok(await api.crd());
});

Deno.test("many objects are released, however often it is interrupted", async () => {
  await using api = await openBoundApi();
  const names = Array.from({ length: 600 }, (_, at) => `db-${at}`); // more than a page
  await parallel(names, 16, (name) => api.create(name), within(60_000));
  const held = async () => {
    const { items } = await api.objects.list({}, within(10_000));
    return items.filter((object) => hasFinalizer(object, SYNC_FINALIZER)).length;
  };
  const interrupted = new AbortController();
  let writes = 0;
  using app = await consumer();
  using client = new KubeClient(app.config, { beforeWrite: () => ++writes > 100 && interrupted.abort() });
  await assert.rejects(api.pass("orphan", { consumer: client }, interrupted.signal));
  const left = await held();
  assert.ok(left > 0 && left < names.length, `${left} left`);
  assert.equal(await api.pass("orphan"), undefined);
  assert.equal(await held(), 0);
  assert.ok(await api.crd());
});

Deno.test("an object that cannot be released is told of, and the others are released", async () => {
  await using api = await openBoundApi();
  await api.create("db");
  await api.create("frozen");
  await using _policy = await freeze(api, "frozen");
  const awaited = await api.pass("orphan");
  assert.equal(awaited?.condition.reason, "UnbindFailed");
  assert.match(awaited!.condition.message!, /^1 object cannot be let go: .*\/frozen/);
  assert.equal((await api.find("db"))!.metadata.finalizers, undefined);
  assert.ok((await api.crd())!.metadata.ownerReferences);
});

/** Keeps everybody from changing an object until it is disposed of. */
async function freeze(
  { group, label }: { group: string; label(name: string): Promise<unknown> },
  name: string,
): Promise<AsyncDisposable> {
  const app = await consumer();
  const policy = await installPolicy(app.client, {
    name: group,
    rule: { apiGroups: [group], operations: ["UPDATE"], resources: ["*"] },
    validations: [{ expression: `object.metadata.name != "${name}"` }],
  });
  await eventually("the object cannot be changed", () => label(name).then(() => false, () => true));
  return {
    async [Symbol.asyncDispose]() {
      await policy[Symbol.asyncDispose]();
      await eventually("the object can be changed again", () => label(name).then(() => true));
      app[Symbol.dispose]();
    },
  };
}
