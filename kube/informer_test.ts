import assert from "node:assert/strict";
import { RecordedApi, type RecordedChange } from "../tests/recorded_api.ts";
import { eventually, provider, within } from "../tests/clusters.ts";
import { TcpProxy } from "../tests/tcp_proxy.ts";
import { KubeClient } from "./client.ts";
import { type Change, Informer, type InformerOptions } from "./informer.ts";
import { staticConfig } from "./kubeconfig.ts";
import { createLog, silentLog } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { CONFIG_MAPS, type ConfigMap } from "./resources.ts";
import { formatKey } from "./types.ts";

const HISTORY: RecordedChange[] = [
  { type: "ADDED", name: "a", value: "1" },
  { type: "ADDED", name: "b", value: "1" },
];
const never = new AbortController().signal;

/** An informer on a recorded API; stopped with the test. */
function inform<V = ConfigMap>(
  server: RecordedApi,
  options: Partial<InformerOptions<ConfigMap, V>> = {},
) {
  const client = new KubeClient(staticConfig({ server: server.url }));
  const informer = new Informer<ConfigMap, V>(client.api<ConfigMap>(CONFIG_MAPS), { log: silentLog, ...options });
  const stop = new AbortController();
  const told: string[] = [];
  const sign = (value: V | undefined) => value === undefined ? "-" : valueOf(value);
  const tell = ({ key, before, after, fresh }: Change<V, ConfigMap>) =>
    told.push(`${formatKey(key)} ${sign(before)}>${sign(after)}${fresh ? " fresh" : ""}`);
  informer.subscribe(tell, never);
  const watching = informer.watch({ namespace: "ns" }, stop.signal);
  return {
    informer,
    stop,
    told,
    watching,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await watching;
      client.close();
    },
  };
}

const valueOf = (value: unknown) => (value as ConfigMap).data?.value ?? String(value);
const state = (informer: Informer<ConfigMap>) =>
  Object.fromEntries([...informer.store.list()].map(({ metadata, data }) => [metadata.name, data?.value]).sort());

Deno.test("an informer's store follows the API server, and subscribers learn what is fresh", async () => {
  await using server = new RecordedApi([...HISTORY]);
  await using run = inform(server);
  assert.equal(run.informer.isSynced, false);
  await run.informer.synced(within(5000));
  assert.deepEqual(state(run.informer), server.state);
  server.happen({ type: "MODIFIED", name: "a", value: "2" }, { type: "DELETED", name: "b" }, {
    type: "ADDED",
    name: "c",
  });
  await eventually("all is told", () => run.informer.store.get({ namespace: "ns", name: "c" }));
  assert.deepEqual(state(run.informer), server.state);
  assert.deepEqual(run.told, [
    "ns/a ->1",
    "ns/b ->1",
    "ns/a 1>2 fresh",
    "ns/b 1>- fresh",
    "ns/c ->[object Object] fresh",
  ]);
});

Deno.test("what vanished while the watch had to start over is told as gone, though not as fresh", async () => {
  await using server = new RecordedApi([...HISTORY]);
  await using run = inform(server);
  await run.informer.synced(within(5000));
  server.failures.push({ code: 410, inStream: false });
  server.cut();
  server.happen({ type: "DELETED", name: "a" }, { type: "MODIFIED", name: "b", value: "2" });
  await eventually("the store agrees", () => run.told.length === 4);
  assert.deepEqual(run.told.slice(2), ["ns/b 1>2", "ns/a 1>-"]);
  assert.deepEqual(state(run.informer), server.state);
  assert.equal(run.informer.isSynced, true);
});

Deno.test("an informer says why it is cut off until it is connected again, also when nothing happens then", async () => {
  const lines: Record<string, unknown>[] = [];
  const restarts: string[] = [];
  const metrics = { watchRestarted: (resource: string) => restarts.push(resource) } as unknown as Metrics;
  const log = createLog({ format: "json", level: "info", write: (line) => lines.push(JSON.parse(line)) });
  await using server = new RecordedApi([...HISTORY]);
  await using run = inform(server, { log, metrics });
  await run.informer.synced(within(5000));
  assert.equal(run.informer.trouble, undefined);
  server.failures.push(...Array(2).fill({ code: 500, inStream: false }));
  server.cut();
  await eventually("trouble is known", () => /500 Reason: message/.test(run.informer.trouble ?? ""));
  await eventually("trouble is over", () => run.informer.trouble === undefined);
  assert.equal(run.told.length, 2);
  assert.deepEqual(restarts, ["configmaps", "configmaps", "configmaps"]);
  assert.deepEqual(lines.map(({ level, msg, resource, namespace }) => [level, msg, resource, namespace]), [
    ...Array(3).fill(["warn", "watch interrupted", "configmaps", "ns"]),
  ]);
});

Deno.test("a store may keep a part of each object, and find entries by it", async () => {
  await using server = new RecordedApi([...HISTORY, { type: "ADDED", name: "c", value: "2" }]);
  await using run = inform<string>(server, {
    project: ({ data }) => data!.value!,
    indexers: { value: (value) => [value] },
  });
  await run.informer.synced(within(5000));
  assert.deepEqual(run.informer.store.keysBy("value", "1"), [
    { namespace: "ns", name: "a" },
    { namespace: "ns", name: "b" },
  ]);
  assert.equal(run.informer.store.get({ namespace: "ns", name: "c" }), "2");
});

Deno.test("a late subscriber is told what is there, and nothing after its signal", async () => {
  await using server = new RecordedApi([...HISTORY]);
  await using run = inform(server);
  await run.informer.synced(within(5000));
  const keys: string[] = [];
  const leave = new AbortController();
  run.informer.subscribe(({ key, fresh }) => keys.push(`${key.name} ${fresh}`), leave.signal);
  assert.deepEqual(keys, ["a false", "b false"]);
  leave.abort();
  server.happen({ type: "ADDED", name: "c", value: "1" });
  await eventually("the others are told", () => run.told.length === 3);
  assert.equal(keys.length, 2);
  assert.throws(() => run.informer.subscribe(() => {}, leave.signal));
});

Deno.test("waiting for the first list ends with its signal", async () => {
  await using server = new RecordedApi([...HISTORY]);
  for (let count = 0; count < 50; count++) server.failures.push({ code: 500, inStream: false });
  await using run = inform(server);
  const stop = new AbortController();
  const waiting = run.informer.synced(stop.signal);
  stop.abort(new Error("enough"));
  await assert.rejects(waiting, /^Error: enough$/);
});

Deno.test("a scope that is no longer watched leaves the store without being told as deleted", async () => {
  await using server = new RecordedApi([...HISTORY]);
  await using run = inform(server);
  await run.informer.synced(within(5000));
  run.stop.abort();
  await run.watching;
  assert.equal(run.informer.store.size, 0);
  assert.equal(run.told.length, 2);
  assert.equal(run.informer.isSynced, false);
});

/** The answer to a write of our own. */
const answer = (name: string, resourceVersion: string, value: string, finalizers?: string[]): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace: "ns", name, resourceVersion, finalizers },
  data: { value },
});

Deno.test("the answer to a write of our own is in the store before its event, which then tells nothing older", async () => {
  await using server = new RecordedApi([...HISTORY]);
  await using run = inform(server);
  await run.informer.synced(within(5000));
  run.informer.accept(answer("a", "4", "ours"));
  assert.deepEqual(state(run.informer), { a: "ours", b: "1" });
  assert.equal(run.told.at(-1), "ns/a 1>ours fresh");
  server.happen(
    { type: "MODIFIED", name: "a", value: "from before ours" }, // 3
    { type: "MODIFIED", name: "a", value: "ours" }, // 4
    { type: "MODIFIED", name: "b", value: "2" }, // 5
  );
  await eventually("all is told", () => run.informer.store.get({ namespace: "ns", name: "b" })?.data?.value === "2");
  assert.ok(!run.told.join().includes("from before"));
  server.happen({ type: "DELETED", name: "a" });
  await eventually("its deletion counts", () => run.informer.store.size === 1);
});

Deno.test("an answer that comes late changes nothing: not over newer events, nor for what is gone", async () => {
  await using server = new RecordedApi([...HISTORY]);
  await using run = inform(server);
  await run.informer.synced(within(5000));
  server.happen(
    { type: "MODIFIED", name: "a", value: "2" },
    { type: "DELETED", name: "a" },
    { type: "MODIFIED", name: "b", value: "3" },
  );
  await eventually("all is told", () => run.told.length === 5);
  run.informer.accept(answer("a", "3", "late"));
  run.informer.accept(answer("b", "4", "late"));
  assert.deepEqual(state(run.informer), server.state);
});

Deno.test("an answer from before a new list cannot bring back what the list no longer had", async () => {
  await using server = new RecordedApi([...HISTORY]);
  await using run = inform(server);
  run.informer.accept(answer("a", "9", "too early")); // before any list
  await run.informer.synced(within(5000));
  server.failures.push({ code: 410, inStream: false });
  server.cut();
  server.happen({ type: "MODIFIED", name: "a", value: "2" }, { type: "DELETED", name: "a" });
  await eventually("a is gone", () => run.informer.store.size === 1);
  run.informer.accept(answer("a", "3", "late"));
  assert.deepEqual(state(run.informer), { b: "1" });
});

Deno.test("the answer that released a deleted object is not taken for the object", async () => {
  await using server = new RecordedApi([...HISTORY]);
  await using run = inform(server);
  await run.informer.synced(within(5000));
  const released = answer("a", "3", "1");
  released.metadata.deletionTimestamp = "2026-01-01T00:00:00Z";
  run.informer.accept(released);
  server.happen({ type: "DELETED", name: "a" });
  await eventually("a is gone", () => run.informer.store.size === 1);
});

const configMap = (namespace: string, name: string): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace, name, labels: { test: "informer" } },
});
const labelSelector = "test=informer";

Deno.test("several namespaces of a real API server feed one store", async () => {
  using cluster = await provider();
  await using one = await cluster.namespace("informer");
  await using two = await cluster.namespace("informer");
  const api = cluster.client.api<ConfigMap>(CONFIG_MAPS);
  const informer = new Informer(api, { log: silentLog });
  const [stopOne, stopTwo] = [new AbortController(), new AbortController()];
  await api.create(configMap(one.name, "a"), within(5000));
  const watching = [
    informer.watch({ namespace: one.name, labelSelector }, stopOne.signal),
    informer.watch({ namespace: two.name, labelSelector }, stopTwo.signal),
  ];
  await informer.synced(within(5000));
  await api.create(configMap(two.name, "a"), within(5000));
  await eventually("both are there", () => informer.store.size === 2);
  assert.equal([...informer.store.list(two.name)].length, 1);
  stopOne.abort();
  await watching[0];
  assert.deepEqual([...informer.store.keys()], [{ namespace: two.name, name: "a" }]);
  assert.equal(informer.isSynced, true);
  stopTwo.abort();
  await watching[1];
});

Deno.test("a half-open connection is noticed and resumed without listing again; nothing that happened meanwhile is lost", async () => {
  using cluster = await provider();
  await using namespace = await cluster.namespace("informer");
  const api = cluster.client.api<ConfigMap>(CONFIG_MAPS);
  await api.create(configMap(namespace.name, "before"), within(5000));
  await using proxy = new TcpProxy(cluster.config.server);
  let requests = 0;
  const metrics = { requestDone: () => requests++, watchRestarted: () => {} } as unknown as Metrics;
  using client = new KubeClient({ ...cluster.config, server: proxy.through(cluster.config.server) }, { metrics });
  const informer = new Informer(client.api<ConfigMap>(CONFIG_MAPS), { log: silentLog, metrics, silenceMs: 1000 });
  const changes: Change<ConfigMap>[] = [];
  informer.subscribe((change) => changes.push(change), never);
  const stop = new AbortController();
  const watching = informer.watch({ namespace: namespace.name, labelSelector }, stop.signal);
  await informer.synced(within(5000));

  proxy.stall();
  await api.create(configMap(namespace.name, "meanwhile"), within(5000));
  await eventually("the informer has noticed", () => informer.store.size === 2, { timeoutMs: 10_000 });
  // Told again, with a list, "before" would be among the changes twice.
  assert.deepEqual(changes.map(({ key, fresh }) => [key.name, fresh]), [["before", false], ["meanwhile", true]]);
  assert.ok(proxy.accepted >= 2 && requests >= 2);

  proxy.cut();
  await api.delete({ namespace: namespace.name, name: "before" }, {}, within(5000));
  await eventually("and once more after a cut", () => informer.store.size === 1);
  assert.equal(changes.length, 3);
  stop.abort();
  await watching;
});

Deno.test("a cluster that cannot be reached for a while is followed again when it can, and a slow one is no dead one", async () => {
  using cluster = await provider();
  await using namespace = await cluster.namespace("informer");
  const api = cluster.client.api<ConfigMap>(CONFIG_MAPS);
  await using proxy = new TcpProxy(cluster.config.server);
  using client = new KubeClient({ ...cluster.config, server: proxy.through(cluster.config.server) });
  const informer = new Informer(client.api<ConfigMap>(CONFIG_MAPS), { log: silentLog, silenceMs: 2000 });
  proxy.refuse();
  const stop = new AbortController();
  const watching = informer.watch({ namespace: namespace.name, labelSelector }, stop.signal);
  await eventually("it says so", () => /connection refused|reset/.test(informer.trouble ?? ""));
  proxy.slow(20_000);
  proxy.listen();
  for (let count = 0; count < 20; count++) {
    const object = { ...configMap(namespace.name, `n${count}`), data: { text: "x".repeat(2000) } };
    await api.create(object, within(5000));
  }
  await eventually("all are there", () => informer.store.size === 20);
  assert.equal(informer.trouble, undefined);
  stop.abort();
  await watching;
});
