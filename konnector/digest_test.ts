import assert from "node:assert/strict";
import { BOUND_ANNOTATION, FIELD_MANAGER, SYNC_FINALIZER } from "../crds/names.ts";
import { planInstance, toProviderObject } from "../sync/instance_plan.ts";
import { consumer, provider, uniqueName, within } from "../tests/clusters.ts";
import { installCrd, mangoDb, mangoDbCrd, mangoDbResource } from "../tests/mangodb.ts";
import { digestConsumer, digestProvider, isSettled } from "./digest.ts";

Deno.test("digests of a pair that was really applied are equal, whatever the provider's side adds", async () => {
  using app = await consumer();
  using plane = await provider();
  const group = `${uniqueName("digest")}.example.com`;
  await using _appCrd = await installCrd(app.client, mangoDbCrd(group));
  await using _planeCrd = await installCrd(plane.client, mangoDbCrd(group));
  const consumers = app.client.api(mangoDbResource(group));
  const providers = plane.client.api(mangoDbResource(group));
  const key = { namespace: "default", name: "db" };
  const apply = (...[consumer, provider]: Parameters<typeof pairOf>) =>
    providers.apply(
      toProviderObject(consumer, key, { provider }),
      { fieldManager: FIELD_MANAGER, force: true },
      within(5_000),
    );
  const pairOf = (consumer: Parameters<typeof digestConsumer>[0], provider?: typeof consumer) => ({
    consumer,
    provider,
  });

  const object = mangoDb(group, key, {
    storage: { sizeBytes: 5, ratio: 1.5 },
    users: [{ name: "b", roles: ["x", "y"] }, { name: "a" }],
  });
  object.metadata.finalizers = [SYNC_FINALIZER];
  const held = await consumers.create(object, within(5_000));
  let applied = await apply(held);
  assert.equal(digestConsumer(held).spec, digestProvider(applied).spec);
  assert.ok(isSettled(digestConsumer(held), digestProvider(applied)));

  const addition = { metadata: { labels: { by: "operator" } }, spec: { resourceRef: { name: "xr" } } };
  applied = await providers.mergePatch(key, addition, {}, within(5_000));
  assert.ok(isSettled(digestConsumer(held), digestProvider(applied)));

  applied = await providers.mergePatch(key, { spec: { tier: "Dedicated" } }, {}, within(5_000));
  assert.ok(!isSettled(digestConsumer(held), digestProvider(applied)));
  assert.deepEqual(planInstance({ consumer: held, provider: applied }), ["applySpec"]);
  applied = await apply(held, applied);
  assert.ok(isSettled(digestConsumer(held), digestProvider(applied)));

  const edited = await consumers.mergePatch(key, { spec: { users: null } }, {}, within(5_000));
  assert.ok(!isSettled(digestConsumer(edited), digestProvider(applied)));
  applied = await apply(edited, applied);
  assert.ok(isSettled(digestConsumer(edited), digestProvider(applied)));
  assert.equal(applied.metadata.annotations?.[BOUND_ANNOTATION], "true");

  await consumers.mergePatch(key, { metadata: { finalizers: null } }, {}, within(5_000));
});
