import assert from "node:assert/strict";
import { APIServiceExport } from "../crds/api_service_export.ts";
import { toExportSpec } from "../crds/export_schema.ts";
import { API_SERVICE_EXPORTS, API_VERSION } from "../crds/names.ts";
import { KubeClient } from "../kube/client.ts";
import { silentLog } from "../kube/log.ts";
import { NAMESPACES } from "../kube/resources.ts";
import { openAccount } from "../tests/account.ts";
import { consumer, eventually, provider, within } from "../tests/clusters.ts";
import { mangoDbCrd } from "../tests/mangodb.ts";
import { Connection, Connections, type ConnectionTarget } from "./connection.ts";
import { installProviderCrds } from "./connection_fixture.ts";
import { openConsumerNamespaces } from "./namespaces.ts";

Deno.test("a renewed token is used from then on, and nothing that is open is opened again", async () => {
  await using opened = new AsyncDisposableStack();
  const [app, plane] = [opened.use(await consumer()), opened.use(await provider())];
  await installProviderCrds(plane);
  const namespace = opened.use(await plane.namespace("cluster")).name;
  const elsewhere = opened.use(await plane.namespace("cluster")).name;
  const [first, second] = await Promise.all([openAccount(plane, namespace), openAccount(plane, namespace)]);
  for (const administrator of [first, second]) opened.use(await administrator.grant("cluster-admin"));
  const stop = new AbortController();
  opened.defer(() => stop.abort());
  const namespaces = openConsumerNamespaces(app.client, { log: silentLog });
  let opens = 0;
  const connections = opened.use(
    new Connections((target, onChange) => {
      opens++;
      const deps = { consumer: app.client, namespaces, log: silentLog, version: "v0.0.0" };
      return new Connection(deps, target, onChange, stop.signal);
    }),
  );
  const use = (text: string, target: ConnectionTarget) => connections.use("binding", "secret", text, target, () => {});

  const connection = use("one", { config: first.config, namespace });
  await connection.exports.synced(within(10_000));
  assert.equal(use("two", { config: second.config, namespace }), connection);
  assert.equal(opens, 1);

  await first.dismiss();
  using dismissed = new KubeClient(first.config);
  await eventually(
    "the first token is refused",
    () =>
      dismissed.api(NAMESPACES).get({ name: namespace }, within(5_000)).then(
        () => false,
        ({ status }) => status === 401,
      ),
  );
  await connection.client.api(NAMESPACES).get({ name: namespace }, within(5_000));
  const group = `${namespace}.example.com`;
  await plane.client.api<APIServiceExport>(API_SERVICE_EXPORTS).create({
    apiVersion: API_VERSION,
    kind: "APIServiceExport",
    metadata: { namespace, name: `mangodbs.${group}` },
    spec: { ...toExportSpec(mangoDbCrd(group)), informerScope: "Cluster" },
  }, within(5_000));
  await eventually("an export that was made meanwhile is seen", () => connection.exports.store.size === 1);

  const other = use("three", { config: second.config, namespace: elsewhere });
  assert.notEqual(other, connection);
  assert.equal(opens, 2);
  connections.release("binding");
  const closed = () => other.client.api(NAMESPACES).get({ name: namespace }, within(5_000));
  await eventually(
    "nobody talks to a provider that no binding needs",
    () => closed().then(() => false, (error: Error) => /the client is closed/.test(error.message)),
  );
});
