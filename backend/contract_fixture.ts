import { installCrds } from "../crds/install.ts";
import type { APIServiceExportRequest } from "../crds/api_service_export_request.ts";
import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import { KINDS } from "../crds/kinds.ts";
import {
  API_SERVICE_EXPORT_REQUESTS,
  API_SERVICE_EXPORT_TEMPLATES,
  API_SERVICE_NAMESPACES,
  MAPPED_NAMESPACE_FINALIZER,
} from "../crds/names.ts";
import type { PermissionClaim } from "../crds/shared.ts";
import { KubeClient } from "../kube/client.ts";
import { isForbidden } from "../kube/errors.ts";
import { removeFinalizer } from "../kube/finalizer.ts";
import type { Informer } from "../kube/informer.ts";
import { silentLog } from "../kube/log.ts";
import { createRecorder } from "../kube/recorder.ts";
import { parseReceivedKubeconfig } from "../kube/received_kubeconfig.ts";
import {
  CLUSTER_ROLES,
  CUSTOM_RESOURCE_DEFINITIONS,
  type CustomResourceDefinition,
  NAMESPACES,
  type Role,
} from "../kube/resources.ts";
import { fired, TaskGroup } from "../kube/tasks.ts";
import { formatKey, isDeleting, keyOf, type KubeObject, type Resource } from "../kube/types.ts";
import { eventually, provider, type TestCluster, uniqueName, within } from "../tests/clusters.ts";
import { Census } from "./census.ts";
import { type ControllersDeps, startControllers } from "./controllers.ts";
import { ensureRole } from "./ensure.ts";
import type { ConsumerScope } from "./options.ts";
import { type CacheScopes, createCaches, type ProviderCaches, SCOPES, watchCaches } from "./provider_caches.ts";
import { BINDER_ROLE } from "./rbac.ts";
import { ensureTenant, type Tenant, type TenantDeps } from "./tenant.ts";
import { crd, template } from "./test_objects.ts";

// The cluster is shared with other tests: what is watched is narrowed to the namespaces that a test made.

/** What all controllers need, without control over who else is on the cluster. */
export const depsFor = ({ client, config }: TestCluster): ControllersDeps => ({
  client,
  consumerScope: "Namespaced",
  clusterScopedIsolation: "Prefixed",
  external: { server: config.server, caData: config.caData },
  tokenLifetimeMs: 24 * 3_600_000,
  censuses: { appClusters: new Census(), namespaces: new Census() },
  recorder: createRecorder(client, { component: "klutch-backend", instance: "test" }, silentLog),
  audit: () => {},
  log: silentLog,
});

/** Watches as `watchCaches` does, but what it says of contracts and offers in these namespaces only. */
export async function watchContract(
  caches: ProviderCaches,
  namespaces: { contract: string; templates: string },
  tasks: TaskGroup,
): Promise<void> {
  const contract = { namespace: namespaces.contract };
  const scopes: CacheScopes = {
    ...SCOPES,
    templates: { namespace: namespaces.templates },
    exports: contract,
    requests: contract,
    serviceNamespaces: contract,
    clusterBindings: contract,
  };
  const late = fired(within(60_000)).then(() => fail(new Error("The caches are not complete within 60 s")));
  await Promise.race([watchCaches(caches, tasks, scopes), late]);
}

/** A backend without its listener, for one app cluster. */
export class TestBackend implements AsyncDisposable {
  readonly cluster: TestCluster;
  readonly group = `${uniqueName("backend")}.test`;
  readonly identity = { subject: uniqueName("jane"), clusterId: "cl1" };
  readonly scope: ConsumerScope;
  tenant!: Tenant;
  konnector!: KubeClient;
  caches!: ProviderCaches;
  #running?: AsyncDisposableStack;
  readonly #tidy: (() => Promise<unknown>)[] = [];

  private constructor(cluster: TestCluster, scope: ConsumerScope) {
    this.cluster = cluster;
    this.scope = scope;
  }

  /** A backend at work, with a contract. */
  static async open(scope?: ConsumerScope): Promise<TestBackend> {
    const backend = await TestBackend.prepare(scope);
    await backend.onboard();
    await backend.start();
    return backend;
  }

  /** One that nobody has started, nor bound anything with. */
  static async prepare(scope: ConsumerScope = "Namespaced"): Promise<TestBackend> {
    const backend = new TestBackend(await provider(), scope);
    const { client } = backend.cluster;
    await installCrds(client, KINDS, silentLog, within(30_000));
    await ensureRole(client.api<Role>(CLUSTER_ROLES), undefined, BINDER_ROLE, within(10_000));
    return backend;
  }

  /** Logs in for the first time. */
  async onboard(rest: Partial<ControllersDeps> = {}): Promise<void> {
    this.tenant = await this.bind(rest);
    this.#tidy.push(() => this.cluster.client.api(NAMESPACES).delete({ name: this.namespace }, {}, within(10_000)));
    this.konnector = new KubeClient(parseReceivedKubeconfig(this.tenant.kubeconfig), {
      side: "provider",
      userAgent: "konnector", // API servers note by it who has written what
    });
  }

  get namespace(): string {
    return this.tenant.namespace;
  }

  /** @param rest what is to be different this time */
  async bind(rest: Partial<TenantDeps> = {}, clusterId = this.identity.clusterId): Promise<Tenant> {
    const deps = { ...this.#deps(), ...rest };
    await using tasks = new TaskGroup(fail, within(30_000));
    const { namespaces } = createCaches(deps);
    tasks.run((signal) => namespaces.watch({}, signal));
    await namespaces.synced(within(10_000));
    return await ensureTenant(
      { namespaces: namespaces.store, namespacePrefix: "t", prettyName: "Test", ...deps },
      { ...this.identity, clusterId },
      within(20_000),
    );
  }

  /** @param rest what is to be different this time */
  async start(rest: Partial<ControllersDeps> = {}): Promise<void> {
    const deps = { ...this.#deps(), ...rest };
    const running = this.#running = new AsyncDisposableStack();
    running.use(deps.recorder);
    const tasks = running.use(new TaskGroup(fail, new AbortController().signal));
    this.caches = createCaches(deps);
    await watchContract(this.caches, { contract: this.namespace, templates: this.namespace }, tasks);
    startControllers(deps, this.caches, tasks);
  }

  async stop(): Promise<void> {
    await this.#running?.disposeAsync();
  }

  /** Until a change has arrived: each kind has a watch of its own, and what is changed later may come first. */
  async knows<T extends KubeObject>(informer: Informer<T>, changed: T): Promise<void> {
    const version = ({ metadata }: T) => BigInt(metadata.resourceVersion!);
    await eventually(`the backend knows of the change of ${changed.kind} ${formatKey(keyOf(changed))}`, () => {
      const known = informer.store.get(keyOf(changed));
      return known !== undefined && version(known) >= version(changed);
    });
  }

  /** A CRD with its template. */
  async offer(plural: string, claims?: PermissionClaim[], scope?: "Namespaced" | "Cluster"): Promise<Resource> {
    const { client } = this.cluster;
    const { metadata: { name }, ...definition } = crd(plural, this.group, { scope });
    const { kind } = definition.spec.names;
    await client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS)
      .create({ metadata: { name }, ...definition }, within(10_000));
    this.#tidy.push(() => client.api(CUSTOM_RESOURCE_DEFINITIONS).delete({ name }, {}, within(10_000)));
    await this.offerServed(plural, this.group, claims);
    return { group: this.group, version: "v1", plural, kind, namespaced: scope !== "Cluster" };
  }

  /** A template for an API whose CRD somebody else has installed. */
  async offerServed(plural: string, group: string, claims?: PermissionClaim[]): Promise<void> {
    const { spec, apiVersion, kind } = template(plural, [plural, group], { claims });
    const metadata = { namespace: this.namespace, name: plural };
    await this.cluster.client.api<APIServiceExportTemplate>(API_SERVICE_EXPORT_TEMPLATES)
      .create({ apiVersion, kind, metadata, spec }, within(10_000));
  }

  /** Asks for exports of APIs that this backend offers. */
  request(...plurals: string[]): Promise<APIServiceExportRequest> {
    return this.requestResources(...plurals.map((resource) => ({ group: this.group, resource })));
  }

  /** Asks for exports as the command line does, with the tenant's own credential. */
  async requestResources(...resources: APIServiceExportRequest["spec"]["resources"]): Promise<APIServiceExportRequest> {
    const api = this.konnector.api<APIServiceExportRequest>(API_SERVICE_EXPORT_REQUESTS);
    const { metadata: { name } } = await api.create({
      apiVersion: "klutch.anynines.com/v1alpha1",
      kind: "APIServiceExportRequest",
      metadata: { namespace: this.namespace, name: uniqueName("request") },
      spec: { resources },
    }, within(10_000));
    return await eventually("the request is answered", async () => {
      const request = await api.get({ namespace: this.namespace, name }, within(5000));
      return request.status?.phase !== "Pending" && request;
    });
  }

  /** Asks for a mapped namespace as the konnector does. */
  async mapNamespace(name: string): Promise<string> {
    const api = this.konnector.api<APIServiceNamespace>(API_SERVICE_NAMESPACES);
    const metadata = { namespace: this.namespace, name };
    const object = { apiVersion: "klutch.anynines.com/v1alpha1", kind: "APIServiceNamespace", metadata };
    await api.create(object as APIServiceNamespace, within(10_000));
    return await eventually(
      "the namespace is mapped",
      async () => (await api.get(metadata, within(5000))).status?.namespace,
    );
  }

  /** Whether the tenant may list these objects. */
  async mayList(resource: Resource, namespace?: string): Promise<boolean> {
    try {
      await this.konnector.api(resource).list({ namespace }, within(5000));
      return true;
    } catch (error) {
      if (isForbidden(error)) return false;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#running) await this.#giveBack();
    await this.stop();
    await this.#letGo();
    for (const tidy of this.#tidy) await tidy();
    this.konnector.close();
    this.cluster[Symbol.dispose]();
  }

  /** Mapped namespaces go with their requests as long as controllers run. */
  async #giveBack(): Promise<void> {
    const requests = this.cluster.client.api(API_SERVICE_NAMESPACES);
    const { items } = await requests.list({ namespace: this.namespace }, within(10_000));
    for (const { metadata } of items) await requests.delete(metadata, {}, within(10_000));
    await eventually("mapped namespaces are deleted", () => {
      const mapped = Array.from(this.caches.namespaces.store.list())
        .filter(({ metadata: { name } }) => name.startsWith(`${this.namespace}-`));
      return mapped.every(isDeleting);
    });
  }

  /** Nobody waits any more for what is being deleted, or the contract would stay for ever and keep other tests waiting. */
  async #letGo(): Promise<void> {
    const requests = this.cluster.client.api(API_SERVICE_NAMESPACES);
    const { items } = await requests.list({ namespace: this.namespace }, within(10_000));
    for (const request of items) await removeFinalizer(requests, request, MAPPED_NAMESPACE_FINALIZER, within(10_000));
  }

  #deps(): ControllersDeps {
    return { ...depsFor(this.cluster), consumerScope: this.scope };
  }
}

export function fail(error: unknown): never {
  throw error;
}
