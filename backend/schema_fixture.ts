import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { sourceSpecHash, toExportSpec } from "../crds/export_schema.ts";
import { API_SERVICE_EXPORT_TEMPLATES, API_SERVICE_EXPORTS, CLUSTER_BINDINGS } from "../crds/names.ts";
import type { Api } from "../kube/api.ts";
import type { KubeClient } from "../kube/client.ts";
import { findCondition } from "../kube/conditions.ts";
import { deepEqual } from "../kube/json.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition, type OpenApiSchema } from "../kube/resources.ts";
import { formatTime } from "../kube/time.ts";
import { eventually, within } from "../tests/clusters.ts";
import { TestBackend } from "./contract_fixture.ts";
import type { ControllersDeps } from "./controllers.ts";
import { clusterBinding } from "./test_objects.ts";

type Policy = NonNullable<APIServiceExportTemplate["spec"]["schemaChanges"]>;
type TemplateStatus = NonNullable<APIServiceExportTemplate["status"]>;

/** A field of any text. */
export const text: OpenApiSchema = { type: "string" };

/** Names of what is in `spec` of the exported API, in order. */
export function fieldsOf({ spec: { versions: [version] } }: APIServiceExport): string {
  const { properties } = version!.schema.openAPIV3Schema as { properties: { spec: OpenApiSchema } };
  return Object.keys(properties.spec.properties ?? {}).sort().join(" ");
}

/** The export of an API to one app cluster, and what the konnector there would say of it. */
export class ExportedApi {
  readonly key: { namespace: string; name: string };
  readonly #backend: TestBackend;
  readonly #api: Api<APIServiceExport>;

  /** @param client of its konnector */
  constructor(backend: TestBackend, client: KubeClient, key: { namespace: string; name: string }) {
    this.key = key;
    this.#backend = backend;
    this.#api = client.api(API_SERVICE_EXPORTS);
  }

  read(): Promise<APIServiceExport> {
    return this.#api.get(this.key, within(5000));
  }

  async hash(): Promise<string> {
    return sourceSpecHash((await this.read()).spec);
  }

  /** Until it says so about itself, and has these fields. */
  async until(reason: string | undefined, fields: string): Promise<void> {
    await eventually(`ProviderInSync of ${this.key.namespace} is ${reason ?? "True"}, with ${fields}`, async () => {
      const exported = await this.read();
      const condition = findCondition(exported.status?.conditions, "ProviderInSync");
      return condition?.reason === reason && fieldsOf(exported) === fields;
    });
  }

  /** @param reason why the app cluster does not take it over; undefined when it has */
  async report(reason: string | undefined, status: object = {}): Promise<void> {
    const lastTransitionTime = formatTime(new Date());
    const state = reason ? { status: "False", reason, message: "no" } : { status: "True" };
    const own = { type: "ConsumerInSync", lastTransitionTime, ...state };
    const reported = await eventually("its status is written", async () => {
      const { metadata: { uid, resourceVersion }, status: before } = await this.read();
      const others = before?.conditions?.filter(({ type }) => type !== own.type) ?? [];
      const patch = { metadata: { uid, resourceVersion }, status: { ...status, conditions: [...others, own] } };
      const options = { subresource: "status" } as const;
      return await this.#api.mergePatch(this.key, patch, options, within(5000));
    });
    await this.#backend.knows(this.#backend.caches.exports, reported);
  }

  async reportInstalled(): Promise<void> {
    await this.report(undefined, { installedSchema: await this.hash(), refusedSchema: null });
  }

  async reportRefused(): Promise<void> {
    await this.report("CustomResourceDefinitionUpdateFailed", { refusedSchema: await this.hash() });
  }

  remove(): Promise<void> {
    return this.#api.delete(this.key, {}, within(5000));
  }

  /** Of its ClusterBinding, for which an administrator is needed. */
  async label(admin: KubeClient, labels: Record<string, string>): Promise<void> {
    const key = { namespace: this.key.namespace, name: "cluster" };
    await admin.api<ClusterBinding>(CLUSTER_BINDINGS).mergePatch(key, { metadata: { labels } }, {}, within(5000));
  }
}

/** An API whose definition changes, exported to the app cluster of a backend, and to others if need be. */
export class ChangingApi implements AsyncDisposable {
  readonly backend: TestBackend;
  readonly name: string;
  readonly #opened = new AsyncDisposableStack();

  private constructor(backend: TestBackend) {
    this.backend = this.#opened.use(backend);
    this.name = `dbs.${backend.group}`;
  }

  static async open(rest: Partial<ControllersDeps> = {}): Promise<ChangingApi> {
    const api = new ChangingApi(await TestBackend.prepare());
    await api.backend.onboard();
    await api.backend.start(rest);
    await api.backend.offer("dbs");
    await api.change({ plan: text });
    await api.backend.request("dbs");
    return api;
  }

  get own(): ExportedApi {
    return new ExportedApi(this.backend, this.backend.konnector, {
      namespace: this.backend.namespace,
      name: this.name,
    });
  }

  /** Another app cluster that binds the API now: it gets the CRD as it is. */
  async bindAnother(labels: Record<string, string> = {}): Promise<ExportedApi> {
    const { cluster, caches } = this.backend;
    const namespace = this.#opened.use(await cluster.namespace("another")).name;
    const stop = new AbortController();
    const watching = [caches.exports, caches.clusterBindings].map((one) => one.watch({ namespace }, stop.signal));
    this.#opened.defer(async () => {
      stop.abort();
      await Promise.all(watching);
    });
    const { apiVersion, kind, spec: bound } = clusterBinding(namespace);
    const metadata = { namespace, name: "cluster", labels };
    const binding = await cluster.client.api<ClusterBinding>(CLUSTER_BINDINGS)
      .create({ apiVersion, kind, metadata, spec: bound }, within(5000));
    const crd = await cluster.client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS)
      .get({ name: this.name }, within(5000));
    const one = await this.own.read();
    const key = { namespace, name: this.name };
    const spec = { ...one.spec, ...toExportSpec(crd) };
    const exported = await cluster.client.api<APIServiceExport>(API_SERVICE_EXPORTS)
      .create({ apiVersion: one.apiVersion, kind: one.kind, metadata: key, spec }, within(5000));
    await this.backend.knows(caches.clusterBindings, binding);
    await this.backend.knows(caches.exports, exported);
    return new ExportedApi(this.backend, cluster.client, key);
  }

  /** Fields of `spec`, where `null` takes one away. */
  async change(fields: Record<string, OpenApiSchema | null>): Promise<void> {
    const crds = this.backend.cluster.client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
    const { metadata: { generation = 0 } } = await eventually("the CRD is changed", async () => {
      const crd = await crds.get({ name: this.name }, within(5000));
      const { properties } = crd.spec.versions[0]!.schema!.openAPIV3Schema as { properties: { spec: OpenApiSchema } };
      const all = Object.entries({ ...properties.spec.properties as object, ...fields });
      properties.spec.properties = Object.fromEntries(all.filter(([, field]) => field !== null)) as OpenApiSchema;
      return await crds.replace(crd, within(5000));
    });
    const { apis } = this.backend.caches;
    await eventually("the backend knows of it", () => apis.store.get({ name: this.name })!.generation >= generation);
  }

  /** Objects of the API that is exported. */
  get objects(): Api {
    const { group, cluster } = this.backend;
    return cluster.client.api({ group, version: "v1", plural: "dbs", kind: "Db", namespaced: true });
  }

  /** Stores an object with this name and plan, once the API server serves the schema that has plans. */
  async store(plan: string): Promise<void> {
    const { group, namespace } = this.backend;
    const object = { apiVersion: `${group}/v1`, kind: "Db", metadata: { namespace, name: plan }, spec: { plan } };
    await eventually("it is stored with its plan", async () => {
      const { spec } = await this.objects.create(object, within(5000));
      if (deepEqual(spec, object.spec)) return true;
      await this.objects.delete(object.metadata, {}, within(5000));
    });
  }

  async policy(policy: Policy): Promise<void> {
    const key = { namespace: this.backend.namespace, name: "dbs" };
    const api = this.backend.cluster.client.api<APIServiceExportTemplate>(API_SERVICE_EXPORT_TEMPLATES);
    const schemaChanges = { approved: null, reason: null, canary: null, rollBackTo: null, ...policy };
    const changed = await api.mergePatch(key, { spec: { schemaChanges } }, {}, within(5000));
    await this.backend.knows(this.backend.caches.templates, changed);
  }

  /** Of the template, once its schema condition has this reason. */
  async status(reason: string | undefined): Promise<TemplateStatus> {
    const templates = this.backend.cluster.client.api<APIServiceExportTemplate>(API_SERVICE_EXPORT_TEMPLATES);
    return await eventually(`the template's SchemaInSync is ${reason ?? "True"}`, async () => {
      const { status } = await templates.get({ namespace: this.backend.namespace, name: "dbs" }, within(5000));
      const condition = findCondition(status?.conditions, "SchemaInSync");
      return condition && condition.reason === reason && status;
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }
}
