import assert from "node:assert/strict";
import { KubeClient } from "../kube/client.ts";
import { isInvalid } from "../kube/errors.ts";
import type { ClusterConfig } from "../kube/kubeconfig.ts";
import { createLog, type Log, silentLog } from "../kube/log.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CUSTOM_RESOURCE_DEFINITIONS,
  type CustomResourceDefinition,
} from "../kube/resources.ts";
import { apiVersionOf, resourceName } from "../kube/types.ts";
import { eventually, provider, type TestCluster, uniqueName, within } from "../tests/clusters.ts";
import { toCrd } from "./crd.ts";
import { installCrds } from "./install.ts";
import { defineKind, type Kind } from "./kind.ts";
import { CREATE_ONLY_ANNOTATION } from "./names.ts";
import { object, optional, text } from "./schema.ts";

/** A kind in a group of its own, so that no other test meets its CRD. */
const trinket = (group: string, description = "A thing."): Kind =>
  defineKind({
    resource: { group, version: "v1alpha1", plural: "trinkets", kind: "Trinket", namespaced: true },
    description,
    columns: [],
    spec: object({ size: optional(text("How big.", { default: "small" })) }, "What it should be."),
    status: object({}, "What it is."),
  });

/** A cluster without the CRD of `trinket(group)`, and again without it afterwards. */
async function onCluster(test: (cluster: TestCluster, group: string) => Promise<void>): Promise<void> {
  using cluster = await provider();
  const group = `${uniqueName("install")}.example.com`;
  try {
    await test(cluster, group);
  } finally {
    await cluster.client.api(CUSTOM_RESOURCE_DEFINITIONS).delete({ name: `trinkets.${group}` }, {}, within(10_000));
  }
}

const crdsOf = ({ client }: TestCluster) => client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
const nameOf = ({ resource }: Kind) => ({ name: resourceName(resource) });

function recordingLog(): { log: Log; messages: string[] } {
  const messages: string[] = [];
  const write = (line: string) => void messages.push(`${JSON.parse(line).level} ${JSON.parse(line).msg}`);
  return { log: createLog({ format: "json", level: "info", write }), messages };
}

Deno.test("installCrds() returns when objects can be created", () =>
  onCluster(async (cluster, group) => {
    const kind = trinket(group);
    const { log, messages } = recordingLog();
    const [resource] = await installCrds(cluster.client, [kind], log, within(30_000));
    assert.deepEqual(resource, kind.resource);
    assert.deepEqual(messages, ["info CRD created"]);

    await using namespace = await cluster.namespace("install");
    const created = await cluster.client.api(resource!).create({
      apiVersion: apiVersionOf(resource!),
      kind: "Trinket",
      metadata: { name: "a", namespace: namespace.name },
      spec: {},
    }, within(10_000));
    assert.deepEqual(created.spec, { size: "small" });
  }));

Deno.test("installCrds() writes only where something differs", () =>
  onCluster(async (cluster, group) => {
    await installCrds(cluster.client, [trinket(group)], silentLog, within(30_000));
    const before = await crdsOf(cluster).get(nameOf(trinket(group)), within(10_000));
    const { log, messages } = recordingLog();
    await installCrds(cluster.client, [trinket(group)], log, within(30_000));
    const after = await crdsOf(cluster).get(nameOf(trinket(group)), within(10_000));
    assert.equal(after.metadata.resourceVersion, before.metadata.resourceVersion);

    await installCrds(cluster.client, [trinket(group, "Another description.")], log, within(30_000));
    const updated = await crdsOf(cluster).get(nameOf(trinket(group)), within(10_000));
    assert.equal(updated.spec.versions[0]!.schema!.openAPIV3Schema!.description, "Another description.");
    assert.deepEqual(messages, ["info CRD updated"]);
  }));

Deno.test("installCrds() leaves a CRD alone that says so, but keeps what others added to its metadata", () =>
  onCluster(async (cluster, group) => {
    const crd = toCrd(trinket(group));
    const annotations = { [CREATE_ONLY_ANNOTATION]: "", theirs: "kept" };
    await crdsOf(cluster).create({ ...crd, metadata: { ...crd.metadata, annotations } }, within(10_000));
    await installCrds(cluster.client, [trinket(group, "Another.")], silentLog, within(30_000));
    const kept = await crdsOf(cluster).get(nameOf(trinket(group)), within(10_000));
    assert.equal(kept.spec.versions[0]!.schema!.openAPIV3Schema!.description, "A thing.");

    delete kept.metadata.annotations![CREATE_ONLY_ANNOTATION];
    await crdsOf(cluster).replace(kept, within(10_000));
    await installCrds(cluster.client, [trinket(group, "Another.")], silentLog, within(30_000));
    const updated = await crdsOf(cluster).get(nameOf(trinket(group)), within(10_000));
    assert.equal(updated.spec.versions[0]!.schema!.openAPIV3Schema!.description, "Another.");
    assert.equal(updated.metadata.annotations?.theirs, "kept");
  }));

Deno.test("installCrds() keeps the scope that a CRD of an older version has, and says what it is", () =>
  onCluster(async (cluster, group) => {
    const crd = toCrd(trinket(group));
    await crdsOf(cluster).create({ ...crd, spec: { ...crd.spec, scope: "Cluster" } }, within(10_000));
    // Until then the API server writes to it as well, and may be faster than we.
    await eventually("it is established", async () => {
      const { status } = await crdsOf(cluster).get(crd.metadata, within(5_000));
      return status?.conditions?.some(({ type, status }) => type === "Established" && status === "True");
    });
    const { log, messages } = recordingLog();
    const [resource] = await installCrds(cluster.client, [trinket(group, "Another.")], log, within(30_000));
    assert.equal(resource!.namespaced, false);
    assert.deepEqual(messages, ["warn CRD keeps the scope of an older version", "info CRD updated"]);
  }));

Deno.test("installCrds() goes on with an older CRD that it may not update", () =>
  onCluster(async (cluster, group) => {
    await installCrds(cluster.client, [trinket(group)], silentLog, within(30_000));
    await using reader = await readerOfCrds(cluster);
    const { log, messages } = recordingLog();
    await installCrds(reader.client, [trinket(group, "Another.")], log, within(30_000));
    assert.deepEqual(messages, ["warn CRD differs from this version, but may not be updated; apply the published one"]);
  }));

Deno.test("installCrds() waits for a CRD that it may not create, until somebody else does", () =>
  onCluster(async (cluster, group) => {
    await using reader = await readerOfCrds(cluster);
    const { log, messages } = recordingLog();
    const installed = installCrds(reader.client, [trinket(group)], log, within(30_000));
    while (messages.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await crdsOf(cluster).create(toCrd(trinket(group)), within(10_000));
    await installed;
    assert.ok(messages.every((message) => message === "warn waiting for the cluster"), messages.join());
  }));

Deno.test("installCrds() gives up on a CRD that the API server finds invalid", () =>
  onCluster(async (cluster, group) => {
    const kind = trinket(group);
    kind.rules = [{ rule: "self.nonsense ==", message: "never" }];
    await assert.rejects(
      installCrds(cluster.client, [kind], silentLog, within(30_000)),
      (error) => isInvalid(error) && /x-kubernetes-validations/.test((error as Error).message),
    );
  }));

Deno.test("installCrds() tries again while the cluster is away, until it is told to stop", async () => {
  using client = new KubeClient({ server: "https://127.0.0.1:1", credentials: () => Promise.resolve({ headers: {} }) });
  const { log, messages } = recordingLog();
  const stop = new AbortController();
  const installed = installCrds(client, [trinket("example.com")], log, stop.signal);
  while (messages.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  stop.abort(new Error("enough"));
  await assert.rejects(installed, /enough/);
  assert.deepEqual(messages.slice(0, 2), ["warn waiting for the cluster", "warn waiting for the cluster"]);
});

/** Somebody who may read CRDs and nothing else, while the test runs. */
async function readerOfCrds({ client, config }: TestCluster): Promise<AsyncDisposable & { client: KubeClient }> {
  const name = uniqueName("crd-reader");
  await client.api(CLUSTER_ROLES).create({
    apiVersion: apiVersionOf(CLUSTER_ROLES),
    kind: "ClusterRole",
    metadata: { name },
    rules: [{ apiGroups: ["apiextensions.k8s.io"], resources: ["customresourcedefinitions"], verbs: ["get"] }],
  }, within(10_000));
  await client.api(CLUSTER_ROLE_BINDINGS).create({
    apiVersion: apiVersionOf(CLUSTER_ROLE_BINDINGS),
    kind: "ClusterRoleBinding",
    metadata: { name },
    roleRef: { apiGroup: CLUSTER_ROLES.group, kind: "ClusterRole", name },
    subjects: [{ apiGroup: CLUSTER_ROLES.group, kind: "User", name }],
  }, within(10_000));
  const impersonating: ClusterConfig = {
    ...config,
    async credentials(renew, signal) {
      const { headers, ...rest } = await config.credentials(renew, signal);
      return { ...rest, headers: { ...headers, "impersonate-user": name } };
    },
  };
  const reader = new KubeClient(impersonating);
  await eventually("the role is minded", async () => {
    await reader.api(CUSTOM_RESOURCE_DEFINITIONS).find({ name: "none.example.com" }, within(5_000));
    return true;
  });
  return {
    client: reader,
    async [Symbol.asyncDispose]() {
      reader.close();
      for (const resource of [CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES]) {
        await client.api(resource).delete({ name }, {}, within(10_000));
      }
    },
  };
}
