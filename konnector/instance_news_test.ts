import assert from "node:assert/strict";
import { SYNC_FINALIZER } from "../crds/names.ts";
import { KubeError } from "../kube/errors.ts";
import type { EventDetails } from "../kube/event_series.ts";
import { createLog } from "../kube/log.ts";
import { createRecorder } from "../kube/recorder.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, EVENTS, NAMESPACES } from "../kube/resources.ts";
import { type DynamicObject, hasFinalizer, type KubeObject } from "../kube/types.ts";
import { type AdmissionPolicy, installPolicy } from "../tests/admission_policy.ts";
import { consumer, eventually, uniqueName, within } from "../tests/clusters.ts";
import { FakeClock } from "../tests/fake_clock.ts";
import { mangoDb } from "../tests/mangodb.ts";
import { openPair } from "./instance_fixture.ts";
import { InstanceNews, trouble } from "./instance_news.ts";
import { createKonnectorMetrics } from "./metrics.ts";

const key = { namespace: "default", name: "db" };

function setUp() {
  const clock = new FakeClock();
  const told: string[] = [];
  const news = new InstanceNews((_, { type, reason }) => told.push(`${type} ${reason}`), clock);
  return { clock, told, news };
}

Deno.test("the same trouble is told once a minute, another one at once, and its end once", async () => {
  const { clock, told, news } = setUp();
  const refused = new KubeError("spec.tier: no", { status: 422 });
  for (let i = 0; i < 50; i++) news.failed(key, "applySpec", refused);
  assert.deepEqual(told, ["Warning SpecRefused"]);
  news.failed(key, "applySpec", new KubeError("spec.region: no", { status: 422 }));
  await clock.advance(60_000);
  news.failed(key, "applySpec", new KubeError("spec.region: no", { status: 422 }));
  for (let i = 0; i < 3; i++) news.settled(key);
  assert.deepEqual(told.slice(1), ["Warning SpecRefused", "Warning SpecRefused", "Normal Recovered"]);
});

Deno.test("what passes within five seconds is not told", async () => {
  const { clock, told, news } = setUp();
  const pending = trouble("Namespace", "NamespacePending", "Not yet");
  assert.deepEqual(news.waits(key, pending), { requeueAfterMs: 5_000 });
  await clock.advance(4_000);
  assert.deepEqual(news.waits(key, pending), { requeueAfterMs: 1_000 });
  news.settled(key);
  assert.deepEqual(told, []);
  news.waits(key, pending);
  await clock.advance(5_000);
  assert.deepEqual(news.waits(key, pending), { requeueAfterMs: 30 * 60_000 });
  await clock.advance(30 * 60_000);
  news.waits(key, pending);
  assert.deepEqual(told, ["Normal NamespacePending", "Normal NamespacePending"]);
  news.settled(key, true);
  assert.equal(told.length, 2, "that it is being deleted is no recovery");
});

const refusals: [
  name: string,
  step: "applySpec" | "copyStatus" | "deleteProvider",
  status: number,
  message: string,
  want: string[],
][] = [
  ["a webhook, whatever its status", "applySpec", 418, 'admission webhook "a" denied the request: no', [
    "Warning SpecRefused",
  ]],
  ["a policy", "applySpec", 422, 'ValidatingAdmissionPolicy "a" denied request: no', ["Warning SpecRefused"]],
  ["a webhook, of a deletion", "deleteProvider", 403, 'admission webhook "a" denied the request: no', [
    "Warning DeletionRefused",
  ]],
  ["the schema, of a status", "copyStatus", 422, "status.phase: Unsupported value", ["Warning StatusRefused"]],
  ["a test in a patch", "copyStatus", 422, "the server rejected our request due to an error in our request", []],
  ["another writer", "applySpec", 409, "the object has been modified", []],
  ["an overload", "applySpec", 429, "too many requests", []],
  ["nobody", "applySpec", 0, "connection refused", []],
  ["rights that may come", "applySpec", 403, 'User "a" cannot patch resource "b"', []],
];
for (const [name, step, status, message, want] of refusals) {
  Deno.test(`users are told what they should know of a refusal by ${name}`, () => {
    const { told, news } = setUp();
    news.failed(key, step, new KubeError(message, { status }));
    assert.deepEqual(told, want);
  });
}

Deno.test("rights that are missing for long are told", async () => {
  const { clock, told, news } = setUp();
  const error = new KubeError('User "a" cannot patch resource "b"', { status: 403 });
  news.failed(key, "applySpec", error);
  await clock.advance(5_000);
  news.failed(key, "applySpec", error);
  assert.deepEqual(told, ["Warning ProviderRightsMissing"]);
});

/** Takes what users are told. */
function listening() {
  const told: (EventDetails & { about: string })[] = [];
  return {
    told,
    recorder: {
      event: ({ metadata }: KubeObject, details: EventDetails) => void told.push({ about: metadata.name, ...details }),
    },
    heard: (reason: string) => eventually(`${reason} is told`, () => told.find((one) => one.reason === reason)),
  };
}

const onMangos = (group: string): AdmissionPolicy => ({
  name: `policy.${group}`,
  rule: { apiGroups: [group], operations: ["CREATE", "UPDATE"], resources: ["mangodbs"] },
});

Deno.test("users hear of the first copy, of a refusal in the provider's words, and of its end; a settled restart is silent", async () => {
  await using pair = await openPair();
  const { told, recorder, heard } = listening();
  await using _policy = await installPolicy(pair.provider.client, {
    ...onMangos(pair.group),
    validations: [{ expression: "object.spec.region != 'mars'", message: "too far away" }],
  });
  const first = pair.open({ recorder });
  await pair.consumer.create(mangoDb(pair.group, pair.key), within(5_000));
  await pair.mapNamespace();
  await heard("Synced");

  const isIn = (region: string) => ({ spec }: DynamicObject) => (spec as { region: string }).region === region;
  await eventually("the policy is in force, and says so", async () => {
    await pair.consumer.mergePatch(pair.key, { spec: { region: "eu" } }, {}, within(5_000));
    await pair.onProvider("eu arrives", isIn("eu"));
    await pair.consumer.mergePatch(pair.key, { spec: { region: "mars" } }, {}, within(5_000));
    const isTold = () => told.some(({ reason }) => reason === "SpecRefused");
    const isThere = async () => isIn("mars")(await pair.provider.get(pair.providerKey, within(5_000)));
    await eventually("mars is answered", async () => isTold() || await isThere());
    return isTold();
  });
  const refused = await heard("SpecRefused");
  assert.equal(refused.type, "Warning");
  assert.match(refused.message, /on the provider: 422 Invalid: .*too far away\. Correct the object/);
  const count = () => told.filter(({ reason }) => reason === "SpecRefused").length;
  const before = count();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.equal(count(), before, "it is tried again, and not told again");

  await pair.consumer.mergePatch(pair.key, { spec: { region: "eu" } }, {}, within(5_000));
  await heard("Recovered");
  await first[Symbol.asyncDispose]();

  told.length = 0;
  const metrics = await createKonnectorMetrics();
  await using _second = pair.open({ recorder, metrics });
  await eventually(
    "all is known to be in sync",
    async () => /objects_in_sync\{.*\} 1/.test((await metrics.render()).body),
  );
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.deepEqual(told, []);
});

Deno.test("users hear that the provider can have no namespace for theirs, as its name would be too long", async () => {
  await using pair = await openPair();
  const { recorder, heard } = listening();
  await using _sync = pair.open({ recorder });
  using app = await consumer();
  const name = uniqueName("n".repeat(50));
  const namespaces = app.client.api(NAMESPACES);
  await namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name } }, within(5_000));
  await pair.consumer.create(mangoDb(pair.group, { namespace: name, name: "db" }), within(5_000));
  const { message } = await heard("NamespaceNameTooLong");
  const length = pair.clusterNamespace.length + 1 + name.length;
  assert.match(
    message,
    new RegExp(`call it "${pair.clusterNamespace}-${name}" cannot, as that has ${length} characters`),
  );
  await namespaces.delete({ name }, {}, within(5_000));
});

Deno.test("users hear what a deletion waits for, also of a konnector that starts then, and that their namespace waits", async () => {
  await using pair = await openPair();
  const { told, recorder, heard } = listening();
  const first = pair.open({ recorder });
  await pair.consumer.create(mangoDb(pair.group, pair.key), within(5_000));
  const pending = await heard("NamespacePending");
  assert.match(pending.message, new RegExp(`no.* namespace for "${pair.key.namespace}" yet`));
  await pair.mapNamespace();
  await heard("Recovered");
  await heard("Synced");
  await pair.onConsumer("it is held", (own) => hasFinalizer(own, SYNC_FINALIZER));
  const held = { metadata: { finalizers: ["example.com/work"] } };
  await pair.provider.mergePatch(pair.providerKey, held, {}, within(5_000));
  await pair.consumer.delete(pair.key, {}, within(5_000));
  const awaited = await heard("ProviderDeleting");
  assert.match(awaited.message, /"\S+\/db", which is held by example\.com\/work\. Wait/);
  await first[Symbol.asyncDispose]();
  told.length = 0;
  await using _second = pair.open({ recorder });
  await heard("ProviderDeleting");
  await pair.provider.mergePatch(pair.providerKey, { metadata: { finalizers: null } }, {}, within(5_000));
  await eventually("it is gone", async () => !(await pair.consumer.find(pair.key, within(5_000))));
  assert.deepEqual(told.map(({ reason }) => reason), ["ProviderDeleting"]);
});

Deno.test("users hear that a copy is lost, and made again", async () => {
  await using pair = await openPair();
  const { recorder, heard } = listening();
  await using _sync = pair.open({ recorder });
  await pair.consumer.create(mangoDb(pair.group, pair.key), within(5_000));
  await pair.mapNamespace();
  await heard("Synced");
  await pair.provider.mergePatch(
    pair.providerKey,
    { status: { phase: "Running" } },
    { subresource: "status" },
    within(5_000),
  );
  await pair.onConsumer("the status is there", ({ status }) => status !== undefined);
  await pair.provider.delete(pair.providerKey, {}, within(5_000));
  await heard("SyncedAgain");
});

Deno.test("a provider that changes what users set is contradicted ever more rarely, and users are told", async () => {
  await using pair = await openPair();
  const { told, recorder, heard } = listening();
  await using _policy = await installPolicy(pair.provider.client, {
    ...onMangos(pair.group),
    isMutating: true,
    reinvocationPolicy: "Never",
    mutations: [{
      patchType: "ApplyConfiguration",
      applyConfiguration: { expression: 'Object{spec: Object.spec{tier: "Shared"}}' },
    }],
  });
  let applies = 0;
  const write = (line: string) => {
    if (JSON.parse(line).step === "applySpec") applies++;
  };
  await using _sync = pair.open({ recorder, log: createLog({ format: "json", level: "info", write }) });
  await pair.consumer.create(mangoDb(pair.group, pair.key), within(5_000));
  await pair.mapNamespace();
  await heard("Synced");
  await eventually("the policy is in force, and the dispute is told", async () => {
    const tier = { spec: { tier: "Dedicated", region: crypto.randomUUID() } };
    await pair.consumer.mergePatch(pair.key, tier, {}, within(5_000));
    await new Promise((resolve) => setTimeout(resolve, 500));
    return told.some(({ reason }) => reason === "SpecOverridden");
  });
  const overridden = await heard("SpecOverridden");
  assert.match(overridden.message, /on the provider changes spec\.tier back/);
  const before = applies;
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  assert.ok(applies - before <= 6, `${applies - before} writes in five seconds`);
  await eventually("it is contradicted again", () => applies > before);
  await pair.consumer.mergePatch(pair.key, { spec: { tier: "Shared" } }, {}, within(5_000));
  await pair.onProvider("agreement", ({ spec }) => (spec as { tier: string }).tier === "Shared");
});

Deno.test("no secret value is ever in logs, Events or metrics, at any verbosity", async () => {
  await using pair = await openPair();
  using app = await consumer();
  const lines: string[] = [];
  const metrics = await createKonnectorMetrics();
  const secret = `s3cret-${crypto.randomUUID()}`;
  let events: DynamicObject[] = [];
  {
    const log = createLog({ format: "text", level: "debug", write: (line) => lines.push(line) });
    await using recorder = createRecorder(app.client, { component: "test", instance: "test", metrics }, log);
    await using _sync = pair.open({ recorder, log, metrics });
    await using _policy = await installPolicy(pair.provider.client, {
      ...onMangos(pair.group),
      validations: [{ expression: "object.spec.region != 'mars'", message: "too far away" }],
    });
    await pair.consumer.create(mangoDb(pair.group, pair.key, { tokenSecret: secret }), within(5_000));
    await pair.mapNamespace();
    await pair.onProvider("the copy is made", () => true);
    const crds = pair.provider.client.api(CUSTOM_RESOURCE_DEFINITIONS);
    const stricter = [{
      op: "add" as const,
      path: "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/tokenSecret/pattern",
      value: "^[0-9]+$",
    }];
    await crds.jsonPatch({ name: `mangodbs.${pair.group}` }, stricter, {}, within(5_000));
    await eventually("the provider refuses it, and the user is told", async () => {
      const spec = { tokenSecret: `${secret}-${crypto.randomUUID()}` };
      await pair.consumer.mergePatch(pair.key, { spec }, {}, within(5_000));
      events = (await app.client.api(EVENTS).list({ namespace: pair.key.namespace }, within(5_000))).items;
      return events.some(({ reason }) => reason === "SpecRefused");
    });
  }
  assert.ok(lines.some((line) => /tokenSecret: Invalid value: …/.test(line)));
  assert.ok(events.some(({ message }) => /tokenSecret: Invalid value: …/.test(String(message))));
  for (const text of [...lines, JSON.stringify(events), (await metrics.render()).body]) {
    assert.ok(!text.includes(secret), text.slice(0, 500));
  }
});
