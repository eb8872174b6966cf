import assert from "node:assert/strict";
import { eventually, provider, uniqueName, within } from "../tests/clusters.ts";
import type { KubeClient, RequestOptions } from "./client.ts";
import { discover } from "./discovery.ts";
import { KubeError } from "./errors.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, DEPLOYMENTS, SECRETS } from "./resources.ts";

/** The same server, as if it were older than aggregated discovery. */
const asOldServer = (client: KubeClient): KubeClient =>
  ({
    side: client.side,
    request: (method: string, path: string, options: RequestOptions, signal: AbortSignal) =>
      client.request(method, path, { ...options, accept: "application/json" }, signal),
  }) as KubeClient;

/** Answers from a table; anything else is a 503. */
const answering = (answers: Record<string, unknown>): KubeClient =>
  ({
    side: "provider",
    request(_method: string, path: string) {
      const answer = answers[path];
      return answer
        ? Promise.resolve(answer)
        : Promise.reject(new KubeError("the server is currently unable to handle the request", { status: 503 }));
    },
  }) as unknown as KubeClient;

const byName = <T extends { group: string; version: string; plural: string }>(resources: readonly T[]) =>
  resources.map((resource) => ({ ...resource, verbs: undefined, singular: undefined, shortNames: undefined }))
    .sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

Deno.test("discover() finds what a real API server serves, whichever way it is asked", async () => {
  using cluster = await provider();
  for (const client of [cluster.client, asOldServer(cluster.client)]) {
    const discovery = await discover(client, within(10_000));
    for (const resource of [SECRETS, DEPLOYMENTS, CUSTOM_RESOURCE_DEFINITIONS]) {
      const { verbs, subresources, singular, shortNames, ...found } = discovery.find(resource)!;
      assert.deepEqual(found, resource);
      assert.ok(verbs.includes("watch"));
      assert.equal(subresources.includes("status"), resource !== SECRETS);
      assert.ok(resource !== DEPLOYMENTS || shortNames.includes("deploy"));
      assert.ok(resource !== DEPLOYMENTS || singular === "deployment", singular);
      assert.equal(discovery.findKind(resource)?.plural, resource.plural);
    }
    assert.deepEqual(discovery.missing, []);
  }
});

Deno.test("discover() reads the same out of both forms", async () => {
  using cluster = await provider();
  // Other tests create and delete CRDs meanwhile: only what Kubernetes itself serves is compared.
  const [aggregated, plain] = await Promise.all(
    [cluster.client, asOldServer(cluster.client)].map(async (client) => {
      const { resources } = await discover(client, within(10_000));
      return byName(resources.filter(({ group }) => !group.includes(".") || group.endsWith(".k8s.io")));
    }),
  );
  assert.ok(aggregated!.length > 40);
  assert.deepEqual(aggregated, plain);
});

Deno.test("discover() finds the preferred version of a new CRD, and another one when asked", async () => {
  using cluster = await provider();
  const group = `${uniqueName("discovery")}.example.com`;
  const name = `widgets.${group}`;
  const version = (name: string, storage: boolean) => ({
    name,
    served: true,
    storage,
    schema: { openAPIV3Schema: { type: "object" } },
    subresources: { status: {} },
  });
  const crds = cluster.client.api(CUSTOM_RESOURCE_DEFINITIONS);
  await crds.create({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name },
    spec: {
      group,
      names: { plural: "widgets", kind: "Widget", shortNames: ["wd"] },
      scope: "Cluster",
      versions: [version("v1alpha1", true), version("v1", false)],
    },
  }, within(10_000));
  try {
    const discovery = await eventually("the new API is discovered", async () => {
      const discovery = await discover(cluster.client, within(10_000));
      return discovery.find({ group, plural: "widgets" }) && discovery;
    });
    assert.equal(discovery.find({ group, plural: "widgets" })?.version, "v1");
    assert.equal(discovery.findKind({ group, kind: "Widget" })?.version, "v1");
    assert.equal(discovery.find({ group, plural: "widgets", version: "v1alpha1" })?.version, "v1alpha1");
    assert.equal(discovery.find({ group, plural: "widgets", version: "v2" }), undefined);
    assert.equal(discovery.find({ group: "", plural: "widgets" }), undefined);
    assert.deepEqual(discovery.find({ group, plural: "widgets" })?.shortNames, ["wd"]);
    assert.equal(discovery.find({ group, plural: "widgets" })?.namespaced, false);
  } finally {
    await crds.delete({ name }, {}, within(10_000));
  }
});

Deno.test("discover() does without a group whose server is down, and names it", async () => {
  const down = answering({
    "/api": { kind: "APIVersions", versions: ["v1"] },
    "/api/v1": { resources: [{ name: "pods", kind: "Pod", namespaced: true, verbs: ["get"] }] },
    "/apis": {
      kind: "APIGroupList",
      groups: [{ name: "metrics.k8s.io", versions: [{ version: "v1beta1" }] }],
    },
  });
  const discovery = await discover(down, within(1000));
  assert.deepEqual(discovery.missing, ["metrics.k8s.io/v1beta1"]);
  assert.equal(discovery.findKind({ group: "", kind: "Pod" })?.plural, "pods");

  const stale = answering({
    "/api": { kind: "APIGroupDiscoveryList", items: [] },
    "/apis": {
      kind: "APIGroupDiscoveryList",
      items: [{ metadata: { name: "metrics.k8s.io" }, versions: [{ version: "v1beta1", freshness: "Stale" }] }],
    },
  });
  assert.deepEqual((await discover(stale, within(1000))).missing, ["metrics.k8s.io/v1beta1"]);
});

Deno.test("discover() takes the group's preferred version first, wherever it stands", async () => {
  const resources = [{ name: "things", kind: "Thing", namespaced: true, verbs: ["get"] }];
  const discovery = await discover(
    answering({
      "/api": { kind: "APIVersions", versions: [] },
      "/apis": {
        kind: "APIGroupList",
        groups: [{
          name: "a.example.com",
          versions: [{ version: "v2" }, { version: "v1" }],
          preferredVersion: { version: "v1" },
        }],
      },
      "/apis/a.example.com/v1": { resources },
      "/apis/a.example.com/v2": { resources },
    }),
    within(1000),
  );
  assert.equal(discovery.find({ group: "a.example.com", plural: "things" })?.version, "v1");
});

Deno.test("discover() says which cluster does not answer", async () => {
  await assert.rejects(discover(answering({}), within(1000)), (error: unknown) => {
    assert.ok(error instanceof KubeError);
    assert.equal(error.status, 503);
    assert.match(error.message, /^Cannot find out which APIs the provider serves: 503 the server is currently unable/);
    return true;
  });
});
