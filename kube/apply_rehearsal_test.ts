import assert from "node:assert/strict";
import { provider, within } from "../tests/clusters.ts";
import { serveWidgets, type Widget } from "../tests/widgets.ts";
import { applyOver } from "./apply.ts";
import { isInvalid } from "./errors.ts";

const LISTED = { type: "array", items: { type: "string" } };
const SCHEMA = {
  type: "object",
  required: ["settings"],
  properties: {
    settings: { type: "object", additionalProperties: { type: "integer" } },
    below: { type: "object", properties: { settings: { type: "object", additionalProperties: { type: "integer" } } } },
    tags: { ...LISTED, "x-kubernetes-list-type": "set" },
    users: {
      type: "array",
      items: { type: "object", required: ["name"], properties: { name: { type: "string" }, age: { type: "integer" } } },
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
    },
    size: { type: "integer", default: 7 },
  },
};

const OPTIONS = { fieldManager: "heir", predecessor: "founder", force: true };
const settings = { a: 1 };

const cases: [name: string, before: unknown, byOthers: unknown, desired: unknown][] = [
  ["a field is changed, and others' stay", { settings: { a: 1 } }, { settings: { b: 1 } }, { settings: { a: 2 } }],
  ["a field goes", { settings: { a: 1, b: 2 } }, {}, { settings: { a: 1 } }],
  ["all that is required goes empty", { settings: { a: 1, b: 2 } }, {}, { settings: {} }],
  ["ours goes, and others' stay", { settings: { a: 1 } }, { settings: { b: 1 } }, { settings: {} }],
  ["an object within an object goes", { settings, below: { settings } }, {}, { settings, below: {} }],
  ["what others set, too, goes", { settings, size: 3 }, { size: 3 }, { settings }],
  ["items of a set go, and others' stay", { settings, tags: ["a", "b"] }, {}, { settings, tags: ["b", "c"] }],
  ["a set is emptied", { settings, tags: ["a", "b"] }, {}, { settings, tags: [] }],
  [
    "items of a map go",
    { settings, users: [{ name: "a", age: 1 }, { name: "b" }] },
    {},
    { settings, users: [{ name: "b", age: 2 }] },
  ],
  ["a map is emptied", { settings, users: [{ name: "a", age: 1 }] }, {}, { settings, users: [] }],
  ["defaults come back", { settings, size: 3 }, {}, { settings }],
];

Deno.test("an apply that is rehearsed tells what it then does, whoever made the object", async () => {
  using cluster = await provider();
  await using namespace = await cluster.namespace("rehearsal");
  await using widgets = await serveWidgets(cluster.client, SCHEMA);
  const api = cluster.client.api<Widget>(widgets.resource);
  const rehearsed = cluster.client.api<Widget>(widgets.resource, { isDryRun: true });
  const signal = within(30_000);
  for (const [index, [name, before, byOthers, spec]] of cases.entries()) {
    for (const isFounded of [true, false]) {
      const widget = (spec: unknown): Widget => ({
        apiVersion: `${widgets.resource.group}/v1`,
        kind: "Widget",
        metadata: { namespace: namespace.name, name: `w${index}${isFounded ? "f" : "a"}`, labels: { mark: "1" } },
        spec,
      });
      const made = isFounded
        ? await api.createAs(widget(before), { fieldManager: OPTIONS.predecessor }, signal)
        : await applyOver(api, { desired: widget(before) }, OPTIONS, signal);
      const current = await api.mergePatch(made.metadata, { spec: byOthers }, {}, signal);
      const told = await applyOver(rehearsed, { current, desired: widget(spec) }, OPTIONS, signal);
      const untouched = await api.get(current.metadata, signal);
      assert.equal(untouched.metadata.resourceVersion, current.metadata.resourceVersion, name);
      const done = await applyOver(api, { current, desired: widget(spec) }, OPTIONS, signal);
      assert.deepEqual(told.spec, done.spec, `${name}, ${isFounded ? "created" : "applied"} before`);
    }
  }
});

Deno.test("whatever is rehearsed is judged, and not done", async () => {
  using cluster = await provider();
  await using namespace = await cluster.namespace("rehearsal");
  await using widgets = await serveWidgets(cluster.client, SCHEMA);
  const api = cluster.client.api<Widget>(widgets.resource);
  const rehearsed = cluster.client.api<Widget>(widgets.resource, { isDryRun: true });
  const signal = within(10_000);
  const widget: Widget = {
    apiVersion: `${widgets.resource.group}/v1`,
    kind: "Widget",
    metadata: { namespace: namespace.name, name: "a" },
    spec: { settings },
  };
  assert.ok((await rehearsed.create(widget, signal)).metadata.uid);
  assert.equal(await api.find(widget.metadata, signal), undefined);
  await assert.rejects(rehearsed.create({ ...widget, spec: {} }, signal), isInvalid);

  const { metadata } = await api.create(widget, signal);
  await rehearsed.mergePatch(metadata, { spec: { size: 1 } }, {}, signal);
  await rehearsed.jsonPatch(metadata, [{ op: "add", path: "/spec/size", value: 2 }], {}, signal);
  await rehearsed.delete(metadata, {}, signal);
  assert.equal((await api.get(metadata, signal)).metadata.resourceVersion, metadata.resourceVersion);
});
