import assert from "node:assert/strict";
import { eventually, provider, within } from "../tests/clusters.ts";
import { serveWidgets, type Widget } from "../tests/widgets.ts";
import { applyOver } from "./apply.ts";
import { KubeClient } from "./client.ts";
import { isConflict, isNotServed } from "./errors.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "./resources.ts";

const ANYTHING = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

/** An API whose objects have settings of any shape. */
async function openWidgets() {
  await using opening = new AsyncDisposableStack();
  const cluster = opening.use(await provider());
  const { name: namespace } = opening.use(await cluster.namespace("apply"));
  const schema = { type: "object", properties: { settings: ANYTHING } };
  const { resource } = opening.use(await serveWidgets(cluster.client, schema));
  const opened = opening.move();
  return {
    cluster,
    resource,
    api: cluster.client.api<Widget>(resource),
    widget: (name: string, settings: unknown): Widget => ({
      apiVersion: `${resource.group}/v1`,
      kind: "Widget",
      metadata: { namespace, name, labels: { mark: "1" } },
      spec: { settings },
    }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

Deno.test("an object inside an object can be emptied by apply, and nothing happens to one that changed meanwhile", async () => {
  await using widgets = await openWidgets();
  const { api, widget } = widgets;
  const options = { fieldManager: "klutch-test", force: true };
  const signal = within(10_000);

  const first = await applyOver(api, { desired: widget("a", { "odd/na~me": 1 }) }, options, signal);
  const emptied = await applyOver(api, { current: first, desired: widget("a", {}) }, options, signal);
  assert.deepEqual(emptied.spec, { settings: {} });
  const managers = emptied.metadata.managedFields!.map(({ manager, operation }) => `${manager} ${operation}`);
  assert.deepEqual(managers, ["klutch-test Apply"]);

  const filled = await applyOver(api, { current: emptied, desired: widget("a", { b: { c: 1 } }) }, options, signal);
  await api.mergePatch(filled.metadata, { metadata: { labels: { changed: "1" } } }, {}, signal);
  await assert.rejects(
    applyOver(api, { current: filled, desired: widget("a", { b: {} }) }, options, signal),
    isConflict,
  );

  await api.delete(filled.metadata, {}, signal);
  const namesake = await api.create(widget("a", { b: { c: 2 } }), signal);
  await assert.rejects(
    applyOver(api, { current: filled, desired: widget("a", { b: {} }) }, options, signal),
    isConflict,
  );
  const now = await api.get(filled.metadata, signal);
  assert.equal(now.metadata.resourceVersion, namesake.metadata.resourceVersion);
});

Deno.test("where nothing has to be emptied, apply is the only write", async () => {
  await using widgets = await openWidgets();
  const { api, widget } = widgets;
  const desired = widget("a", { empty: {}, a: 1 });
  const options = { fieldManager: "klutch-test" };
  const current = await applyOver(api, { desired }, options, within(10_000));
  const again = await applyOver(api, { current, desired }, options, within(10_000));
  assert.equal(again.metadata.resourceVersion, current.metadata.resourceVersion);
});

Deno.test("what a predecessor created vanishes with the first apply that does not have it", async () => {
  await using widgets = await openWidgets();
  const { api, widget } = widgets;
  using predecessor = new KubeClient(widgets.cluster.config, { userAgent: "founder/v1" });
  const options = { fieldManager: "heir", predecessor: "founder", force: true };
  const signal = within(10_000);
  const create = (name: string) =>
    predecessor.api<Widget>(widgets.resource).create(widget(name, { a: 1, b: 2 }), signal);
  const managersOf = ({ metadata }: Widget) =>
    metadata.managedFields!.map(({ manager, operation }) => `${manager} ${operation}`);

  const created = await create("created");
  assert.deepEqual(managersOf(created), ["founder Update"]);
  await api.mergePatch(created.metadata, { spec: { settings: { other: 1 } } }, {}, signal);
  await assert.rejects(
    applyOver(api, { current: created, desired: widget("created", { a: 1 }) }, options, signal),
    isConflict,
  );
  const current = await api.get(created.metadata, signal);
  const after = await applyOver(api, { current, desired: widget("created", { a: 1 }) }, options, signal);
  assert.deepEqual(after.spec, { settings: { a: 1, other: 1 } });
  assert.equal(managersOf(after).includes("founder Update"), false);

  const both = await create("both");
  const applied = await api.apply(widget("both", { a: 1 }), { fieldManager: "heir", force: true }, signal);
  assert.deepEqual(applied.spec, both.spec, "plain apply leaves what the predecessor owns");
  const mended = await applyOver(api, { current: applied, desired: widget("both", { a: 1 }) }, options, signal);
  assert.deepEqual(mended.spec, { settings: { a: 1 } });
  assert.deepEqual(managersOf(mended), ["heir Apply"]);
});

Deno.test("what somebody else has set, too, vanishes with the first apply that does not have it", async () => {
  await using widgets = await openWidgets();
  const { api, widget } = widgets;
  const options = { fieldManager: "klutch-test", force: true };
  const signal = within(10_000);

  const made = widget("a", { keep: 1, go: 1, below: { go: 1 }, mixed: { go: 1 } });
  made.metadata.finalizers = ["example.com/theirs"];
  const founded = await api.create(made, signal);
  const adopted = await applyOver(api, { current: founded, desired: made }, options, signal);
  const current = await api.mergePatch(
    adopted.metadata,
    { spec: { settings: { theirs: 1, mixed: { theirs: 1 } } } },
    {},
    signal,
  );
  const left = await applyOver(api, { current, desired: widget("a", { keep: 1 }) }, options, signal);
  assert.deepEqual(left.spec.settings, { keep: 1, mixed: { theirs: 1 }, theirs: 1 });
  assert.deepEqual(left.metadata.finalizers, ["example.com/theirs"]);
});

Deno.test("an object applied in a version that the API has lost since can be applied in the next one, and loses fields", async () => {
  using cluster = await provider();
  await using namespace = await cluster.namespace("apply");
  await using widgets = await serveWidgets(cluster.client, ANYTHING);
  const { resource } = widgets;
  const crds = cluster.client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  const crd = { name: `widgets.${resource.group}` };
  const signal = within(30_000);
  const widget = (version: string, spec: unknown): Widget => ({
    apiVersion: `${resource.group}/${version}`,
    kind: "Widget",
    metadata: { namespace: namespace.name, name: "a" },
    spec,
  });
  const options = { fieldManager: "klutch-test", force: true };
  await applyOver(cluster.client.api<Widget>(resource), { desired: widget("v1", { a: 1, b: 2 }) }, options, signal);

  const { spec } = await crds.get(crd, signal);
  const [v1] = spec.versions;
  const next = { ...v1!, name: "v2" };
  await crds.mergePatch(crd, { spec: { versions: [{ ...v1, storage: false }, next] } }, {}, signal);
  const api = cluster.client.api<Widget>({ ...resource, version: "v2" });
  const stored = { metadata: { labels: { stored: "v2" } } };
  await eventually("v2 is stored", () => api.mergePatch(widget("v2", {}).metadata, stored, {}, signal));
  await crds.mergePatch(crd, { status: { storedVersions: ["v2"] } }, { subresource: "status" }, signal);
  await crds.mergePatch(crd, { spec: { versions: [next] } }, {}, signal);

  const current = await api.get(widget("v2", {}).metadata, signal);
  const old = cluster.client.api(resource);
  await eventually("v1 is gone", () => old.list({}, signal).then(() => false, isNotServed));
  const after = await applyOver(api, { current, desired: widget("v2", { a: 1 }) }, options, signal);
  assert.deepEqual(after.spec, { a: 1 });
  for (const { apiVersion } of after.metadata.managedFields!) assert.equal(apiVersion, `${resource.group}/v2`);
});
