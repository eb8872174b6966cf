import assert from "node:assert/strict";
import { API_SERVICE_EXPORT_TEMPLATES, FIELD_MANAGER } from "../../crds/names.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../../kube/resources.ts";
import type { DynamicObject } from "../../kube/types.ts";
import { within } from "../clusters.ts";
import { mangoDb, mangoDbCrd } from "../mangodb.ts";
import { Story } from "./harness.ts";
import { DEFAULT, Mangos } from "./mangos.ts";

const GROUP = "mangodb.com";
const API = `mangodbs.${GROUP}`;
const SECOND = { namespace: "default", name: "second" };

Deno.test("an API in several versions is synced in the one that is stored, whichever its users choose", async (t) => {
  await using story = await Story.open();
  const [alpha, stable] = [new Mangos(story, GROUP), new Mangos(story, GROUP, "v1")];
  const crd = mangoDbCrd(GROUP);
  const [first] = crd.spec.versions;
  crd.spec.versions = [{ ...first!, storage: false }, { ...structuredClone(first!), name: "v1" }];
  const { konnector } = await story.given(t, crd);

  await story.step(t, "objects made in either version arrive", async () => {
    await alpha.create();
    await stable.consumer.create({ ...mangoDb(GROUP, SECOND), apiVersion: `${GROUP}/v1` }, within(5_000));
    for (const key of [DEFAULT, SECOND]) await alpha.until("provider", "appears", undefined, { key });
    await alpha.patch("consumer", { spec: { tier: "Dedicated" } });
    const changed = await alpha.until("provider", "follows", isDedicated);
    assert.equal(versionOfWriter(changed), `${GROUP}/v1`);
  });

  await story.step(t, "when another version is stored, it goes on in that one, and loses nothing", async () => {
    const crds = story.provider.client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
    const now = await crds.get({ name: API }, within(5_000));
    for (const version of now.spec.versions) version.storage = version.name === "v1alpha1";
    await crds.replace(now, within(5_000));
    const template = { namespace: "default", name: API };
    const policy = { spec: { schemaChanges: { policy: "Force", reason: "all objects are readable in both" } } };
    await story.provider.client.api(API_SERVICE_EXPORT_TEMPLATES).mergePatch(template, policy, {}, within(5_000));
    await konnector.says(/sync started[^]*sync started/);
    await stable.patch("consumer", { spec: { tier: "Dedicated" } }, SECOND);
    const changed = await stable.until("provider", "follows", isDedicated, { key: SECOND });
    assert.equal(versionOfWriter(changed), `${GROUP}/v1alpha1`);
    await stable.report({ phase: "Running" });
    await stable.until("consumer", "runs", ({ status }) => (status as { phase?: string })?.phase === "Running");
    await story.condition(API, "Ready", { status: "True" });
    assert.equal((await stable.list("provider")).length, 2);
  });

  await story.step(t, "deleted in either version, they go on both sides", async () => {
    await alpha.delete("consumer", SECOND);
    await stable.delete("consumer");
    for (const key of [DEFAULT, SECOND]) {
      for (const side of ["provider", "consumer"] as const) await alpha.untilGone(side, key);
    }
  });
});

const isDedicated = ({ spec }: DynamicObject) => (spec as { tier: string }).tier === "Dedicated";

/** The version in which the konnector has applied the object. */
const versionOfWriter = ({ metadata }: DynamicObject): string | undefined =>
  metadata.managedFields?.find(({ manager, operation }) => manager === FIELD_MANAGER && operation === "Apply")
    ?.apiVersion;
