import assert, { deepEqual, equal } from "node:assert/strict";
import type { AppClusterBinding } from "../crds/app_cluster_binding.ts";
import {
  API_SERVICE_BINDINGS,
  API_SERVICE_NAMESPACES,
  API_VERSION,
  APP_CLUSTER_BINDINGS,
  BINDER,
  BINDING_FINALIZER,
} from "../crds/names.ts";
import { DEPLOYMENTS, NAMESPACES, SECRETS, SERVICE_ACCOUNTS } from "../kube/resources.ts";
import { apiVersionOf, formatKey, isDeleting, keyOf, type KubeObject, type Resource } from "../kube/types.ts";
import { eventually, within } from "../tests/clusters.ts";
import { TestBackend } from "./contract_fixture.ts";
import { ControlPlaneMode } from "./control_plane_fixture.ts";
import { leaves, settled, tracesOf, workWriteByWrite } from "./crash_fixture.ts";
import { claim } from "./test_objects.ts";

type Policy = NonNullable<AppClusterBinding["spec"]["deletionPolicy"]>;

/** An app cluster with a service, connected by a backend that has stopped, and the part of its konnector. */
class ConnectedCluster implements AsyncDisposable {
  readonly mode: ControlPlaneMode;
  readonly #api: Resource;
  readonly #binding: { namespace: string; name: string };
  #mapped = "";

  private constructor(mode: ControlPlaneMode, api: Resource) {
    this.mode = mode;
    this.#api = api;
    this.#binding = { namespace: mode.root, name: `${api.plural}.${api.group}` };
  }

  static async open(owner: TestBackend, api: Resource, deletionPolicy: Policy): Promise<ConnectedCluster> {
    await using opening = new AsyncDisposableStack();
    const mode = opening.use(new ControlPlaneMode(owner.cluster, owner.namespace));
    const cluster = new ConnectedCluster(mode, api);
    await mode.connect(api.group, { deletionPolicy });
    await mode.start();
    await cluster.#use();
    await mode.stop();
    opening.move();
    return cluster;
  }

  /** Takes hold of the binding, and brings a service. */
  async #use(): Promise<void> {
    const { root } = this.mode;
    const finalizers = [BINDING_FINALIZER];
    const { client } = this.mode.cluster;
    const bindings = client.api(API_SERVICE_BINDINGS);
    await eventually(
      "it is bound",
      () => bindings.mergePatch(this.#binding, { metadata: { finalizers } }, {}, within(5000)),
    );
    const requests = client.api(API_SERVICE_NAMESPACES);
    const key = { namespace: root, name: "dev" };
    await requests.create({ apiVersion: API_VERSION, kind: API_SERVICE_NAMESPACES.kind, metadata: key }, within(5000));
    this.#mapped = await eventually("its namespace is mapped", async () => {
      const { status } = await requests.get(key, within(5000));
      return (status as { namespace?: string } | undefined)?.namespace;
    });
    const metadata = { namespace: this.#mapped, name: "db" };
    await client.api(this.#api)
      .create({ apiVersion: apiVersionOf(this.#api), kind: this.#api.kind, metadata }, within(5000));
  }

  /** Lets the binding go, for which it needs a moment, and all that it was given. */
  async letGo(): Promise<void> {
    const { cluster: { client }, root } = this.mode;
    const bindings = client.api(API_SERVICE_BINDINGS);
    await eventually(
      "the binding is to be let go",
      async () => isDeleting(await bindings.get(this.#binding, within(5000))),
      {
        timeoutMs: 120_000,
      },
    );
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const { items } = await client.api(DEPLOYMENTS).list({ namespace: root }, within(5000));
    deepEqual(items.map(isDeleting), [false], "its konnector runs");
    for (const [resource, name] of [[SERVICE_ACCOUNTS, BINDER], [SECRETS, "app-cluster"]] as const) {
      const found = await client.api(resource).get({ namespace: root, name }, within(5000));
      assert(!isDeleting(found), `it has its ${resource.kind}`);
    }
    await bindings.mergePatch(this.#binding, { metadata: { finalizers: null } }, {}, within(5000));
  }

  async service(): Promise<KubeObject | undefined> {
    return await this.mode.cluster.client.api(this.#api).find({ namespace: this.#mapped, name: "db" }, within(5000));
  }

  /** What is left, by kind and name. */
  async remains(): Promise<string[]> {
    const { cluster, key } = this.mode;
    const traces = await tracesOf(cluster, key.namespace);
    return traces.map((one) => `${one.kind} ${formatKey(keyOf(one))}`).toSorted();
  }

  /** As somebody who needs no services any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { cluster: { client }, root } = this.mode;
    const requests = client.api(API_SERVICE_NAMESPACES);
    const key = { namespace: root, name: "dev" };
    if (await requests.find(key, within(5000))) {
      await requests.mergePatch(key, { metadata: { finalizers: null } }, {}, within(5000));
    }
    await client.api(NAMESPACES).delete({ name: this.#mapped }, {}, within(5000));
    await this.mode[Symbol.asyncDispose]();
  }
}

const LEFT = {
  Delete: ["Namespace contract", "Secret contract/app-cluster"],
  Retain: [
    "APIServiceNamespace klutch-bind-contract-app/dev",
    "ClusterRole klutch-binder-klutch-bind-contract-app",
    "Namespace contract",
    "Namespace klutch-bind-contract-app",
    "Namespace klutch-bind-contract-app-dev",
    "RoleBinding klutch-bind-contract-app-dev/klutch-binder",
    "RoleBinding klutch-bind-contract-app/klutch-binder",
    "Secret contract/app-cluster",
  ],
};

for (const policy of ["Delete", "Retain"] as const) {
  Deno.test(`A backend that is killed at each of its writes while it lets an app cluster go leaves what it has to: ${policy}`, async () => {
    await using owner = await TestBackend.prepare();
    await owner.onboard();
    const api = await owner.offer("dbs", [claim("secrets")]);
    await using cluster = await ConnectedCluster.open(owner, api, policy);
    const { mode } = cluster;
    const before = await cluster.service();
    await owner.cluster.client.api(APP_CLUSTER_BINDINGS).delete(mode.key, {}, within(5000));
    const isDone = leaves(() => cluster.remains(), LEFT[policy]);
    const [deaths] = await Promise.all([workWriteByWrite(mode, isDone), cluster.letGo()]);
    assert(deaths > 8, `${deaths} writes`);
    await mode.start();
    deepEqual(await settled(() => cluster.remains()), LEFT[policy], "afterwards nothing is left to do");
    const after = await cluster.service();
    equal(after?.metadata.uid, policy === "Retain" ? before!.metadata.uid : undefined);
    assert(!after || !isDeleting(after));
  });
}
