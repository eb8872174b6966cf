import { equal, match } from "node:assert/strict";
import { findCondition } from "../kube/conditions.ts";
import { eventually } from "../tests/clusters.ts";
import { ChangingApi, type ExportedApi, text } from "./schema_fixture.ts";

const FIRST = { stage: "canary" };

/** An API that goes to app clusters with a label first; the backend's own one is none of them. */
async function openStaged(): Promise<ChangingApi> {
  const api = await ChangingApi.open();
  await api.policy({ policy: "Auto", canary: { matchLabels: FIRST } });
  return api;
}

Deno.test("a refusal of another schema, or none of a schema at all, stops nobody", async () => {
  await using api = await openStaged();
  const canary = await api.bindAnother(FIRST);
  const foreign = await api.bindAnother(FIRST);
  const earlier = await api.bindAnother(FIRST);
  await canary.reportInstalled();
  await foreign.report("ForeignCustomResourceDefinition");
  await earlier.reportRefused();
  const silent = await api.bindAnother();
  await silent.report("CustomResourceDefinitionUpdateFailed"); // as a konnector that does not tell of what
  await eventually("all of them are counted", async () => (await api.status(undefined)).schema?.refused === 3);

  await api.change({ size: text });
  for (const first of [canary, foreign, earlier]) await first.until(undefined, "plan size");
  await api.own.until("SchemaPending", "plan");
  await canary.reportInstalled();
  await earlier.reportInstalled();
  for (const other of [api.own, silent]) await other.until(undefined, "plan size");
  await api.status(undefined);
});

Deno.test("the template alone tells how many app clusters are missing: exports are not written for it", async () => {
  await using api = await openStaged();
  const [one] = [await api.bindAnother(FIRST), await api.bindAnother(FIRST)];
  await api.change({ size: text });
  await api.own.until("SchemaPending", "plan");
  const missing = async (words: string) =>
    await eventually(`the template tells that ${words} are missing`, async () => {
      const { conditions } = await api.status("SchemaPending");
      return findCondition(conditions, "SchemaInSync")!.message!.includes(`; ${words} are missing`);
    });
  await missing("2 of 2");
  const { metadata: { resourceVersion } } = await api.own.read();
  await one.until(undefined, "plan size");
  await one.reportInstalled();
  await missing("1 of 2");
  equal((await api.own.read()).metadata.resourceVersion, resourceVersion);
});

const ENDS: [title: string, end: (refusing: ExportedApi) => Promise<unknown>][] = [
  ["takes it over", (refusing) => refusing.reportInstalled()],
  ["is gone", (refusing) => refusing.remove()],
];
for (const [title, end] of ENDS) {
  Deno.test(`a change goes on as soon as the app cluster that has refused it ${title}`, async () => {
    await using api = await openStaged();
    const canary = await api.bindAnother(FIRST);
    const manual = { policy: "Manual", canary: { matchLabels: FIRST } } as const;
    await api.policy(manual);
    await api.change({ size: text });
    await canary.until("SchemaPending", "plan");
    const refusing = await api.bindAnother();
    await refusing.reportRefused();
    await api.policy({ ...manual, approved: await refusing.hash() });
    for (const one of [canary, api.own]) await one.until("SchemaRefused", "plan");
    const { conditions } = await api.status("SchemaRefused");
    const { message = "" } = findCondition(conditions, "SchemaInSync")!;
    match(message, new RegExp(`; it is "${refusing.key.namespace}"`));

    await end(refusing);
    await canary.until(undefined, "plan size");
    await canary.reportInstalled();
    await api.own.until(undefined, "plan size");
  });
}

Deno.test("nobody waits for an app cluster that is gone", async () => {
  await using api = await openStaged();
  const [one, gone] = [await api.bindAnother(FIRST), await api.bindAnother(FIRST)];
  await api.change({ size: text });
  for (const first of [one, gone]) await first.until(undefined, "plan size");
  await one.reportInstalled();
  await api.own.until("SchemaPending", "plan");
  await gone.remove();
  await api.own.until(undefined, "plan size");
});
