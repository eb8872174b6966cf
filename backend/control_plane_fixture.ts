import { APP_CLUSTER_BINDINGS } from "../crds/names.ts";
import type { AppClusterBinding } from "../crds/app_cluster_binding.ts";
import { NAMESPACES, SECRETS } from "../kube/resources.ts";
import { TaskGroup } from "../kube/tasks.ts";
import { type TestCluster, uniqueName, within } from "../tests/clusters.ts";
import { rootNamespaceNames } from "./app_cluster_objects.ts";
import { startAppClusters } from "./app_clusters.ts";
import { depsFor, fail, watchContract } from "./contract_fixture.ts";
import { type ControllersDeps, startControllers } from "./controllers.ts";
import type { Controllers } from "./crash_fixture.ts";
import { createCaches } from "./provider_caches.ts";
import { tenantKubeconfig, toBase64 } from "./tenant_kubeconfig.ts";
import { appClusterBinding } from "./test_objects.ts";

/** A backend in control-plane mode, for the AppClusterBinding `app` of one namespace. */
export class ControlPlaneMode implements Controllers, AsyncDisposable {
  readonly cluster: TestCluster;
  readonly key = { namespace: uniqueName("team"), name: "app" };
  readonly #templates: string;
  #running?: AsyncDisposableStack;

  constructor(cluster: TestCluster, templates: string) {
    this.cluster = cluster;
    this.#templates = templates;
  }

  async start(rest?: Partial<ControllersDeps>): Promise<void> {
    const deps = { ...depsFor(this.cluster), ...rest, konnectorImage: "klutch:test" };
    const running = this.#running = new AsyncDisposableStack();
    running.use(deps.recorder);
    const tasks = running.use(new TaskGroup(fail, new AbortController().signal));
    const caches = createCaches(deps);
    await watchContract(caches, { contract: this.root, templates: this.#templates }, tasks);
    startControllers(deps, caches, tasks);
    await startAppClusters(deps, caches, tasks);
  }

  async stop(): Promise<void> {
    await this.#running?.disposeAsync();
  }

  async connect(group: string, spec: Partial<AppClusterBinding["spec"]> = {}): Promise<void> {
    const { client, config: { server } } = this.cluster;
    const { namespace } = this.key;
    await client.api(NAMESPACES)
      .create({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } }, within(5000));
    const kubeconfig = toBase64(tenantKubeconfig({ server }, { namespace: "default", token: "t" }));
    const metadata = { namespace, name: "app-cluster" };
    await client.api(SECRETS)
      .create({ apiVersion: "v1", kind: "Secret", metadata, data: { kubeconfig } }, within(5000));
    const binding = appClusterBinding(namespace, this.key.name, {
      apiExports: [{ group, resource: "dbs" }],
      konnector: { deploy: true },
      ...spec,
    });
    await client.api(APP_CLUSTER_BINDINGS).create({ ...binding, metadata: { ...this.key } }, within(5000));
  }

  /** As somebody who does not wait for konnectors that there never were. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    const { client } = this.cluster;
    const bindings = client.api(APP_CLUSTER_BINDINGS);
    if (await bindings.find(this.key, within(5000))) {
      await bindings.mergePatch(this.key, { metadata: { finalizers: null } }, {}, within(5000));
      await bindings.delete(this.key, {}, within(5000));
    }
    for (const name of [this.key.namespace, this.root]) {
      await client.api(NAMESPACES).delete({ name }, {}, within(5000));
    }
  }

  get root(): string {
    return rootNamespaceNames(this.key)[0]!;
  }
}
