import { deepEqual, equal, rejects } from "node:assert/strict";
import { KubeError } from "../../kube/errors.ts";
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  type CustomResourceDefinition,
  NAMESPACES,
  type OpenApiSchema,
} from "../../kube/resources.ts";
import { apiVersionOf } from "../../kube/types.ts";
import { eventually, provider, within } from "../../tests/clusters.ts";
import { serveWidgets, type Widget, type WidgetApi } from "../../tests/widgets.ts";
import { API_SERVICE_NAMESPACE_ANNOTATION, CLUSTER_NAMESPACE_ANNOTATION } from "../names.ts";
import type { ApiDefinition } from "./compare_crd.ts";
import { impactOf, pathsIn, removeLeftCopies } from "./impact.ts";

const spec = (size: OpenApiSchema, rules: OpenApiSchema[] = []): OpenApiSchema => ({
  type: "object",
  properties: { size, name: { type: "string" } },
  ...(rules.length > 0 && { "x-kubernetes-validations": rules }),
});

const definition = ({ resource: { group } }: WidgetApi, schema: OpenApiSchema): ApiDefinition => ({
  group,
  scope: "Namespaced",
  names: { plural: "widgets", kind: "Widget" },
  versions: [{
    name: "v1",
    served: true,
    storage: true,
    schema: { openAPIV3Schema: { type: "object", properties: { spec: schema } } },
  }],
});

Deno.test("impactOf() counts by tenant what the API server refuses, CEL rules included, and tidies up", async () => {
  using cluster = await provider();
  const { client } = cluster;
  await using api = await serveWidgets(client, spec({ type: "integer" }));
  await using mine = await cluster.namespace("impact");
  await using foreign = await cluster.namespace("impact");
  const annotations = { [API_SERVICE_NAMESPACE_ANNOTATION]: "klutch-abcde/shop" };
  await client.api(NAMESPACES).mergePatch({ name: mine.name }, { metadata: { annotations } }, {}, within(5000));
  for (const [namespace, size] of [[mine.name, 1], [mine.name, 50], [mine.name, 99], [foreign.name, 60]] as const) {
    await client.api<Widget>(api.resource).create({
      apiVersion: apiVersionOf(api.resource),
      kind: "Widget",
      metadata: { namespace, name: `w${size}` },
      spec: { size, name: "secret" },
    }, within(5000));
  }

  const bounded = definition(api, spec({ type: "integer", maximum: 70 }));
  deepEqual(await impactOf(client, bounded, {}, within(30_000)), [
    { tenant: "", objects: 1, refused: 0, samples: [] },
    {
      tenant: "klutch-abcde",
      objects: 3,
      refused: 1,
      samples: [{ object: `${mine.name}/w99`, paths: ["spec.size"] }],
    },
  ]);
  const ruled = definition(api, spec({ type: "integer" }, [{ rule: "self.size < 55", message: "too large" }]));
  deepEqual((await impactOf(client, ruled, {}, within(30_000))).map(({ refused }) => refused), [1, 1]);
  const without: ApiDefinition = definition(api, { type: "object", properties: { size: { type: "integer" } } });
  deepEqual((await impactOf(client, without, {}, within(30_000))).map(({ samples: [first] }) => first?.paths), [
    ["spec.name"],
    ["spec.name"],
  ]);
  const nonsense = definition(api, { type: "banana" });
  await rejects(impactOf(client, nonsense, {}, within(30_000)), KubeError);
  const { items } = await client.api(CUSTOM_RESOURCE_DEFINITIONS).list({}, within(5000));
  equal(items.some(({ metadata }) => metadata.name.endsWith(".klutch.invalid") && !metadata.deletionTimestamp), false);
});

Deno.test("impactOf() leaves out what is in a namespace that is being deleted", async () => {
  using cluster = await provider();
  const { client } = cluster;
  await using api = await serveWidgets(client, spec({ type: "integer" }));
  await using namespace = await cluster.namespace("impact");
  await using ending = await cluster.namespace("ending");
  const widgets = client.api<Widget>(api.resource);
  const create = (name: string, where: string, finalizers: string[], spec: object) =>
    widgets.create({
      apiVersion: apiVersionOf(api.resource),
      kind: "Widget",
      metadata: { namespace: where, name, finalizers },
      spec,
    }, within(5000));
  await create("stays", namespace.name, [], { size: 1 });
  const held = [
    await create("a", ending.name, ["test/held"], { size: 1 }),
    await create("b", ending.name, ["test/held"], { name: "b" }),
  ];
  await client.api(NAMESPACES).delete({ name: ending.name }, {}, within(5000));
  await eventually("it is being deleted", async () => {
    const { status } = await client.api(NAMESPACES).get({ name: ending.name }, within(5000));
    return (status as { phase: string }).phase === "Terminating";
  });
  const ruled = definition(api, spec({ type: "integer" }, [{ rule: "self.size < 9" }]));
  const without = definition(api, { type: "object", properties: { size: { type: "integer" } } });
  for (const changed of [ruled, without]) {
    const impact = await impactOf(client, changed, {}, within(30_000));
    deepEqual(impact, [{ tenant: "", objects: 1, refused: 0, samples: [] }]);
  }
  for (const { metadata } of held) {
    await widgets.mergePatch(metadata, { metadata: { finalizers: null } }, {}, within(5000));
  }
});

Deno.test("impactOf() knows whose a cluster-scoped object is by its annotation", async () => {
  using cluster = await provider();
  const { client } = cluster;
  const schema = spec({ type: "integer" });
  await using api = await serveWidgets(client, schema, "Cluster");
  for (
    const [name, annotations] of [["ours", { [CLUSTER_NAMESPACE_ANNOTATION]: "klutch-abcde" }], ["own", {}]] as const
  ) {
    await client.api<Widget>(api.resource).create({
      apiVersion: apiVersionOf(api.resource),
      kind: "Widget",
      metadata: { name, annotations },
      spec: { size: 1 },
    }, within(5000));
  }
  const same: ApiDefinition = { ...definition(api, schema), scope: "Cluster" };
  deepEqual((await impactOf(client, same, {}, within(30_000))).map(({ tenant, objects }) => [tenant, objects]), [
    ["", 1],
    ["klutch-abcde", 1],
  ]);
});

Deno.test("impactOf() sees fields that an API server has dropped already, by who has written them", async () => {
  using cluster = await provider();
  const { client } = cluster;
  const before = spec({ type: "integer" });
  await using api = await serveWidgets(client, before);
  await using namespace = await cluster.namespace("impact");
  await client.api<Widget>(api.resource).apply(
    {
      apiVersion: apiVersionOf(api.resource),
      kind: "Widget",
      metadata: { namespace: namespace.name, name: "w" },
      spec: { size: 1, name: "secret" },
    },
    { fieldManager: "somebody" },
    within(5000),
  );
  const after: OpenApiSchema = { type: "object", properties: { size: { type: "integer" } } };
  const crds = client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  await eventually("the field is dropped", async () => {
    const crd = await crds.get({ name: `widgets.${api.resource.group}` }, within(5000));
    const { properties } = crd.spec.versions[0]!.schema!.openAPIV3Schema as { properties: Record<string, unknown> };
    properties.spec = after;
    await crds.replace(crd, within(5000));
    const { items: [widget] } = await client.api<Widget>(api.resource).list({}, within(5000));
    return widget!.spec.name === undefined;
  });
  const impact = await impactOf(client, definition(api, after), { before: definition(api, before) }, within(30_000));
  deepEqual(impact.map(({ refused, samples: [first] }) => [refused, first?.paths]), [[1, ["spec.name"]]]);
});

Deno.test("removeLeftCopies() deletes what an interrupted check has left, and nothing that is young or somebody else's", async () => {
  using cluster = await provider();
  const { client } = cluster;
  const crds = client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  await using api = await serveWidgets(client, { type: "object" });
  const foreign = `widgets.${api.resource.group}`;
  const group = `check-${crypto.randomUUID().slice(0, 8)}.klutch.invalid`;
  const name = `widgets.${group}`;
  const { apiVersion, kind, spec } = await crds.get({ name: foreign }, within(5000));
  await crds.create({ apiVersion, kind, metadata: { name }, spec: { ...spec, group } }, within(5000));
  const inMs = (ms: number) => new Date(Date.now() + ms);
  await removeLeftCopies(client, [name, foreign], inMs(60_000), within(5000));
  equal((await crds.get({ name }, within(5000))).metadata.deletionTimestamp, undefined);
  await removeLeftCopies(client, [name, foreign], inMs(3_600_000), within(5000));
  await eventually("it is gone", async () => !await crds.find({ name }, within(5000)));
  await crds.get({ name: foreign }, within(5000));
});

Deno.test("pathsIn() takes paths out of what an API server says, and no values", () => {
  deepEqual(pathsIn('Widget.x "a" is invalid: spec.size: Invalid value: 99: must be less than 5'), ["spec.size"]);
  deepEqual(
    pathsIn('Widget.x "a" is invalid: [spec.a: Required value, spec.b[0].c: Unsupported value: "tell: nobody"]'),
    ["spec.a", "spec.b[0].c"],
  );
  deepEqual(pathsIn('strict decoding error: unknown field "spec.gone"'), ["spec.gone"]);
});
