import assert from "node:assert/strict";
import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import { toExportSpec } from "../crds/export_schema.ts";
import {
  API_SERVICE_EXPORTS,
  API_SERVICE_NAMESPACES,
  API_VERSION,
  CLAIMED_FOR_LABEL,
  RESOURCE_OWNER_ANNOTATION,
} from "../crds/names.ts";
import { NAMESPACES, SECRETS } from "../kube/resources.ts";
import { namespaceRequest } from "../sync/mapping.ts";
import { consumer, eventually, provider, type TestCluster, uniqueName, within } from "../tests/clusters.ts";
import { installCrd, mangoDb, mangoDbCrd, mangoDbResource } from "../tests/mangodb.ts";
import { secret, secretsClaim } from "./claim_fixture.ts";
import { openTestConnection } from "./connection_fixture.ts";

/** A contract for one API and the Secrets of the app cluster; the test plays the backend. */
async function openContract() {
  await using opened = new AsyncDisposableStack();
  const [app, plane] = [opened.use(await consumer()), opened.use(await provider())];
  const group = `${uniqueName("cleanup")}.example.com`;
  const crd = mangoDbCrd(group);
  opened.use(await installCrd(plane.client, crd));
  const { connection, clusterNamespace } = await openTestConnection(opened, app, plane);
  await plane.client.api<APIServiceExport>(API_SERVICE_EXPORTS).create({
    apiVersion: API_VERSION,
    kind: "APIServiceExport",
    metadata: { namespace: clusterNamespace, name: crd.metadata.name },
    spec: { ...toExportSpec(crd), informerScope: "Namespaced", permissionClaims: [secretsClaim("Consumer")] },
  }, within(5_000));
  await eventually("the export is known", () => connection.exports.store.size === 1);
  const requests = plane.client.api<APIServiceNamespace>(API_SERVICE_NAMESPACES);
  const stack = opened.move();
  return {
    app,
    instances: plane.client.api(mangoDbResource(group)),
    secrets: plane.client.api(SECRETS),
    group,
    clusterNamespace,
    connection,
    /** The counterpart of a namespace of the app cluster, and what is put into it before anybody hears of it. */
    async map(name: string, fill: (namespace: string) => Promise<unknown> = () => Promise.resolve()) {
      const mapped = await newNamespace(plane, stack);
      await fill(mapped);
      const request = await requests.create(namespaceRequest(clusterNamespace, name), within(5_000));
      await requests.replaceStatus({ ...request, status: { namespace: mapped } }, within(5_000));
      await eventually("the mapping is known, or given back already", async () => {
        const known = connection.serviceNamespaces.store.get(request.metadata);
        return known?.status?.namespace === mapped || !await requests.find(request.metadata, within(5_000));
      });
    },
    isMapped: async (name: string) =>
      await requests.find({ namespace: clusterNamespace, name }, within(5_000)) !== undefined,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function newNamespace(cluster: TestCluster, stack: AsyncDisposableStack): Promise<string> {
  return stack.use(await cluster.namespace("mapped")).name;
}

Deno.test("a namespace that is merely missing is given back only if nothing is in its counterpart", async () => {
  await using contract = await openContract();
  const { group, instances, secrets, clusterNamespace } = contract;
  const names = ["instance", "copy", "old-copy", "provider-secret", "empty"].map((what) => uniqueName(what)) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const [withInstance, withCopy, withOldCopy, withSecret, empty] = names;
  const put = (namespace: string, metadata: object) =>
    secrets.create(secret({ namespace, name: "login" }, { a: "b" }, metadata), within(5_000));
  const ofConsumer = { annotations: { [RESOURCE_OWNER_ANNOTATION]: "Consumer" } };
  await contract.map(
    withInstance,
    (namespace) => instances.create(mangoDb(group, { namespace, name: "db" }), within(5_000)),
  );
  await contract.map(
    withCopy,
    (namespace) => put(namespace, { ...ofConsumer, labels: { [CLAIMED_FOR_LABEL]: clusterNamespace } }),
  );
  await contract.map(withOldCopy, (namespace) => put(namespace, ofConsumer));
  await contract.map(
    withSecret,
    (namespace) => put(namespace, { annotations: { [RESOURCE_OWNER_ANNOTATION]: "Provider" } }),
  );
  await contract.map(empty);

  for (const name of [withSecret, empty]) {
    await eventually(
      "what holds nothing of the app cluster's is given back",
      async () => !await contract.isMapped(name),
    );
  }
  for (const name of [withInstance, withCopy, withOldCopy]) assert.ok(await contract.isMapped(name), name);
});

Deno.test("a namespace whose deletion was seen is given back with all in it", async () => {
  await using contract = await openContract();
  const { app, group, instances, connection } = contract;
  const name = uniqueName("seen");
  const namespaces = app.client.api(NAMESPACES);
  await namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name } }, within(5_000));
  await contract.map(name, (namespace) => instances.create(mangoDb(group, { namespace, name: "db" }), within(5_000)));
  assert.equal(connection.isNamespaceDeletionSeen({ namespace: name, name: "db" }), false);

  await namespaces.delete({ name }, {}, within(5_000));
  await eventually(
    "the deletion is evidence for what was in it",
    () => connection.isNamespaceDeletionSeen({ namespace: name, name: "db" }),
  );
  await eventually("the namespace is given back", async () => !await contract.isMapped(name));
  await eventually(
    "one of that name is not taken for the one that is gone",
    () => !connection.isNamespaceDeletionSeen({ namespace: name, name: "db" }),
  );
});
