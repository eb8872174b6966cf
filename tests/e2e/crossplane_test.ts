import assert from "node:assert/strict";
import { env } from "node:process";
import type { APIServiceExportTemplate } from "../../crds/api_service_export_template.ts";
import { API_SERVICE_EXPORT_TEMPLATES } from "../../crds/names.ts";
import { findCondition } from "../../kube/conditions.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../../kube/resources.ts";
import type { DynamicObject, Resource } from "../../kube/types.ts";
import { startCrossplane } from "../../playground/crossplane.ts";
import { makeOwnedDirectory } from "../../playground/owned_directory.ts";
import { eventually, within } from "../clusters.ts";
import { type Cluster, Story } from "./harness.ts";

// The walk "Adding a custom service" of the documentation, and what becomes of the service when its API changes.

const GROUP = "service.example.com";
const API = `caches.${GROUP}`;
const CACHES: Resource = { group: GROUP, version: "v1", plural: "caches", kind: "Cache", namespaced: true };

const TEMPLATE = { namespace: "crossplane-system", name: "caches" };
const TEMPLATE_YAML = `
apiVersion: example-backend.klutch.anynines.com/v1alpha1
kind: APIServiceExportTemplate
metadata: { name: ${TEMPLATE.name}, namespace: ${TEMPLATE.namespace} }
spec:
  APIServiceSelector: { group: ${GROUP}, resource: caches, version: v1 }
`;

const FIELDS = { plan: { type: "string", enum: ["small", "large"], default: "small" }, ttl: { type: "integer" } };
type Fields = Record<string, object>;

const schema = (spec: Fields) => ({
  openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties: spec } } },
});

const crd = (spec: Fields) => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: API },
  spec: {
    group: GROUP,
    names: { kind: "Cache", plural: "caches" },
    scope: "Namespaced",
    versions: [{ name: "v1", served: true, storage: true, schema: schema(spec), subresources: { status: {} } }],
  },
});

const xrd = (spec: Fields) => ({
  apiVersion: "apiextensions.crossplane.io/v1",
  kind: "CompositeResourceDefinition",
  metadata: { name: `xcaches.${GROUP}` },
  spec: {
    group: GROUP,
    names: { kind: "XCache", plural: "xcaches" },
    claimNames: { kind: "Cache", plural: "caches" },
    versions: [{ name: "v1", served: true, referenceable: true, schema: schema(spec) }],
  },
});

Deno.test("a custom service is added as a plain CRD, and its API changes", async (t) => {
  await using story = await Story.open();
  await story.step(t, "given its CRD", async () => {
    await story.provider.kubectl(["create", "namespace", TEMPLATE.namespace]);
    await apply(story.provider, crd(FIELDS));
  });
  await addService(t, story);
  await changeService(t, story, crd);
});

const crossplane = env.KLUTCH_TEST_CROSSPLANE;

Deno.test({
  name: "a custom service is added as a definition for Crossplane, and its API changes",
  ignore: crossplane === undefined,
  async fn(t) {
    await using story = await Story.open();
    await using directory = await makeOwnedDirectory();
    await using stack = new AsyncDisposableStack();
    await story.step(t, "given Crossplane, and the definition of a claim", async () => {
      stack.use(
        await startCrossplane({
          program: crossplane!,
          client: story.provider.client,
          kubeconfigPath: story.provider.plane.kubeconfigPath,
          directory: directory.path,
        }, within(120_000)),
      );
      await apply(story.provider, xrd(FIELDS));
    });
    await addService(t, story);
    await story.step(t, "what Crossplane says about a claim reaches the app cluster", async () => {
      const caches = story.consumer.client.api(CACHES);
      await eventually("the claim is answered", async () => {
        const { status } = await caches.get({ namespace: "default", name: "sessions" }, within(5_000));
        const { conditions = [] } = (status ?? {}) as { conditions?: { type: string; status: string }[] };
        return conditions.some(({ type }) => type === "Synced");
      });
      assert.ok(fieldsOf(await crdOf(story.consumer)).compositionRef, "the claim's own fields are there");
    });
    await changeService(t, story, xrd);
  },
});

/** From the service's definition to an object of an app team. */
async function addService(t: Deno.TestContext, story: Story): Promise<void> {
  await story.step(t, "it is put on offer and bound", async () => {
    await Promise.all([story.startBackend(), story.startKonnector()]);
    await story.backendReady();
    await eventually("the API is served", () => story.provider.client.api(CACHES).list({}, within(5_000)));
    await eventually("the template is taken", () => story.provider.kubectl(["apply", "-f", "-"], TEMPLATE_YAML));
    await story.bindOrFail(API);
  });
  await story.step(t, "an app team orders one", async () => {
    await story.consumer.client.api(CACHES).create({
      apiVersion: `${GROUP}/v1`,
      kind: "Cache",
      metadata: { namespace: "default", name: "sessions" },
      spec: { ttl: 60 },
    }, within(5_000));
    await eventually("it reaches the control plane", async () => {
      const { items } = await story.provider.client.api(CACHES).list({}, within(5_000));
      const { plan, ttl } = items[0]?.spec as { plan: string; ttl: number };
      return plan === "small" && ttl === 60;
    });
  });
}

async function changeService(t: Deno.TestContext, story: Story, define: (spec: Fields) => object): Promise<void> {
  const zone = { type: "string" };
  await story.step(t, "a new field reaches the app cluster", async () => {
    await apply(story.provider, define({ ...FIELDS, zone }));
    await eventually("the field is there", async () => fieldsOf(await crdOf(story.consumer)).zone);
    await story.condition(API, "SchemaInSync", { status: "True" });
  });
  await story.step(t, "a field less waits, and reaches the app cluster once it is approved", async () => {
    await apply(story.provider, define({ plan: FIELDS.plan, zone }));
    const { schema } = await eventually("the template says so", async () => {
      const { status } = await templateOf(story);
      return findCondition(status?.conditions, "SchemaInSync")?.reason === "SchemaBlocked" && status;
    });
    assert.equal(schema?.verdict, "breaking");
    assert.ok(fieldsOf(await crdOf(story.consumer)).ttl);
    await story.provider.client.api(API_SERVICE_EXPORT_TEMPLATES).mergePatch(
      TEMPLATE,
      { spec: { schemaChanges: { policy: "Auto", approved: schema.hash } } },
      {},
      within(5_000),
    );
    await eventually("the field is gone", async () => !fieldsOf(await crdOf(story.consumer)).ttl);
    await story.condition(API, "SchemaInSync", { status: "True" });
  });
}

const apply = ({ kubectl }: Cluster, object: object): Promise<string> =>
  kubectl(["apply", "-f", "-"], JSON.stringify(object));

const crdOf = ({ client }: Cluster): Promise<CustomResourceDefinition> =>
  client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS).get({ name: API }, within(5_000));

const templateOf = ({ provider }: Story): Promise<APIServiceExportTemplate> =>
  provider.client.api<APIServiceExportTemplate>(API_SERVICE_EXPORT_TEMPLATES).get(TEMPLATE, within(5_000));

function fieldsOf({ spec: { versions: [version] } }: CustomResourceDefinition): Record<string, DynamicObject> {
  const { properties } = version!.schema!.openAPIV3Schema as unknown as {
    properties: { spec: { properties: Record<string, DynamicObject> } };
  };
  return properties.spec.properties;
}
