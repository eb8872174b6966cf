import assert from "node:assert/strict";
import { APP_CLUSTER_BINDINGS } from "../crds/names.ts";
import type { KubeClient } from "../kube/client.ts";
import { NAMESPACES, SECRETS } from "../kube/resources.ts";
import { TaskGroup } from "../kube/tasks.ts";
import { type TestCluster, uniqueName, within } from "../tests/clusters.ts";
import { rootNamespaceNames } from "./app_cluster_objects.ts";
import { startAppClusters } from "./app_clusters.ts";
import { depsFor, fail, TestBackend, watchContract } from "./contract_fixture.ts";
import { createCaches, startControllers } from "./controllers.ts";
import { type Controllers, killAtEachWrite, leaves, settled, tracesOf, workTwice } from "./crash_fixture.ts";
import { tenantKubeconfig, toBase64 } from "./tenant_kubeconfig.ts";
import { appClusterBinding, claim } from "./test_objects.ts";

/** A backend in control-plane mode, for the AppClusterBinding `app` of one namespace. */
class ControlPlaneMode implements Controllers, AsyncDisposable {
  readonly cluster: TestCluster;
  readonly key = { namespace: uniqueName("team"), name: "app" };
  readonly #templates: string;
  #tasks?: TaskGroup;

  constructor(cluster: TestCluster, templates: string) {
    this.cluster = cluster;
    this.#templates = templates;
  }

  async start(rest?: { client: KubeClient }): Promise<void> {
    const deps = { ...depsFor(this.cluster), ...rest, konnectorImage: "klutch:test" };
    const tasks = this.#tasks = new TaskGroup(fail, new AbortController().signal);
    const caches = createCaches(deps);
    await watchContract(caches, { contract: this.#root, templates: this.#templates }, tasks);
    startControllers(deps, caches, tasks);
    await startAppClusters(deps, caches, tasks);
  }

  async stop(): Promise<void> {
    await this.#tasks?.[Symbol.asyncDispose]();
  }

  async connect(group: string): Promise<void> {
    const { client, config: { server } } = this.cluster;
    const { namespace } = this.key;
    await client.api(NAMESPACES)
      .create({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } }, within(5000));
    const kubeconfig = toBase64(tenantKubeconfig({ server }, { namespace: "default", token: "t" }));
    const metadata = { namespace, name: "app-cluster" };
    await client.api(SECRETS)
      .create({ apiVersion: "v1", kind: "Secret", metadata, data: { kubeconfig } }, within(5000));
    const { apiVersion, kind, spec } = appClusterBinding(namespace, this.key.name, {
      apiExports: [{ group, resource: "dbs" }],
      konnector: { deploy: true },
    });
    await client.api(APP_CLUSTER_BINDINGS).create({ apiVersion, kind, metadata: { ...this.key }, spec }, within(5000));
  }

  /** As somebody who does not wait for konnectors that there never were. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    const { client } = this.cluster;
    await client.api(APP_CLUSTER_BINDINGS).mergePatch(this.key, { metadata: { finalizers: null } }, {}, within(5000));
    await client.api(APP_CLUSTER_BINDINGS).delete(this.key, {}, within(5000));
    for (const name of [this.key.namespace, this.#root]) {
      await client.api(NAMESPACES).delete({ name }, {}, within(5000));
    }
  }

  get #root(): string {
    return rootNamespaceNames(this.key)[0]!;
  }
}

Deno.test("A backend that is killed while it connects an app cluster has a successor that finishes it, with nothing twice", async () => {
  await using owner = await TestBackend.open();
  const { cluster, group } = owner;
  await owner.offer("dbs", [claim("secrets")]);
  const traces = ({ key: { namespace } }: ControlPlaneMode) => tracesOf(cluster, namespace);

  const wanted = await (async () => {
    await using unkilled = new ControlPlaneMode(cluster, owner.namespace);
    await unkilled.connect(group);
    await unkilled.start();
    return await settled(() => traces(unkilled));
  })();
  const deaths = await killAtEachWrite(async (fatalWrite) => {
    await using backend = new ControlPlaneMode(cluster, owner.namespace);
    await backend.connect(group);
    return await workTwice(backend, fatalWrite, leaves(() => traces(backend), wanted));
  }, { atOnce: 1 }); // each sees the AppClusterBindings of all
  assert(deaths > 10, `${deaths} writes`);
});
