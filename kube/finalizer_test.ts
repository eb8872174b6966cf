import assert from "node:assert/strict";
import { provider, within } from "../tests/clusters.ts";
import { isConflict, isInvalid, isNotFound } from "./errors.ts";
import { addFinalizer, removeFinalizer } from "./finalizer.ts";
import { CONFIG_MAPS, type ConfigMap } from "./resources.ts";

const OURS = "klutch.test/ours";
const THEIRS = "klutch.test/theirs";
const signal = () => within(10_000);

/** An object on a real API server with these finalizers; freed of them after the test. */
async function withObject(finalizers?: string[]) {
  const cluster = await provider();
  const namespace = await cluster.namespace("finalizer");
  const api = cluster.client.api<ConfigMap>(CONFIG_MAPS);
  const key = { namespace: namespace.name, name: "a" };
  const create = () => api.create({ apiVersion: "v1", kind: "ConfigMap", metadata: { ...key, finalizers } }, signal());
  return {
    api,
    key,
    create,
    object: await create(),
    async [Symbol.asyncDispose]() {
      const left = await api.find(key, signal());
      if (left) await api.mergePatch(key, { metadata: { finalizers: null } }, {}, signal());
      await namespace[Symbol.asyncDispose]();
      cluster[Symbol.dispose]();
    },
  };
}

Deno.test("a finalizer is added beside those of others, and taken away again without them", async () => {
  await using test = await withObject([THEIRS]);
  const { api } = test;
  const held = await addFinalizer(api, test.object, OURS, signal());
  assert.deepEqual(held.metadata.finalizers, [THEIRS, OURS]);
  await removeFinalizer(api, held, OURS, signal());
  assert.deepEqual((await api.get(test.key, signal())).metadata.finalizers, [THEIRS]);
});

Deno.test("what is there already, or not there, causes no write", async () => {
  await using test = await withObject([OURS]);
  const { api, object } = test;
  assert.equal(await addFinalizer(api, object, OURS, signal()), object);
  await removeFinalizer(api, object, THEIRS, signal());
  assert.equal((await api.get(test.key, signal())).metadata.resourceVersion, object.metadata.resourceVersion);
});

Deno.test("a finalizer that somebody added in the meantime is not lost: the write is refused", async () => {
  await using test = await withObject([OURS]);
  const { api, object } = test;
  await addFinalizer(api, object, THEIRS, signal());
  await assert.rejects(removeFinalizer(api, object, OURS, signal()), isConflict);
  await assert.rejects(addFinalizer(api, object, "klutch.test/third", signal()), isConflict);
  assert.deepEqual((await api.get(test.key, signal())).metadata.finalizers, [OURS, THEIRS]);
});

Deno.test("an object of the same name that was made later is left alone", async () => {
  await using test = await withObject();
  const { api, object } = test;
  await api.delete(test.key, {}, signal());
  const second = await test.create();
  await assert.rejects(addFinalizer(api, object, OURS, signal()), isConflict);
  const claimed = { ...object, metadata: { ...object.metadata, resourceVersion: second.metadata.resourceVersion } };
  await assert.rejects(addFinalizer(api, claimed, OURS, signal()), (error) => isConflict(error) || isInvalid(error));
  assert.equal((await api.get(test.key, signal())).metadata.finalizers, undefined);
});

Deno.test("an object that is gone cannot be held, and needs no release", async () => {
  await using test = await withObject();
  const { api, object } = test;
  await api.delete(test.key, {}, signal());
  await assert.rejects(addFinalizer(api, object, OURS, signal()), isNotFound);
  const held = { ...object, metadata: { ...object.metadata, finalizers: [OURS] } };
  await removeFinalizer(api, held, OURS, signal());
  assert.equal(await api.find(test.key, signal()), undefined);
});

Deno.test("an object that is being deleted can be released but no longer held", async () => {
  await using test = await withObject([OURS]);
  const { api } = test;
  await api.delete(test.key, {}, signal());
  const deleting = await api.get(test.key, signal());
  await assert.rejects(addFinalizer(api, deleting, THEIRS, signal()), isInvalid);
  await removeFinalizer(api, deleting, OURS, signal());
  assert.equal(await api.find(test.key, signal()), undefined);
});

Deno.test("an object of which uid or resourceVersion is not known is a programmer's mistake", async () => {
  await using test = await withObject();
  for (const field of ["uid", "resourceVersion"] as const) {
    const { [field]: _, ...metadata } = test.object.metadata;
    const object = { ...test.object, metadata };
    await assert.rejects(addFinalizer(test.api, object, OURS, signal()), TypeError);
  }
});
