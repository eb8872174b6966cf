import assert from "node:assert/strict";
import type { APIServiceExport } from "../../crds/api_service_export.ts";
import type { APIServiceExportTemplate } from "../../crds/api_service_export_template.ts";
import { sourceSpecHash } from "../../crds/export_schema.ts";
import { API_SERVICE_EXPORT_TEMPLATES, API_SERVICE_EXPORTS, CLUSTER_BINDINGS } from "../../crds/names.ts";
import { findCondition } from "../../kube/conditions.ts";
import { isInvalid } from "../../kube/errors.ts";
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  type CustomResourceDefinition,
  type OpenApiSchema,
} from "../../kube/resources.ts";
import { apiVersionOf, type DynamicObject } from "../../kube/types.ts";
import { installPolicy } from "../admission_policy.ts";
import { eventually, uniqueName, within } from "../clusters.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { assertGolden } from "./golden.ts";
import { type Cluster, Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";

const GROUP = "policies.example.com";
const API = `mangodbs.${GROUP}`;
const TEMPLATE = { namespace: "default", name: API };

type Template = APIServiceExportTemplate;
type Policy = NonNullable<Template["spec"]["schemaChanges"]>;
type Fields = Record<string, OpenApiSchema>;

const text: OpenApiSchema = { type: "string" };

Deno.test("changes of an API reach app clusters as the policy of its template says", async (t) => {
  await using story = await Story.open();
  const mangos = new Mangos(story, GROUP);
  const { konnector } = await story.given(t, mangoDbCrd(GROUP));
  const [{ metadata: canary }] = await clusterBindings(story) as [DynamicObject];
  const second = await story.startAppCluster("second");
  const both = [story.consumer, second];
  const exports = story.provider.client.api<APIServiceExport>(API_SERVICE_EXPORTS);

  await story.step(t, "given a second app cluster, and an object", async () => {
    const kubeconfig = `--kubeconfig=${second.plane.kubeconfigPath}`;
    await story.startKonnector(kubeconfig);
    const { code, stderr } = await story.bind(API, { args: [kubeconfig] });
    assert.equal(code, 0, stderr);
    await mangos.create();
    await mangos.until("provider", "appears");
  });

  await story.step(t, "Auto: a safe change goes out, and what was reviewed is what is installed", async () => {
    await change(story, (fields) => void (fields.engine = text));
    await untilAll(both, (fields) => fields.engine);
    const { schema } = await until(story, undefined);
    assert.equal(schema?.current, 2);
    await eventually("both have reported its hash", async () => {
      const { items } = await exports.list({}, within(5_000));
      return items.every(({ spec, status }) =>
        status?.installedSchema === schema.hash && sourceSpecHash(spec) === schema.hash
      );
    });
  });

  await story.step(
    t,
    "Auto: a rule that all stored objects obey goes out, and one that they do not, waits",
    async () => {
      await change(story, (fields) => obey(fields.tokenSecret!, "self != 'nobody'"));
      await untilAll(both, ({ tokenSecret }) => rulesOf(tokenSecret) === 1);
      await change(story, (fields) => obey(fields.tokenSecret!, "self == 'somebody'"));
      const { schema } = await until(story, "SchemaBlocked");
      const object = `${await mangos.mappedNamespace("default")}/test`;
      assert.deepEqual(schema?.impact?.tenants, [{
        tenant: canary.namespace,
        objects: 1,
        refused: 1,
        samples: [{ object, paths: ["spec.tokenSecret"] }],
      }]);
      const status = await klutch(story, ["schema", "status"]);
      await assertGolden("schema_status", status.stdout);
      await change(story, (fields) => void delete fields.tokenSecret!["x-kubernetes-validations"]);
      await untilAll(both, ({ tokenSecret }) => rulesOf(tokenSecret) === 0);
    },
  );

  await story.step(t, "Manual: a safe change waits until it is approved", async () => {
    await setPolicy(story, { policy: "Manual" });
    await change(story, (fields) => void (fields.manual = text));
    const { schema } = await until(story, "SchemaPending", "spec.manual");
    assert.equal(schema?.verdict, "safe");
    await assertNobody(both, "manual");
    await setPolicy(story, { policy: "Manual", approved: schema.hash });
    await untilAll(both, (fields) => fields.manual);
    await until(story, undefined);
  });

  await story.step(t, "Pinned: a safe change waits, approved or not", async () => {
    await setPolicy(story, { policy: "Pinned" });
    await change(story, (fields) => void (fields.pinned = text));
    const { schema } = await until(story, "SchemaPinned", "spec.pinned");
    await setPolicy(story, { policy: "Pinned", approved: schema!.hash });
    await until(story, "SchemaPinned");
    await assertNobody(both, "pinned");
    await setPolicy(story, { policy: "Auto" });
    await untilAll(both, (fields) => fields.pinned);
  });

  await story.step(t, "Force: a breaking change goes out, for a reason and not without", async () => {
    await assert.rejects(
      setPolicy(story, { policy: "Force" }),
      (error) => isInvalid(error) && /policy Force needs a reason/.test((error as Error).message),
    );
    await setPolicy(story, { policy: "Force", reason: "nobody has an engine" });
    await change(story, (fields) => void delete fields.engine);
    await untilAll(both, (fields) => !fields.engine);
    const { schema } = await until(story, undefined);
    assert.equal(schema?.impact?.hash, schema?.hash, "objects were looked at before");
    await eventually("an Event tells it, too", async () => {
      const events = await story.provider.kubectl(["get", "events", "-n", "default"]);
      return /SchemaInSync.*policy Force, because: nobody has an engine/.test(events);
    });
  });

  await story.step(t, "canary: the labelled app cluster comes first, and the others wait for it", async () => {
    await story.provider.client.api(CLUSTER_BINDINGS)
      .mergePatch(canary, { metadata: { labels: { stage: "canary" } } }, {}, within(5_000));
    await setPolicy(story, { policy: "Auto", canary: { matchLabels: { stage: "canary" } } });
    await konnector.kill();
    await change(story, (fields) => void (fields.first = text));
    const { conditions } = await until(story, "SchemaPending", "1 of 1 are missing");
    assert.match(findCondition(conditions, "SchemaInSync")!.message!, /are not there yet; .*; 1 of 1 are missing/);
    await assertNobody([second], "first");
    await story.startKonnector();
    await untilAll(both, (fields) => fields.first);
    await until(story, undefined);
  });

  await story.step(t, "canary: what it refuses stops for everybody, in its own words", async () => {
    await forbidField(story.consumer, "turbo");
    await change(story, (fields) => void (fields.turbo = text));
    const reason = "CustomResourceDefinitionUpdateFailed";
    const { message } = await story.condition(API, "SchemaInSync", { status: "False", reason });
    assert.match(message!, /no turbo in this cluster/);
    const { conditions, schema } = await until(story, "SchemaRefused");
    assert.ok(findCondition(conditions, "SchemaInSync")!.message!.includes(`it is "${canary.namespace}"`));
    assert.equal(schema?.refused, 1);
    const ofCanary = { namespace: canary.namespace!, name: API };
    assert.equal((await exports.get(ofCanary, within(5_000))).status?.refusedSchema, schema.hash);
    await assertNobody(both, "turbo");
    await mangos.patch("consumer", { spec: { region: "eu-1" } });
    await mangos.until("provider", "is synced as before", ({ spec }) => (spec as { region: string }).region === "eu-1");

    await story.consumer.kubectl(["delete", "validatingadmissionpolicybindings,validatingadmissionpolicies", "--all"]);
    await untilAll(both, (fields) => fields.turbo);
    await story.condition(API, "SchemaInSync", { status: "True" });
    await until(story, undefined);
    assert.equal((await exports.get(ofCanary, within(5_000))).status?.refusedSchema, undefined);
  });

  await story.step(t, "rollback: both have the schema before, until it is undone", async () => {
    const back = await klutch(story, ["schema", "rollback", API]);
    assert.equal(back.code, 0, back.stderr);
    await untilAll(both, (fields) => fields.first && !fields.turbo);
    await until(story, "SchemaRolledBack");
    const undone = await klutch(story, ["schema", "rollback", API, "--undo"]);
    assert.equal(undone.code, 0, undone.stderr);
    await untilAll(both, (fields) => fields.turbo);
    const unknown = await klutch(story, ["schema", "rollback", API, "--to", "nothing"]);
    assert.equal(unknown.code, 4);
    assert.match(unknown.stderr, /no schema 'nothing' of '.*' is kept; those that are: /);
  });

  await story.step(t, "check: exit codes and reports tell what a change would do", async () => {
    const crd = await crdOf(story.provider);
    const definition = { apiVersion: crd.apiVersion, kind: crd.kind, metadata: { name: API }, spec: crd.spec };
    const check = async (edit: (fields: Fields) => void, ...args: string[]) => {
      const edited = structuredClone(definition);
      edit(fieldsOf(edited as CustomResourceDefinition));
      return await klutch(story, ["schema", "check", "-f", "-", ...args], JSON.stringify(edited));
    };
    assert.equal((await check((fields) => void (fields.more = text))).code, 0);
    const risky = await check((fields) => obey(fields.tokenSecret!, "self != 'nobody'"));
    assert.equal(risky.code, 1, risky.stdout);
    await assertGolden("schema_check_risky", risky.stdout);
    const harmful = await check((fields) => obey(fields.tokenSecret!, "self == 'somebody'"), "-o", "json");
    assert.equal(harmful.code, 2);
    const [{ impact: [ofTenant] }] = JSON.parse(harmful.stdout).apis;
    assert.deepEqual([ofTenant.tenant, ofTenant.refused], [canary.namespace, 1]);
    const sarif = await check((fields) => void delete fields.region, "-o", "sarif");
    assert.equal(sarif.code, 2);
    assert.equal(JSON.parse(sarif.stdout).runs[0].results[0].level, "error");
    const junit = await check((fields) => void delete fields.region, "-o", "junit");
    assert.match(junit.stdout, /<failure type="breaking"/);
    const nonsense = await klutch(story, ["schema", "check", "-f", "-"], "kind: [");
    assert.equal(nonsense.code, 4, nonsense.stderr);
  });
});

/** A provider's administrator runs the executable. */
const klutch = (story: Story, args: string[], stdin?: string) =>
  story.runToEnd([...args, `--kubeconfig=${story.provider.plane.kubeconfigPath}`], { stdin });

const clusterBindings = async ({ provider }: Story) =>
  (await provider.client.api(CLUSTER_BINDINGS).list({}, within(5_000))).items;

const crdOf = ({ client }: Cluster): Promise<CustomResourceDefinition> =>
  client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS).get({ name: API }, within(5_000));

function fieldsOf({ spec: { versions: [version] } }: CustomResourceDefinition): Fields {
  const { properties } = version!.schema!.openAPIV3Schema as unknown as {
    properties: { spec: { properties: Fields } };
  };
  return properties.spec.properties;
}

const rulesOf = (field: OpenApiSchema | undefined): number =>
  (field?.["x-kubernetes-validations"] as unknown[] | undefined)?.length ?? 0;

const obey = (field: OpenApiSchema, rule: string): void => void (field["x-kubernetes-validations"] = [{ rule }]);

async function change({ provider: { client } }: Story, edit: (fields: Fields) => void): Promise<void> {
  const crds = client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  await eventually("the CRD is changed", async () => {
    const crd = await crds.get({ name: API }, within(5_000));
    edit(fieldsOf(crd));
    return await crds.replace(crd, within(5_000));
  });
}

async function setPolicy({ provider }: Story, policy: Policy): Promise<void> {
  const schemaChanges = { approved: null, reason: null, canary: null, rollBackTo: null, ...policy };
  const templates = provider.client.api<Template>(API_SERVICE_EXPORT_TEMPLATES);
  await templates.mergePatch(TEMPLATE, { spec: { schemaChanges } }, {}, within(5_000));
  // What comes later by another watch may come first. In one watch all is in order.
  const marker = { namespace: TEMPLATE.namespace, name: uniqueName("marker") };
  await templates.create({
    apiVersion: apiVersionOf(API_SERVICE_EXPORT_TEMPLATES),
    kind: API_SERVICE_EXPORT_TEMPLATES.kind,
    metadata: marker,
    spec: { APIServiceSelector: { group: "marker.example.com", resource: "markers" } },
  }, within(5_000));
  await eventually(
    "the backend knows of the policy",
    async () => (await templates.get(marker, within(5_000))).status?.conditions,
  );
  await templates.delete(marker, {}, within(5_000));
}

/** Waits until the template says why a change does not go out, or that all have it. */
async function until(
  { provider }: Story,
  reason: string | undefined,
  words = "",
): Promise<NonNullable<Template["status"]>> {
  let seen: Template["status"];
  try {
    return await eventually(`SchemaInSync is ${reason ?? "True"}`, async () => {
      seen = (await provider.client.api<Template>(API_SERVICE_EXPORT_TEMPLATES).get(TEMPLATE, within(5_000))).status;
      const condition = findCondition(seen?.conditions, "SchemaInSync");
      return condition?.reason === reason && (condition?.message ?? "").includes(words) && seen;
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}; last seen: ${JSON.stringify(seen, null, 2)}`, { cause: error });
  }
}

async function untilAll(clusters: Cluster[], isReached: (fields: Fields) => unknown): Promise<void> {
  for (const cluster of clusters) {
    await eventually(
      `the ${cluster.plane.name} has the schema`,
      async () => Boolean(isReached(fieldsOf(await crdOf(cluster)))),
    );
  }
}

async function assertNobody(clusters: Cluster[], field: string): Promise<void> {
  for (const cluster of clusters) assert.equal(fieldsOf(await crdOf(cluster))[field], undefined, cluster.plane.name);
}

/** An app team's policy on CRDs; it takes a while until an API server minds it. */
async function forbidField({ client }: Cluster, field: string): Promise<void> {
  const properties = "object.spec.versions[0].schema.openAPIV3Schema.properties['spec'].properties";
  await installPolicy(client, {
    name: "no-new-fields",
    rule: { apiGroups: ["apiextensions.k8s.io"], operations: ["UPDATE"], resources: ["customresourcedefinitions"] },
    validations: [{
      expression: `object.metadata.name != '${API}' || !('${field}' in ${properties})`,
      message: `no ${field} in this cluster`,
      reason: "Forbidden",
    }],
  });
  await eventually("the policy is minded", async () => {
    const crd = await crdOf({ client } as Cluster);
    fieldsOf(crd)[field] = text;
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${API}`;
    return await client.request("PUT", path, { query: { dryRun: "All" }, body: crd }, within(5_000))
      .then(() => false, (error) => (error as Error).message.includes(`no ${field}`));
  });
}
