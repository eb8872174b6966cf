import assert from "node:assert/strict";
import { BOUND_ANNOTATION } from "../../crds/names.ts";
import { CONFIG_MAPS } from "../../kube/resources.ts";
import { annotationOf, isDeleting } from "../../kube/types.ts";
import { eventually, within } from "../clusters.ts";
import { mangoDb, mangoDbCrd } from "../mangodb.ts";
import { Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";

const GROUP = "mangodb.com";
const OPERATOR = "example.com/operator";

Deno.test("what is made on the provider reaches the user, and is the user's from then on", async (t) => {
  await using story = await Story.open();
  const mangos = new Mangos(story, GROUP);
  const born = { namespace: "default", name: "test2" };
  await story.given(t, mangoDbCrd(GROUP));

  await story.step(t, "given an object that is in sync", async () => {
    await mangos.create();
    await mangos.until("provider", "appears");
  });

  await story.step(t, "one made directly in the mapped namespace appears in the app cluster", async () => {
    const namespace = await mangos.mappedNamespace("default");
    const owner = await story.provider.client.api(CONFIG_MAPS).create({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace, name: "composite" },
    }, within(5_000));
    const { metadata, ...rest } = mangoDb(GROUP, { namespace, name: born.name }, { region: "eu-west-1" });
    const ownerReferences = [{ apiVersion: "v1", kind: "ConfigMap", name: "composite", uid: owner.metadata.uid! }];
    const object = { ...rest, metadata: { ...metadata, finalizers: [OPERATOR], ownerReferences } };
    await mangos.provider.create(object, within(5_000));
    const adopted = await mangos.until("consumer", "appears", undefined, { key: born });
    assert.equal(annotationOf(adopted, BOUND_ANNOTATION), "true");
    assert.equal(adopted.metadata.ownerReferences, undefined);
    assert.ok(!adopted.metadata.finalizers?.includes(OPERATOR));
    await mangos.until("provider", "is marked", (object) => annotationOf(object, BOUND_ANNOTATION) === "true", {
      key: born,
    });
  });

  await story.step(t, "its spec is the user's, its status the provider's", async () => {
    await mangos.patch("consumer", { spec: { region: "eu-central-1" } }, born);
    await mangos.until("provider", "follows", ({ spec }) => (spec as { region: string }).region === "eu-central-1", {
      key: born,
    });
    await mangos.report({ phase: "Running" }, born);
    await mangos.until("consumer", "is Running", ({ status }) => (status as { phase?: string })?.phase === "Running", {
      key: born,
    });
  });

  await story.step(t, "both deleted in the app cluster, the provider has none left", async () => {
    for (const key of [undefined, born]) await mangos.delete("consumer", key);
    await mangos.until("provider", "is being deleted", isDeleting, { key: born });
    assert.ok(await mangos.find("consumer", born), "it is there until its operator has finished");
    await mangos.patch("provider", { metadata: { finalizers: [] } }, born);
    for (const side of ["provider", "consumer"] as const) {
      await eventually(`nothing is left on the ${side}`, async () => (await mangos.list(side)).length === 0);
    }
  });
});
