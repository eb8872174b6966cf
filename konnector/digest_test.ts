import assert from "node:assert/strict";
import { BOUND_ANNOTATION, SYNC_FINALIZER } from "../crds/names.ts";
import { applyOver } from "../kube/apply.ts";
import type { DynamicObject } from "../kube/types.ts";
import { OWNER, planInstance, toProviderObject } from "../sync/instance_plan.ts";
import { consumer, provider, uniqueName, within } from "../tests/clusters.ts";
import { installCrd, mangoDb, mangoDbCrd, mangoDbResource } from "../tests/mangodb.ts";
import { compare, digestConsumer, digestProvider } from "./digest.ts";

Deno.test("digests of a pair that was really written are equal, whatever the provider's side adds", async () => {
  using app = await consumer();
  using plane = await provider();
  const group = `${uniqueName("digest")}.example.com`;
  await using _appCrd = await installCrd(app.client, mangoDbCrd(group));
  await using _planeCrd = await installCrd(plane.client, mangoDbCrd(group));
  const consumers = app.client.api(mangoDbResource(group));
  const providers = plane.client.api(mangoDbResource(group));
  const key = { namespace: "default", name: "db" };
  const how = { fieldManager: OWNER.name, predecessor: OWNER.predecessor, force: true };
  const apply = (consumer: DynamicObject, current: DynamicObject) => {
    const desired = toProviderObject(consumer, key, { provider: current });
    return applyOver(providers, { current, desired }, how, within(5_000));
  };
  const agreement = (consumer: DynamicObject, provider: DynamicObject) =>
    compare(digestConsumer(consumer), digestProvider(provider));

  const object = mangoDb(group, key, {
    storage: { sizeBytes: 5, ratio: 1.5 },
    users: [{ name: "b", roles: ["x", "y"] }, { name: "a" }],
  });
  object.metadata.finalizers = [SYNC_FINALIZER];
  const held = await consumers.create(object, within(5_000));
  const desired = toProviderObject(held, key);
  let applied = await providers.createAs(desired, { fieldManager: OWNER.predecessor }, within(5_000));
  assert.equal(digestConsumer(held).spec, digestProvider(applied).spec);
  assert.equal(agreement(held, applied), "settled");

  const addition = { metadata: { labels: { by: "operator" } }, spec: { resourceRef: { name: "xr" } } };
  applied = await providers.mergePatch(key, addition, {}, within(5_000));
  assert.equal(agreement(held, applied), "settled");

  applied = await providers.mergePatch(key, { spec: { tier: "Dedicated" } }, {}, within(5_000));
  assert.equal(agreement(held, applied), "unclear");
  assert.deepEqual(planInstance({ consumer: held, provider: applied }), ["applySpec"]);
  applied = await apply(held, applied);
  assert.equal(agreement(held, applied), "settled");

  const status = { status: { phase: "Running" } };
  applied = await providers.mergePatch(key, status, { subresource: "status" }, within(5_000));
  assert.equal(agreement(held, applied), "statusDiffers");

  const edited = await consumers.mergePatch(key, { spec: { users: null } }, {}, within(5_000));
  assert.equal(agreement(edited, applied), "unclear");
  applied = await apply(edited, applied);
  assert.equal(agreement(edited, applied), "statusDiffers");
  assert.equal((applied.spec as { users?: unknown }).users, undefined);
  assert.equal(applied.metadata.annotations?.[BOUND_ANNOTATION], "true");

  await consumers.mergePatch(key, { metadata: { finalizers: null } }, {}, within(5_000));
});
