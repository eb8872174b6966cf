import assert from "node:assert/strict";
import type { DynamicObject } from "../../kube/types.ts";
import { eventually, within } from "../clusters.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { RECOVERY_MS, Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";
import type { Program } from "./program.ts";

const GROUP = "mangodb.com";
const API = `mangodbs.${GROUP}`;

Deno.test("a cluster that goes away is waited for, and the binding says why", async (t) => {
  await using story = await Story.open();
  const mangos = new Mangos(story, GROUP);
  let { konnector, backend } = await story.given(t, mangoDbCrd(GROUP));

  await story.step(t, "while it is away, the konnector lives on and tells the user", async () => {
    await mangos.create();
    await mangos.until("provider", "appears");
    await story.provider.plane.stopApiServer();
    const { message } = await story.condition(API, "Ready", { status: "False", reason: "ProviderUnreachable" });
    assert.match(message!, /Check that this cluster reaches the provider/);
    await mangos.patch("consumer", { spec: { tier: "Dedicated" } });
    await mangos.create({ namespace: "default", name: "meanwhile" });
    assert.ok(konnector.isRunning);
  });

  await story.step(t, "a konnector that starts now waits, and the binding says so", async () => {
    await konnector.kill();
    konnector = await story.startKonnector();
    const { message } = await story.condition(API, "InformersSynced", {
      status: "False",
      reason: "InformerSyncTimeout",
    });
    assert.match(message!, /provider/);
    assert.equal((await health(konnector, "readyz")).status, 200);
  });

  await story.step(t, "the backend lives on; one that starts now waits, and its pages say so", async () => {
    assert.ok(backend.isRunning);
    await backend.kill();
    backend = await story.startBackend();
    const page = await fetch(story.exportUrl, { signal: within(5_000) });
    assert.equal(page.status, 503);
    assert.match(await page.text(), /starting: the cluster is not reachable yet/);
    assert.ok(Number(page.headers.get("retry-after")) > 0);
    assert.equal((await health(backend, "healthz")).status, 200);
    const readiness = await health(backend, "readyz");
    assert.equal(readiness.status, 503);
    assert.match(readiness.text, /cluster.*not reachable/);
    await backend.logged("waiting for the cluster");
  });

  await story.step(t, "once it is back, everything goes on by itself", async () => {
    await story.provider.plane.startApiServer(within(30_000));
    await story.condition(API, "Ready", { status: "True" }, RECOVERY_MS);
    await backend.logged("backend ready", RECOVERY_MS);
    await mangos.until("provider", "is Dedicated", isDedicated, { timeoutMs: RECOVERY_MS });
    await mangos.until("provider", "appears", undefined, {
      key: { namespace: "default", name: "meanwhile" },
      timeoutMs: RECOVERY_MS,
    });
    await mangos.report({ phase: "Running" });
    await mangos.until("consumer", "is Running", isRunning, { timeoutMs: RECOVERY_MS });
    await story.bindOrFail(API);
  });

  await story.step(t, "an outage in between interrupts nothing for long", async () => {
    await story.provider.plane.stopApiServer();
    await mangos.patch("consumer", { spec: { tier: "Shared" } });
    await story.provider.plane.startApiServer(within(30_000));
    await mangos.until("provider", "is Shared", (object) => !isDedicated(object), { timeoutMs: RECOVERY_MS });
    await mangos.report({ phase: "Failed" });
    await mangos.until("consumer", "is Failed", (object) => !isRunning(object), { timeoutMs: RECOVERY_MS });
  });

  await story.step(
    t,
    "without its app cluster the konnector lives on, stops to lead, and leads again once it is back",
    async () => {
      await story.consumer.plane.stopApiServer();
      await mangos.report({ phase: "Running" });
      await konnector.logged("lost the lease");
      await story.consumer.plane.startApiServer(within(30_000));
      await mangos.until("consumer", "is Running", isRunning, { timeoutMs: RECOVERY_MS });
      assert.ok(konnector.isRunning);
    },
  );

  await story.step(t, "a konnector that starts without its app cluster waits", async () => {
    await konnector.kill();
    await story.consumer.plane.stopApiServer();
    konnector = await story.startKonnector();
    await konnector.logged("waiting for the cluster");
    await mangos.report({ phase: "Failed" });
    await story.consumer.plane.startApiServer(within(30_000));
    await mangos.until("consumer", "is Failed", (object) => !isRunning(object), { timeoutMs: RECOVERY_MS });
  });
});

const isDedicated = ({ spec }: DynamicObject) => (spec as { tier: string }).tier === "Dedicated";
const isRunning = ({ status }: DynamicObject) => (status as { phase?: string } | undefined)?.phase === "Running";

async function health(program: Program, path: string): Promise<{ status: number; text: string }> {
  const { healthPort } = await eventually(
    `${program.name} serves its health`,
    async () => (await program.log()).find(({ healthPort }) => healthPort),
  );
  const response = await fetch(`http://127.0.0.1:${healthPort}/${path}`, { signal: within(5_000) });
  return { status: response.status, text: await response.text() };
}
