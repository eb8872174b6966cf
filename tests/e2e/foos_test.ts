import assert from "node:assert/strict";
import { parse } from "yaml";
import type { APIServiceExportRequest } from "../../crds/api_service_export_request.ts";
import { API_SERVICE_BINDINGS, BOUND_ANNOTATION, CLUSTER_NAMESPACE_ANNOTATION } from "../../crds/names.ts";
import { CUSTOM_RESOURCE_DEFINITIONS } from "../../kube/resources.ts";
import { annotationOf, type DynamicObject } from "../../kube/types.ts";
import { eventually, within } from "../clusters.ts";
import { foo, fooCrd, fooResource } from "../foos.ts";
import { Story } from "./harness.ts";

const GROUP = "bar.io";
const API = `foos.${GROUP}`;

Deno.test("a cluster-scoped API is bound, and its objects follow under prefixed names", async (t) => {
  await using story = await Story.open();
  const consumer = story.consumer.client.api(fooResource(GROUP));
  const provider = story.provider.client.api(fooResource(GROUP));
  const key = { name: "test" };
  let providerKey: { name: string };
  const until = (side: typeof consumer, what: string, is: (object: DynamicObject) => boolean) =>
    eventually(what, async () => {
      const object = await side.find(side === consumer ? key : providerKey, soon());
      return object && is(object) && object;
    });

  await story.step(t, "given a provider that offers it, and a konnector in an empty app cluster", async () => {
    await Promise.all([story.startBackend("--consumer-scope=Cluster"), story.startKonnector()]);
    await story.backendReady();
    await story.offer(fooCrd(GROUP));
  });

  await story.step(t, "a dry run prints the request, and binds nothing", async () => {
    const { code, stdout } = await story.bind(API, { args: ["--dry-run"] });
    assert.equal(code, 0);
    const { spec } = parse(stdout) as APIServiceExportRequest;
    assert.deepEqual(spec.resources.map(({ group, resource }) => ({ group, resource })), [
      { group: GROUP, resource: "foos" },
    ]);
    assert.equal(await story.consumer.client.api(CUSTOM_RESOURCE_DEFINITIONS).find({ name: API }, soon()), undefined);
  });

  await story.step(t, "bound, the app cluster serves it, cluster-scoped", async () => {
    await story.bindOrFail(API);
    const crd = await story.consumer.client.api(CUSTOM_RESOURCE_DEFINITIONS).get({ name: API }, soon());
    assert.equal((crd.spec as { scope: string }).scope, "Cluster");
  });

  await story.step(t, "an object appears on the provider, once, under a name of this app cluster's", async () => {
    await consumer.create(foo(GROUP, "test"), soon());
    const made = await eventually(
      "one object is on the provider",
      async () => (await provider.list({}, soon())).items[0],
    );
    const clusterNamespace = annotationOf(made, CLUSTER_NAMESPACE_ANNOTATION);
    assert.ok(clusterNamespace);
    assert.equal(made.metadata.name, `${clusterNamespace}-test`);
    assert.equal(annotationOf(made, BOUND_ANNOTATION), "true");
    assert.equal((await provider.list({}, soon())).items.length, 1);
    providerKey = { name: made.metadata.name };
  });

  await story.step(t, "deleted on the provider, it is made again", async () => {
    const { metadata: { uid } } = await provider.get(providerKey, soon());
    await provider.delete(providerKey, { uid }, soon());
    await until(provider, "there is another one", ({ metadata }) => metadata.uid !== uid);
    assert.ok(await consumer.find(key, soon()));
  });

  await story.step(t, "the user changes it, and the provider follows", async () => {
    await consumer.mergePatch(key, { spec: { deploymentName: "tested" } }, {}, soon());
    await until(provider, "the provider follows", isNamed("tested"));
  });

  await story.step(t, "the operator reports, and the user sees it", async () => {
    await provider.mergePatch(providerKey, { status: { phase: "Running" } }, { subresource: "status" }, soon());
    await until(
      consumer,
      "the user sees it",
      ({ status }) => (status as { phase?: string } | undefined)?.phase === "Running",
    );
  });

  await story.step(t, "what somebody else changes on the provider is set back", async () => {
    await provider.mergePatch(providerKey, { spec: { deploymentName: "drifted" } }, {}, soon());
    await until(provider, "it is set back", isNamed("tested"));
    assert.ok(isNamed("tested")(await consumer.get(key, soon())));
  });

  await story.step(t, "made on the provider under the prefix, one is adopted", async () => {
    const { metadata, ...rest } = await provider.get(providerKey, soon());
    const { [BOUND_ANNOTATION]: _bound, ...annotations } = metadata.annotations!;
    const born = { ...rest, metadata: { name: `${metadata.name}2`, annotations } };
    await provider.create(born, soon());
    const adopted = await eventually("the user sees it", () => consumer.find({ name: "test2" }, soon()));
    assert.equal(annotationOf(adopted, BOUND_ANNOTATION), "true");
    assert.equal(annotationOf(adopted, CLUSTER_NAMESPACE_ANNOTATION), undefined);
  });

  await story.step(t, "deleted by the user, they go on both sides", async () => {
    for (const name of ["test", "test2"]) await consumer.delete({ name }, {}, soon());
    for (const side of [provider, consumer]) {
      await eventually("nothing is left", async () => (await side.list({}, soon())).items.length === 0);
    }
  });

  await story.step(t, "bound again, everything stays as it is", async () => {
    const { metadata } = await story.binding(API);
    await story.bindOrFail(API);
    const { items } = await story.consumer.client.api(API_SERVICE_BINDINGS).list({}, soon());
    assert.deepEqual(items.map((one) => one.metadata.uid), [metadata.uid]);
  });
});

const soon = () => within(5_000);

const isNamed = (name: string) => ({ spec }: DynamicObject) =>
  (spec as { deploymentName: string }).deploymentName === name;
