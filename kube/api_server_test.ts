import assert from "node:assert/strict";
import { provider, within } from "../tests/clusters.ts";
import { serveWidgets, type Widget } from "../tests/widgets.ts";
import type { Api } from "./api.ts";
import { KubeClient } from "./client.ts";
import {
  isAlreadyExists,
  isConflict,
  isForbidden,
  isInvalid,
  isNotFound,
  isNotServed,
  isUnauthorized,
} from "./errors.ts";
import { parseJson } from "./json.ts";
import { staticConfig } from "./kubeconfig.ts";
import { CONFIG_MAPS, type ConfigMap, NAMESPACES } from "./resources.ts";

const ANYTHING = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

const configMap = (namespace: string, name: string, data: Record<string, string> = { a: "1" }): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace, name },
  data,
});

/** An error of this kind with this message. */
const failure = (kind: (error: unknown) => boolean, message: RegExp) => (error: Error) => {
  assert.ok(kind(error), String(error));
  assert.match(error.message, message);
  return true;
};

Deno.test("objects are created, read, listed, replaced and deleted on a real API server", async () => {
  using cluster = await provider();
  await using namespace = await cluster.namespace("client");
  const api = cluster.client.api<ConfigMap>(CONFIG_MAPS);
  const signal = within(10_000);
  const key = { namespace: namespace.name, name: "a" };

  assert.equal(await api.find(key, signal), undefined);
  const created = await api.create(configMap(namespace.name, "a"), signal);
  assert.ok(created.metadata.uid && created.metadata.resourceVersion);
  assert.deepEqual((await api.get(key, signal)).data, { a: "1" });
  await api.create(
    { ...configMap(namespace.name, "x"), metadata: { namespace: namespace.name, generateName: "b-" } },
    signal,
  );
  const { items, resourceVersion } = await api.list({ namespace: namespace.name }, signal);
  assert.equal(items.filter(({ metadata }) => /^(a|b-.+)$/.test(metadata.name)).length, 2);
  assert.ok(items.every(({ kind, apiVersion }) => kind === "ConfigMap" && apiVersion === "v1"));
  assert.match(resourceVersion, /^\d+$/);

  const replaced = await api.replace({ ...created, data: { b: "2" } }, signal);
  assert.deepEqual(replaced.data, { b: "2" });
  await assert.rejects(
    api.replace({ ...created, data: {} }, signal),
    failure(isConflict, /^Cannot update configmaps "client-.*\/a" on the provider: 409 Conflict: /),
  );
  await assert.rejects(
    api.create(configMap(namespace.name, "a"), signal),
    failure(isAlreadyExists, /^Cannot create configmaps "client-.*\/a" on the provider: 409 AlreadyExists: /),
  );
  await api.delete(key, {}, signal);
  await api.delete(key, {}, signal); // gone is gone
  await assert.rejects(api.get(key, signal), failure(isNotFound, /404 NotFound: configmaps "a" not found$/));
});

Deno.test("an object is deleted only if it is the one that was meant", async () => {
  using cluster = await provider();
  await using namespace = await cluster.namespace("client");
  const api = cluster.client.api<ConfigMap>(CONFIG_MAPS);
  const signal = within(10_000);
  const key = { namespace: namespace.name, name: "a" };
  const first = await api.create(configMap(namespace.name, "a"), signal);
  await api.delete(key, { uid: first.metadata.uid }, signal);
  const second = await api.create(configMap(namespace.name, "a"), signal);
  for (const precondition of [{ uid: first.metadata.uid }, { resourceVersion: "1" }]) {
    await assert.rejects(
      api.delete(key, precondition, signal),
      failure(isConflict, /^Cannot delete configmaps "client-.*\/a" on the provider: 409 Conflict: .*precondition/i),
    );
  }
  assert.equal((await api.get(key, signal)).metadata.uid, second.metadata.uid);
});

Deno.test("a resource that is not served is an error, and not the absence of an object", async () => {
  using cluster = await provider();
  const signal = within(10_000);
  const api = cluster.client.api({ ...CONFIG_MAPS, group: "no.such.group" });
  const key = { namespace: "default", name: "a" };
  const message = /no\.such\.group "default\/a" on the provider: 404 .*: the server does not serve this$/;
  await assert.rejects(api.find(key, signal), failure(isNotServed, message));
  await assert.rejects(api.delete(key, {}, signal), failure(isNotServed, message));
});

Deno.test("an object in a namespace that does not exist says so", async () => {
  using cluster = await provider();
  await assert.rejects(
    cluster.client.api<ConfigMap>(CONFIG_MAPS).create(configMap("no-such-namespace", "a"), within(10_000)),
    failure(isNotFound, /namespaces "no-such-namespace" not found/),
  );
});

Deno.test("patches: merging, with a guard, and by operations", async () => {
  using cluster = await provider();
  await using namespace = await cluster.namespace("client");
  const api = cluster.client.api<ConfigMap>(CONFIG_MAPS);
  const signal = within(10_000);
  const key = { namespace: namespace.name, name: "a" };
  const { metadata: { uid, resourceVersion } } = await api.create(configMap(namespace.name, "a"), signal);
  const patched = await api.mergePatch(
    key,
    { metadata: { uid, resourceVersion }, data: { a: null, b: "2" } },
    {},
    signal,
  );
  assert.deepEqual(patched.data, { b: "2" });
  await assert.rejects(
    api.mergePatch(key, { metadata: { resourceVersion }, data: {} }, {}, signal),
    failure(isConflict, /^Cannot patch configmaps "client-.*\/a" on the provider: 409 Conflict: /),
  );
  const test = { op: "test", path: "/data/b", value: "2" } as const;
  const replaced = await api.jsonPatch(key, [test, { op: "replace", path: "/data/b", value: "3" }], {}, signal);
  assert.deepEqual(replaced.data, { b: "3" });
  await assert.rejects(
    api.jsonPatch(key, [test, { op: "remove", path: "/data/b" }], {}, signal),
    failure(isInvalid, /422/),
  );
});

Deno.test("apply removes what is no longer said, leaves what others said, and reports conflicts", async () => {
  using cluster = await provider();
  await using namespace = await cluster.namespace("client");
  const api = cluster.client.api<ConfigMap>(CONFIG_MAPS);
  const signal = within(10_000);
  const desired = (data: Record<string, string>) => configMap(namespace.name, "a", data);
  await api.apply(desired({ a: "1", b: "1" }), { fieldManager: "one" }, signal);
  await api.apply(desired({ c: "2" }), { fieldManager: "two" }, signal);
  const applied = await api.apply(desired({ a: "1" }), { fieldManager: "one" }, signal);
  assert.deepEqual(applied.data, { a: "1", c: "2" });
  await assert.rejects(
    api.apply(desired({ c: "1" }), { fieldManager: "one" }, signal),
    failure(isConflict, /^Cannot apply configmaps "client-.*\/a" on the provider: 409 Conflict: .*conflict with "two"/),
  );
  const forced = await api.apply(desired({ c: "1" }), { fieldManager: "one", force: true }, signal);
  assert.deepEqual(forced.data, { c: "1" });
});

Deno.test("status is written apart from the rest", async () => {
  using cluster = await provider();
  await using namespace = await cluster.namespace("client");
  await using widgets = await serveWidgets(cluster.client, ANYTHING);
  const api = cluster.client.api<Widget>(widgets.resource);
  const signal = within(10_000);
  const metadata = { namespace: namespace.name, name: "a" };
  const kind = { apiVersion: `${widgets.resource.group}/v1`, kind: "Widget" };
  const created = await api.create({ ...kind, metadata, spec: { size: 1 }, status: { phase: "ignored" } }, signal);
  assert.equal(created.status, undefined);
  const running = await api.replaceStatus({ ...created, spec: { size: 2 }, status: { phase: "Running" } }, signal);
  assert.deepEqual([running.spec, running.status], [{ size: 1 }, { phase: "Running" }]);
  const patched = await api.mergePatch(metadata, { status: { phase: "Ready" } }, { subresource: "status" }, signal);
  assert.deepEqual(patched.status, { phase: "Ready" });
  await assert.rejects(
    api.replaceStatus({ ...created, status: {} }, signal),
    failure(isConflict, /^Cannot update the status of widgets\.test-.* "client-.*\/a" on the provider: 409/),
  );
});

Deno.test("numbers that a double cannot hold go to the API server and come back exactly, in every way", async () => {
  using cluster = await provider();
  await using namespace = await cluster.namespace("client");
  const properties = {
    big: { type: "integer", format: "int64" },
    ratio: { type: "number" },
    free: ANYTHING,
  };
  await using widgets = await serveWidgets(cluster.client, { type: "object", properties });
  const api = cluster.client.api<Widget>(widgets.resource);
  const signal = within(10_000);
  const text =
    `{"big":9007199254740993,"free":{"list":[-9223372036854775808,0.1],"max":9223372036854775807},"ratio":0.25}`;
  const object = (name: string): Widget => ({
    apiVersion: `${widgets.resource.group}/v1`,
    kind: "Widget",
    metadata: { namespace: namespace.name, name },
    spec: parseJson(text),
  });
  const specOf = ({ spec }: Widget) => JSON.stringify(spec);
  const created = await api.create(object("created"), signal);
  assert.equal(specOf(created), text);
  assert.equal(specOf(await api.apply(object("applied"), { fieldManager: "test" }, signal)), text);
  assert.equal(specOf(await api.get({ namespace: namespace.name, name: "created" }, signal)), text);
  assert.equal(specOf(await api.replace({ ...created, metadata: { ...created.metadata, labels: {} } }, signal)), text);
  for (const item of (await api.list({ namespace: namespace.name }, signal)).items) assert.equal(specOf(item), text);
  const options = { namespace: namespace.name, sendInitialEvents: true, timeoutSeconds: 10, silenceMs: 5000 };
  for await (const event of api.watch(options, signal)) {
    if (event.type === "BOOKMARK") break;
    assert.equal(specOf(event.object), text);
  }
  // What the API server itself writes differently, it writes so once and for all: no reason for a second write.
  const odd = await api.apply({ ...object("odd"), spec: parseJson(`{"ratio":1.0,"free":{"e":1e3}}`) }, {
    fieldManager: "test",
  }, signal);
  const again = await api.apply({ ...object("odd"), spec: odd.spec }, { fieldManager: "test" }, signal);
  assert.equal(specOf(again), specOf(odd));
  assert.equal(again.metadata.resourceVersion, odd.metadata.resourceVersion);
});

Deno.test("wrong credentials and missing rights are told apart, and the token is not", async () => {
  using cluster = await provider();
  const { server, caData } = cluster.config;
  using unknown = new KubeClient(staticConfig({ server, caData, token: "no-such-token" }), { side: "provider" });
  await assert.rejects(
    unknown.api(NAMESPACES).list({}, within(10_000)),
    failure(isUnauthorized, /^Cannot list namespaces on the provider: 401 Unauthorized: Unauthorized$/),
  );
  using anonymous = new KubeClient(staticConfig({ server, caData }), { side: "provider" });
  await assert.rejects(
    anonymous.api(NAMESPACES).list({}, within(10_000)),
    failure(isForbidden, /^Cannot list namespaces on the provider: 403 Forbidden: .*system:anonymous.*cannot list/),
  );
});

Deno.test("tls-server-name holds against a real API server, for requests and watches, and survives many of both", async () => {
  using cluster = await provider();
  const name = "provider.klutch.test"; // in its certificate, in no DNS
  using client = new KubeClient({ ...cluster.config, tlsServerName: name });
  const api: Api<ConfigMap> = client.api(CONFIG_MAPS);
  const stop = new AbortController();
  const bookmarks = Array.from({ length: 20 }, async () => {
    const options = { namespace: "default", sendInitialEvents: true, timeoutSeconds: 60, silenceMs: 90_000 };
    for await (const event of api.watch(options, stop.signal)) if (event.type === "BOOKMARK") return "synced";
  });
  assert.deepEqual(await Promise.all(bookmarks), Array(20).fill("synced"));
  const lists = Array.from({ length: 50 }, () => api.list({ namespace: "default" }, within(10_000)));
  assert.equal((await Promise.all(lists)).length, 50);

  using wrong = new KubeClient({ ...cluster.config, tlsServerName: "other.klutch.test" });
  const refusal = /certificate does not verify/;
  await assert.rejects(wrong.api(CONFIG_MAPS).list({}, within(10_000)), refusal);
  const watch = wrong.api(CONFIG_MAPS).watch({ timeoutSeconds: 5, silenceMs: 5000 }, within(10_000));
  await assert.rejects(watch.next(), refusal);
});
