import assert from "node:assert/strict";
import { SYNC_FINALIZER } from "../../crds/names.ts";
import { type DynamicObject, hasFinalizer } from "../../kube/types.ts";
import { eventually } from "../clusters.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { newWrites, untilQuiet } from "./api_writes.ts";
import { Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";

const GROUP = "mangodb.com";

const namesOf = (objects: DynamicObject[]) => objects.map(({ metadata: { name } }) => name).sort();
const key = (name: string) => ({ namespace: "default", name });
/** So many that a slow konnector is not done with them by the time that it is told to end. */
const MANY = 200;
const NAMES = ["edited", "trimmed", "deleted", "reported", "drifted", "lost", "untouched"];

Deno.test("what is killed and started again finds what it missed, and writes no more than that", async (t) => {
  await using story = await Story.open();
  const mangos = new Mangos(story, GROUP);
  let { konnector, backend } = await story.given(t, mangoDbCrd(GROUP));

  await story.step(t, "given objects that are in sync", async () => {
    for (const name of NAMES) await mangos.create(key(name), { region: "eu-west-1", storage: { ratio: 0.5 } });
    for (const name of NAMES) {
      await mangos.until("provider", "appears", undefined, { key: key(name) });
      await mangos.report({ phase: "Running" }, key(name));
      await mangos.until("consumer", "is Running", isPhase("Running"), { key: key(name) });
    }
  });

  // These two come first: after some minutes there is a heartbeat, too.
  await story.step(t, "a konnector that is started again where nothing happened writes nothing", async () => {
    const before = await versions(mangos);
    const writes = await Promise.all([untilQuiet(story.provider), untilQuiet(story.consumer)]);
    await konnector.kill();
    konnector = await story.startKonnector();
    assert.equal((await konnector.logged("sync started")).objects, NAMES.length);
    const after = await Promise.all([untilQuiet(story.provider), untilQuiet(story.consumer)]);
    assert.deepEqual(newWrites(writes[0], after[0]), []);
    assert.deepEqual(newWrites(writes[1], after[1]), []);
    assert.deepEqual(await versions(mangos), before);
  });

  await story.step(t, "a backend that is started again where nothing happened writes nothing", async () => {
    const before = await untilQuiet(story.provider);
    await backend.kill();
    backend = await story.startBackend();
    await backend.logged("backend ready");
    assert.deepEqual(newWrites(before, await untilQuiet(story.provider)), []);
  });

  await story.step(t, "changed on both sides while the konnector was dead, both sides agree", async () => {
    const before = await versions(mangos);
    await konnector.kill();

    const edited = await mangos.patch("consumer", { spec: { tier: "Dedicated" } }, key("edited"));
    const trimmed = await mangos.patch("consumer", { spec: { storage: null, region: null } }, key("trimmed"));
    await mangos.delete("consumer", key("deleted"));
    await mangos.report({ phase: "Failed", endpoint: "db:1" }, key("reported"));
    await mangos.patch("provider", { spec: { tokenSecret: "other" } }, key("drifted"));
    await mangos.delete("provider", key("lost"));
    await mangos.create(key("born"));
    const reported = (await mangos.find("provider", key("reported")))!;

    konnector = await story.startKonnector();
    const agrees = async (name: string) => {
      const own = (await mangos.find("consumer", key(name)))!;
      await mangos.until("provider", "agrees", ({ spec }) => same(spec, own.spec), { key: key(name) });
      await mangos.until("consumer", "agrees", (now) => same(now.status, own.status), { key: key(name) });
      return own;
    };
    await mangos.untilGone("provider", key("deleted"));
    await mangos.untilGone("consumer", key("deleted"));
    await mangos.until("consumer", "is Failed", isPhase("Failed"), { key: key("reported") });
    await mangos.until("provider", "is there", undefined, { key: key("lost") });
    await mangos.until("provider", "is there", undefined, { key: key("born") });
    await mangos.until("provider", "is trimmed", ({ spec }) => !("storage" in (spec as object)), {
      key: key("trimmed"),
    });
    for (const name of ["edited", "trimmed", "reported", "drifted", "lost", "untouched", "born"]) await agrees(name);

    // Nobody touched what was right already.
    const now = await versions(mangos);
    for (const name of ["untouched"]) assert.deepEqual(now[name], before[name]);
    assert.equal(now.edited?.consumer, edited.metadata.resourceVersion);
    assert.equal(now.trimmed?.consumer, trimmed.metadata.resourceVersion);
    assert.equal(now.reported?.provider, reported.metadata.resourceVersion);
    assert.equal(now.drifted?.consumer, before.drifted?.consumer);
  });

  const slowly = () => story.startKonnector("--qps=40");

  await story.step(t, "killed in the middle of many creations, it makes each of them once", async () => {
    await konnector.kill();
    konnector = await slowly();
    const names = Array.from({ length: MANY }, (_, at) => `many-${at}`);
    const creating = Promise.all(names.map((name) => mangos.create(key(name))));
    await eventually("some are there", async () => (await mangos.list("provider")).length > 10, { everyMs: 10 });
    await konnector.kill();
    await creating;
    const half = (await mangos.list("provider")).length;
    assert.ok(half < names.length + NAMES.length, "it was killed in the middle");
    konnector = await slowly();
    await eventually(
      "all are there",
      async () => (await mangos.list("provider")).length === names.length + NAMES.length,
    );
  });

  await story.step(t, "killed in the middle of their deletion, it ends that, too", async () => {
    const deleting = story.consumer.kubectl(["delete", "mangodbs", "--all", "--wait=false"]);
    await eventually("some are gone", async () => (await mangos.list("provider")).length < MANY - 10, { everyMs: 10 });
    await konnector.kill();
    await deleting;
    const left = (await mangos.list("provider")).length;
    assert.ok(left > 0, "it was killed in the middle");
    konnector = await slowly();
    for (const side of ["provider", "consumer"] as const) {
      await eventually(`all are gone on the ${side}`, async () => (await mangos.list(side)).length === 0);
    }
  });

  await story.step(
    t,
    "told to end in the middle of it all, it finishes what it has in hand, and nothing else",
    async () => {
      const names = Array.from({ length: MANY }, (_, at) => `more-${at}`);
      const creating = Promise.all(names.map((name) => mangos.create(key(name))));
      await eventually("some are there", async () => (await mangos.list("provider")).length > 10, { everyMs: 10 });
      await konnector.signal("SIGTERM");
      assert.equal(await konnector.ended(), 0);
      await creating;
      const copied = namesOf(await mangos.list("provider"));
      assert.ok(copied.length < names.length, "it was told in the middle");
      const held = (await mangos.list("consumer")).filter((object) => hasFinalizer(object, SYNC_FINALIZER));
      assert.deepEqual(namesOf(held), copied);
      konnector = await story.startKonnector();
      await eventually("all are there", async () => (await mangos.list("provider")).length === names.length);
      await Promise.all(names.map((name) => mangos.delete("consumer", key(name))));
      await eventually("all are gone", async () => (await mangos.list("consumer")).length === 0);
    },
  );

  await story.step(t, "while the backend is dead, objects of known namespaces are synced as ever", async () => {
    await mangos.create(key("known"));
    await mangos.until("provider", "appears", undefined, { key: key("known") });
    await backend.kill();
    await mangos.patch("consumer", { spec: { tier: "Dedicated" } }, key("known"));
    await mangos.until("provider", "is Dedicated", ({ spec }) => (spec as { tier: string }).tier === "Dedicated", {
      key: key("known"),
    });
  });

  await story.step(t, "namespaces that were made meanwhile are mapped after its start", async () => {
    const namespaces = Array.from({ length: 5 }, (_, at) => `shop-${at}`);
    for (const name of namespaces) {
      await story.consumer.kubectl(["create", "namespace", name]);
      await mangos.create({ namespace: name, name: "db" });
    }
    await eventually(
      "they are asked for",
      async () =>
        (await story.provider.kubectl(["get", "apiservicenamespaces", "-A", "-o", "name"])).includes("shop-4"),
    );
    backend = await story.startBackend();
    for (const namespace of namespaces) {
      await mangos.until("provider", "appears", undefined, { key: { namespace, name: "db" } });
    }
  });

  await story.step(t, "killed while somebody waits for an API, the backend answers after its start", async () => {
    const group = "later.example.com";
    await story.offer(mangoDbCrd(group));
    const { code, stdout } = await story.bind(`mangodbs.${group}`, { args: ["--dry-run"] });
    assert.equal(code, 0);
    const [secret] = (await story.consumer.kubectl(["get", "secrets", "-n", "klutch-bind", "-o", "name"])).split("\n");
    await backend.kill();
    const bind = await story.run([
      "bind",
      "apiservice",
      "--file=-",
      "--remote-kubeconfig-namespace=klutch-bind",
      `--remote-kubeconfig-name=${secret!.replace("secret/", "")}`,
      "--skip-konnector",
      `--kubeconfig=${story.consumer.plane.kubeconfigPath}`,
    ], { stdin: stdout });
    await eventually(
      "the request is there",
      async () =>
        (await story.provider.kubectl(["get", "apiserviceexportrequests", "-A", "-o", "name"])).includes(group),
    );
    assert.ok(bind.isRunning);
    backend = await story.startBackend();
    assert.equal(await bind.ended(), 0, await bind.describe());
    assert.match(await bind.stderr, /is Ready/);
  });
});

const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

const isPhase = (phase: string) => ({ status }: DynamicObject) =>
  (status as { phase?: string } | undefined)?.phase === phase;

/** Resource versions by name, of both sides. */
async function versions(mangos: Mangos): Promise<Record<string, { consumer?: string; provider?: string }>> {
  const found: Record<string, { consumer?: string; provider?: string }> = {};
  for (const side of ["consumer", "provider"] as const) {
    for (const { metadata } of await mangos.list(side)) {
      (found[metadata.name] ??= {})[side] = metadata.resourceVersion;
    }
  }
  return found;
}
