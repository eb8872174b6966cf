import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { APIServiceExport } from "../../crds/api_service_export.ts";
import { API_SERVICE_BINDINGS, API_SERVICE_EXPORTS, KLUTCH_NAMESPACE } from "../../crds/names.ts";
import { systemClock } from "../../kube/clock.ts";
import { findCondition } from "../../kube/conditions.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition, NAMESPACES } from "../../kube/resources.ts";
import { eventually, within } from "../clusters.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { countWatches } from "./api_watches.ts";
import { Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";
import type { Program } from "./program.ts";

const GROUP = "mangodb.com";
const API = `mangodbs.${GROUP}`;
/** Another API of the same provider. */
const OTHER = `limedbs.${GROUP}`;

/** The longest name that a namespace may have. */
const LONG = "n".repeat(63);

Deno.test("a konnector watches what it needs, as long as it needs it, and tells of its work", async (t) => {
  await using story = await Story.open();
  const mangos = new Mangos(story, GROUP);
  const { konnector } = await story.given(t, mangoDbCrd(GROUP), mangoDbCrd(GROUP, "LimeDB"));
  const watches = async (side: "consumer" | "provider", what: string) =>
    (await countWatches(story[side])).get(what) ?? 0;
  const untilWatched = (what: string, count: number) =>
    eventually(`${count} watches on ${what}`, async () => await watches("provider", what) === count);
  const namespaces = story.consumer.client.api(NAMESPACES);

  await story.step(t, "each mapped namespace is watched, also one for a name of 63 characters", async () => {
    await eventually("the API is served", () => mangos.create());
    await mangos.until("provider", "appears");
    await untilWatched(`${API} namespace`, 1);
    await namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: LONG } }, within(5_000));
    const key = { namespace: LONG, name: "test" };
    await mangos.create(key);
    const { metadata } = await mangos.until("provider", "appears", undefined, { key });
    assert.ok(metadata.namespace!.length <= 63);
    for (const api of [API, OTHER]) await untilWatched(`${api} namespace`, 2);
  });

  await story.step(t, "with a namespace its watches go", async () => {
    await namespaces.delete({ name: LONG }, {}, within(5_000));
    for (const api of [API, OTHER]) await untilWatched(`${api} namespace`, 1);
  });

  await story.step(t, "the provider can read that its export is in use, and in order", async () => {
    const { items } = await story.provider.client.api<APIServiceExport>(API_SERVICE_EXPORTS).list({}, within(5_000));
    const { status } = items.find(({ metadata }) => metadata.name === API)!;
    for (const type of ["Ready", "Connected", "ConsumerInSync", "ProviderInSync", "NamesAccepted", "Established"]) {
      assert.equal(findCondition(status?.conditions, type)?.status, "True", type);
    }
    assert.equal(status?.acceptedNames?.plural, "mangodbs");
    assert.deepEqual(status?.storedVersions, ["v1alpha1"]);
  });

  await story.step(t, "metrics tell what was brought over, what waits, and what agrees", async () => {
    await mangos.report({ phase: "Running" });
    await mangos.until("consumer", "runs", ({ status }) => (status as { phase?: string })?.phase === "Running");
    await eventually("they tell it", async () => {
      const value = await readMetrics(konnector);
      const lag = (direction: string) => value("sync_lag_seconds_count", `api="${API}"`, `direction="${direction}"`);
      assert.ok(lag("up")! >= 2 && lag("down")! >= 1);
      for (const gauge of ["objects", "objects_in_sync"]) assert.equal(value(gauge, `api="${API}"`), 1);
      for (const gauge of ["queue_depth", "queue_oldest_seconds"]) assert.equal(value(gauge, `controller="${API}"`), 0);
      assert.ok(value("api_requests_total", 'verb="POST"', 'code="201"')! >= 2);
      return true;
    });
  });

  await story.step(t, "a change of one schema disturbs no other API", async () => {
    const restarts = async () => {
      const lines = (await metricsOf(konnector)).split("\n");
      return lines.filter((line) =>
        line.includes("watch_restarts_total") && line.includes(`="${OTHER}"`) && !line.includes('="Silence"')
      );
    };
    const before = await restarts();
    const crds = story.provider.client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
    const path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/color";
    await crds.jsonPatch({ name: API }, [{ op: "add", path, value: { type: "string" } }], {}, within(5_000));
    await eventually("the new field arrives", async () => {
      await mangos.patch("consumer", { spec: { color: "red" } });
      return ((await mangos.find("provider"))?.spec as { color?: string }).color === "red";
    });
    assert.deepEqual(await restarts(), before);
    const log = await konnector.log();
    for (const api of [API, OTHER]) {
      assert.equal(log.filter((line) => line.msg === "sync started" && line.api === api).length, 1);
    }
  });

  await story.step(t, "a konnector that stands by watches nothing", async () => {
    // The garbage collector looks for new APIs every 30 s.
    const before = await eventually("all watches are there, also those of the garbage collector", async () => {
      const watches = await countWatches(story.consumer);
      const areThere = [API, OTHER].every((api) => watches.get(`${api} cluster`) === 2);
      await systemClock.sleep(1_000, within(5_000));
      return areThere && isDeepStrictEqual(watches, await countWatches(story.consumer)) && watches;
    });
    const standby = await story.run([
      "konnector",
      `--kubeconfig=${story.consumer.plane.kubeconfigPath}`,
      "--health-address=127.0.0.1:0",
    ], { name: "standby", env: { POD_NAME: "konnector-1" } });
    await standby.logged("konnector started");
    await eventually("it asks for the Lease", async () => {
      return ((await readMetrics(standby))("api_requests_total", 'verb="GET"', 'code="200"') ?? 0) >= 3;
    });
    await eventually(
      "it watches nothing", // watches that are just opened again are missing for a moment
      async () => isDeepStrictEqual(await countWatches(story.consumer), before),
    );
    const { healthPort } = await standby.logged("konnector started");
    const response = await fetch(`http://127.0.0.1:${healthPort}/readyz`, { signal: within(5_000) });
    assert.deepEqual([response.status, await response.json()], [200, { leaderElection: "ok" }]);
    await standby.signal("SIGTERM");
    assert.equal(await standby.ended(), 0);
  });

  await story.step(t, "what is unbound is watched no more, and leaves no series", async () => {
    await story.consumer.client.api(API_SERVICE_BINDINGS)
      .delete({ namespace: KLUTCH_NAMESPACE, name: API }, {}, within(5_000));
    await untilWatched(`${API} namespace`, 0);
    await eventually("no series is left", async () => !(await metricsOf(konnector)).includes(`="${API}"`));
    await untilWatched(`${OTHER} namespace`, 1);
  });
});

async function metricsOf(konnector: Program): Promise<string> {
  const { healthPort } = await konnector.logged("konnector started");
  const response = await fetch(`http://127.0.0.1:${healthPort}/metrics`, { signal: within(5_000) });
  return await response.text();
}

/** Looks up one series by its name, without the prefix, and some of its labels. */
async function readMetrics(konnector: Program) {
  const lines = (await metricsOf(konnector)).split("\n");
  return (name: string, ...labels: string[]): number | undefined => {
    const line = lines.find((line) =>
      line.startsWith(`klutch_konnector_${name}{`) && labels.every((label) => line.includes(label))
    );
    return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(" ") + 1));
  };
}
