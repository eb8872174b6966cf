import assert from "node:assert/strict";
import type { APIServiceExportTemplate } from "../../crds/api_service_export_template.ts";
import { API_SERVICE_EXPORT_TEMPLATES, API_SERVICE_EXPORTS, KLUTCH_NAMESPACE } from "../../crds/names.ts";
import { systemClock } from "../../kube/clock.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../../kube/resources.ts";
import type { DynamicObject } from "../../kube/types.ts";
import { eventually, within } from "../clusters.ts";
import { installCrd, mangoDb, mangoDbCrd } from "../mangodb.ts";
import { type Cluster, Story } from "./harness.ts";
import { DEFAULT, Mangos } from "./mangos.ts";

const GROUP = "mangodb.com";
const API = `mangodbs.${GROUP}`;

Deno.test("the API in the app cluster follows the provider's, and belongs to its binding", async (t) => {
  await using story = await Story.open();
  const mangos = new Mangos(story, GROUP);
  const { kubectl } = story.consumer;
  const { backend } = await story.given(t, mangoDbCrd(GROUP));

  await story.step(t, "given an object", async () => {
    await mangos.create();
    await mangos.until("provider", "appears");
  });

  await story.step(t, "a new field and a new column reach the app cluster, and carry values", async () => {
    await changeCrd(story.provider, API, ({ spec: { versions: [version] } }) => {
      specOf(version!).engine = { type: "string" };
      version!.additionalPrinterColumns!.push({ name: "Engine", type: "string", jsonPath: ".spec.engine" });
    });
    await eventually("the field is known", async () => {
      await mangos.patch("consumer", { spec: { engine: "turbo" } });
      return engineOf((await mangos.find("consumer"))!) === "turbo";
    });
    await mangos.until("provider", "has the engine", (object) => engineOf(object) === "turbo");
    assert.match(await kubectl(["get", "mangodbs"]), /ENGINE[^]*turbo/);
    await story.condition(API, "SchemaInSync", { status: "True" });
  });

  await story.step(t, "a field less does not reach the app cluster until it is approved", async () => {
    const without = ({ spec: { versions: [version] } }: CustomResourceDefinition) =>
      void delete specOf(version!).engine;
    await changeCrd(story.provider, API, without);
    const { schema } = await eventually("the template tells that it waits", async () => {
      const { status } = await template(story);
      return status?.conditions?.some(({ reason }) => reason === "SchemaBlocked") && status;
    });
    assert.equal(schema?.verdict, "breaking");
    assert.ok(specOf((await crdOf(story.consumer, API)).spec.versions[0]!).engine);
    await story.condition(API, "SchemaInSync", { status: "True" });
    await eventually("an Event tells it, too", async () => {
      const events = await story.provider.kubectl(["get", "events", "-n", "default"]);
      return /SchemaBlocked.*engine: the field is gone/.test(events);
    });

    await setPolicy(story, { policy: "Auto", approved: schema.hash });
    await eventually(
      "the app cluster has the field no more",
      async () => specOf((await crdOf(story.consumer, API)).spec.versions[0]!).engine === undefined,
    );
    await eventually("the template tells that all have it", async () => {
      const { status } = await template(story);
      return status?.schema?.current === 1 &&
        status.conditions?.some(({ type, status }) => type === "SchemaInSync" && status === "True");
    });
  });

  const later = new Mangos(story, GROUP, "v1beta1");

  await story.step(t, "a change that the app cluster refuses is told, and objects are synced as before", async () => {
    const before = await crdOf(story.consumer, API);
    await setPolicy(story, { policy: "Force", reason: "objects are moved on by hand" });
    // What is stored under a version cannot lose it; the provider's own objects were moved on by hand.
    await changeCrd(story.provider, API, ({ spec }) => {
      spec.versions.push({ ...structuredClone(spec.versions[0]!), name: "v1beta1", storage: true });
      spec.versions[0]!.storage = false;
    });
    await eventually(
      "the app cluster stores the new version",
      async () => (await crdOf(story.consumer, API)).status?.storedVersions?.includes("v1beta1"),
    );
    await mangos.patch("provider", { metadata: { labels: { moved: "yes" } } });
    await forgetOldVersion(story.provider);
    await changeCrd(story.provider, API, ({ spec }) => void spec.versions.shift());

    const reason = "CustomResourceDefinitionUpdateFailed";
    const { message } = await story.condition(API, "SchemaInSync", { status: "False", reason });
    assert.match(message!, /storedVersions.*Ask whoever runs the provider/);
    await story.condition(API, "Ready", { status: "False", reason });
    await eventually("the provider sees it on the export", async () => {
      const { items } = await story.provider.client.api(API_SERVICE_EXPORTS).list({}, soon());
      const { conditions } = items[0]!.status as { conditions: { type: string; reason?: string }[] };
      return conditions.some((one) => one.type === "ConsumerInSync" && one.reason === reason);
    });
    assert.equal((await crdOf(story.consumer, API)).metadata.uid, before.metadata.uid);
    await later.patch("consumer", { spec: { tier: "Dedicated" } });
    await later.until("provider", "is Dedicated", ({ spec }) => (spec as { tier: string }).tier === "Dedicated");
  });

  await story.step(t, "and once it is corrected, all is well by itself", async () => {
    await forgetOldVersion(story.consumer);
    await story.condition(API, "Ready", { status: "True" });
    await eventually("one version is left", async () => (await crdOf(story.consumer, API)).spec.versions.length === 1);
  });

  const bound = `mangodbs.again.example.com`;
  const others = new Mangos(story, "again.example.com");

  await story.step(t, "unbound, the API and its objects stay, and nobody syncs them", async () => {
    await story.offer(mangoDbCrd("again.example.com"));
    await story.bindOrFail(bound);
    await others.create();
    await others.until("provider", "appears");
    await kubectl(["delete", "sb", bound, "-n", KLUTCH_NAMESPACE]);
    const tokenSecret = crypto.randomUUID();
    for (const each of [others, later]) await each.patch("consumer", { spec: { tokenSecret } });
    const hasToken = ({ spec }: DynamicObject) => (spec as { tokenSecret: string }).tokenSecret === tokenSecret;
    await later.until("provider", "follows, as it is bound", hasToken);
    await pause(1_000); // whoever still syncs does it in the same moment
    assert.ok(!hasToken((await others.find("provider"))!));
  });

  await story.step(t, "bound again, it takes over what is there", async () => {
    const crd = await crdOf(story.consumer, bound);
    const own = (await others.find("consumer"))!;
    const theirs = (await others.find("provider"))!;
    await story.bindOrFail(bound);
    const token = (own.spec as { tokenSecret: string }).tokenSecret;
    const { metadata } = await others.until(
      "provider",
      "follows",
      ({ spec }) => (spec as { tokenSecret: string }).tokenSecret === token,
    );
    assert.equal(metadata.uid, theirs.metadata.uid);
    assert.equal((await others.find("consumer"))?.metadata.uid, own.metadata.uid);
    const after = await crdOf(story.consumer, bound);
    assert.equal(after.metadata.uid, crd.metadata.uid);
    assert.deepEqual(after.metadata.ownerReferences?.map(({ uid }) => uid), [
      (await story.binding(bound)).metadata.uid,
    ]);
    await others.delete("consumer");
    await others.untilGone("provider");
    await others.untilGone("consumer");
  });

  await story.step(t, "an API that the provider withdraws is told, and the objects here stay", async () => {
    await kubectl(["delete", "mangodbs.again.example.com", "--all"]);
    await others.create();
    await others.until("provider", "appears");
    await story.provider.kubectl(["delete", "crd", bound]);
    await story.condition(bound, "Ready", { status: "False", reason: "APIServiceExportNotFound" });
    assert.ok(await others.find("consumer"));
    await story.condition(API, "Ready", { status: "True" });
  });

  const FOREIGN = "mangodbs.foreign.example.com";
  const foreign = new Mangos(story, "foreign.example.com");

  await story.step(t, "an API that the app cluster has of its own is left alone, and bind says so", async () => {
    await story.offer(mangoDbCrd("foreign.example.com"));
    await installCrd(story.consumer.client, mangoDbCrd("foreign.example.com"));
    await foreign.consumer.create(mangoDb("foreign.example.com", DEFAULT), soon());
    const before = await crdOf(story.consumer, FOREIGN);
    const { code, stderr } = await story.bind(FOREIGN, { args: ["--wait-timeout=5s"] });
    assert.equal(code, 1);
    assert.match(stderr, /Connected=False ForeignCustomResourceDefinition: .*belongs to somebody else/);
    await foreign.patch("consumer", { spec: { tier: "Dedicated" } });
    const { metadata, spec } = await crdOf(story.consumer, FOREIGN);
    assert.deepEqual([metadata, spec], [before.metadata, before.spec]);
    assert.deepEqual(await foreign.list("provider"), []);
    assert.equal((await foreign.find("consumer"))?.metadata.finalizers, undefined);
  });

  await story.step(t, "once it is out of the way, the binding becomes ready by itself", async () => {
    await kubectl(["delete", "crd", FOREIGN]);
    await story.condition(FOREIGN, "Ready", { status: "True" });
    await foreign.create();
    await foreign.until("provider", "appears");
  });

  await story.step(t, "an export that the app cluster's API server refuses ends in a condition", async () => {
    await backend.kill(); // it would correct the export
    const { items } = await story.provider.client.api(API_SERVICE_EXPORTS).list({}, soon());
    const [{ metadata, spec, ...rest }] = items.filter(({ metadata }) => metadata.name === API) as [DynamicObject];
    const BAD = "apes.bad.example.com";
    const names = { kind: "Ape", listKind: "ApeList", plural: "apes", singular: "ape" };
    const versions = structuredClone((spec as CustomResourceDefinition["spec"]).versions);
    (versions[0]!.schema as unknown as { openAPIV3Schema: object }).openAPIV3Schema = {
      type: "object",
      properties: { spec: { type: "object", properties: { tail: { type: "banana" } } } },
    };
    await story.provider.client.api(API_SERVICE_EXPORTS).create({
      ...rest,
      metadata: { namespace: metadata.namespace!, name: BAD },
      spec: { ...spec as object, group: "bad.example.com", names, versions },
    }, soon());
    const { apiVersion, kind, spec: { kubeconfigSecretRef } } = await story.binding(API);
    await kubectl(
      ["create", "-f", "-"],
      JSON.stringify({
        apiVersion,
        kind,
        metadata: { namespace: KLUTCH_NAMESPACE, name: BAD },
        spec: { kubeconfigSecretRef },
      }),
    );
    const reason = "CustomResourceDefinitionCreateFailed";
    const { message } = await story.condition(BAD, "Ready", { status: "False", reason });
    assert.match(message!, /properties\[tail\]\.type: Unsupported value/);
    await story.condition(API, "Ready", { status: "True" });
  });
});

const soon = () => within(5_000);
const pause = (ms: number) => systemClock.sleep(ms, within(ms + 5_000));

const engineOf = ({ spec }: DynamicObject) => (spec as { engine?: string }).engine;

const crdOf = ({ client }: Cluster, name: string) =>
  client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS).get({ name }, soon());

const TEMPLATE = { namespace: "default", name: API };

const template = ({ provider }: Story) =>
  provider.client.api<APIServiceExportTemplate>(API_SERVICE_EXPORT_TEMPLATES).get(TEMPLATE, soon());

const setPolicy = ({ provider }: Story, schemaChanges: APIServiceExportTemplate["spec"]["schemaChanges"]) =>
  provider.client.api(API_SERVICE_EXPORT_TEMPLATES).mergePatch(TEMPLATE, { spec: { schemaChanges } }, {}, soon());

/** Says that no object is stored in the first version any more. */
async function forgetOldVersion({ client }: Cluster): Promise<void> {
  const patch = { status: { storedVersions: ["v1beta1"] } };
  await client.api(CUSTOM_RESOURCE_DEFINITIONS).mergePatch({ name: API }, patch, { subresource: "status" }, soon());
}

/** The provider's operator changes an API. */
async function changeCrd(
  cluster: Cluster,
  name: string,
  change: (crd: CustomResourceDefinition) => void,
): Promise<void> {
  await eventually(`CRD ${name} is changed`, async () => {
    const crd = await crdOf(cluster, name);
    change(crd);
    return await cluster.client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS).replace(crd, soon());
  });
}

const specOf = (version: CustomResourceDefinition["spec"]["versions"][number]): Record<string, unknown> => {
  const schema = version.schema!.openAPIV3Schema as unknown as {
    properties: { spec: { properties: Record<string, unknown> } };
  };
  return schema.properties.spec.properties;
};
