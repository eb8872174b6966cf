import assert from "node:assert/strict";
import { provider, within } from "../tests/clusters.ts";
import { FakeClock } from "../tests/fake_clock.ts";
import type { KubeClient } from "./client.ts";
import { KubeError } from "./errors.ts";
import { type Log, silentLog } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { createRecorder } from "./recorder.ts";
import { CONFIG_MAPS, EVENTS, NAMESPACES } from "./resources.ts";
import { type DynamicObject, keyOf, type KubeObject } from "./types.ts";

/** An API server that keeps Events in a map and fails on demand. */
class FakeEvents {
  readonly stored = new Map<string, DynamicObject>();
  writes = 0;
  failure: KubeError | undefined;

  readonly client = { api: () => this } as unknown as KubeClient;

  create(event: DynamicObject): Promise<DynamicObject> {
    this.#write();
    if (this.stored.has(event.metadata.name)) {
      throw new KubeError("already exists", { status: 409, reason: "AlreadyExists" });
    }
    this.stored.set(event.metadata.name, structuredClone(event));
    return Promise.resolve(event);
  }

  mergePatch({ name }: { name: string }, patch: object): Promise<DynamicObject> {
    this.#write();
    const event = this.stored.get(name);
    if (!event) throw new KubeError("not found", { status: 404, reason: "NotFound" });
    return Promise.resolve(Object.assign(event, patch));
  }

  /** `message x count` of what is stored. */
  get shown(): string[] {
    return [...this.stored.values()].map(({ message, count }) => `${message} x${count}`);
  }

  #write(): void {
    this.writes++;
    if (this.failure) throw this.failure;
  }
}

const db: KubeObject = {
  apiVersion: "mangodb.com/v1alpha1",
  kind: "MangoDB",
  metadata: { namespace: "default", name: "db", uid: "u-1", resourceVersion: "7" },
};
const waiting = { type: "Normal", reason: "Waiting", message: "the provider is deleting it" } as const;

const numbered = (i: number): KubeObject => ({
  ...db,
  metadata: { ...db.metadata, name: `db-${i}`, uid: `u-${i}` },
});

function setUp(log: Log = silentLog, metrics?: Metrics) {
  const clock = new FakeClock();
  const events = new FakeEvents();
  const recorder = createRecorder(
    events.client,
    { component: "test-controller", instance: "pod-1", metrics, clock },
    log,
  );
  return { clock, events, recorder };
}

/** A log that keeps its sentences. */
function listening(): { log: Log; said: string[] } {
  const said: string[] = [];
  const say = (message: string) => void said.push(message);
  const log: Log = { debug: say, info: say, warn: say, error: say, with: () => log };
  return { log, said };
}

Deno.test("event() writes what `kubectl describe` looks for", async () => {
  const { clock, events, recorder } = setUp();
  recorder.event(db, waiting);
  assert.equal(events.writes, 0, "nothing happens while the caller runs");
  await clock.advance(0);
  const [event] = [...events.stored.values()];
  const { metadata, ...rest } = event!;
  assert.equal(metadata.namespace, "default");
  assert.match(metadata.name, /^db\.[0-9a-f]{15,}$/);
  assert.deepEqual(rest, {
    apiVersion: "v1",
    kind: "Event",
    involvedObject: {
      apiVersion: "mangodb.com/v1alpha1",
      kind: "MangoDB",
      namespace: "default",
      name: "db",
      uid: "u-1",
      resourceVersion: "7",
    },
    ...waiting,
    source: { component: "test-controller" },
    firstTimestamp: "2026-01-01T00:00:00Z",
    lastTimestamp: "2026-01-01T00:00:00Z",
    count: 1,
    reportingComponent: "test-controller",
    reportingInstance: "pod-1",
  });
});

Deno.test("the same event again counts up, and says when it was first and last seen", async () => {
  const { clock, events, recorder } = setUp();
  for (let i = 0; i < 3; i++) {
    recorder.event(db, waiting);
    await clock.advance(60_000);
  }
  const [event, ...others] = [...events.stored.values()];
  assert.equal(others.length, 0);
  assert.equal(event!.count, 3);
  assert.equal(event!.firstTimestamp, "2026-01-01T00:00:00Z");
  assert.equal(event!.lastTimestamp, "2026-01-01T00:02:00Z");
});

Deno.test("a hundred events at once are one write", async () => {
  const { clock, events, recorder } = setUp();
  for (let i = 0; i < 100; i++) recorder.event(db, waiting);
  await clock.advance(0);
  assert.equal(events.writes, 1);
  assert.deepEqual(events.shown, ["the provider is deleting it x100"]);
});

Deno.test("events differ by object, type, reason and message", async () => {
  const { clock, events, recorder } = setUp();
  recorder.event(db, waiting);
  recorder.event({ ...db, metadata: { ...db.metadata, name: "other", uid: "u-2" } }, waiting);
  recorder.event(db, { ...waiting, type: "Warning" });
  recorder.event(db, { ...waiting, reason: "Other" });
  recorder.event(db, { ...waiting, message: "otherwise" });
  await clock.advance(0);
  assert.equal(events.stored.size, 5);
});

Deno.test("an object that changes its mind all the time gets one event for the rest", async () => {
  const { clock, events, recorder } = setUp();
  for (let i = 0; i < 15; i++) recorder.event(db, { ...waiting, message: `attempt ${i}` });
  await clock.advance(0);
  assert.equal(events.stored.size, 11);
  assert.equal(events.shown.at(-1), "(combined from similar events): attempt 14 x5");
  await clock.advance(11 * 60_000);
  recorder.event(db, { ...waiting, message: "attempt 99" });
  await clock.advance(0);
  assert.equal(events.shown.at(-1), "attempt 99 x1");
});

Deno.test("an object gets 25 writes at once, then one every five minutes, and no count is lost", async () => {
  const { clock, events, recorder } = setUp();
  for (let i = 0; i < 100; i++) {
    recorder.event(db, waiting);
    await clock.advance(1000);
  }
  assert.equal(events.writes, 25);
  recorder.event({ ...db, metadata: { ...db.metadata, name: "other", uid: "u-2" } }, waiting);
  await clock.advance(0);
  assert.equal(events.writes, 26, "other objects are not held up");
  await clock.advance(5 * 60_000);
  assert.deepEqual(events.shown, ["the provider is deleting it x100", "the provider is deleting it x1"]);
  assert.equal(events.writes, 27);
  await clock.advance(60 * 60_000);
  assert.equal(events.writes, 27, "and silence brings no writes");
});

Deno.test("an event that the API server has dropped meanwhile comes back with its count", async () => {
  const { clock, events, recorder } = setUp();
  recorder.event(db, waiting);
  await clock.advance(0);
  events.stored.clear();
  recorder.event(db, waiting);
  await clock.advance(0);
  assert.deepEqual(events.shown, ["the provider is deleting it x2"]);
});

Deno.test("an API server that is down is tried again; events meanwhile are merged", async () => {
  const { clock, events, recorder } = setUp();
  events.failure = new KubeError("connection refused", { status: 0 });
  recorder.event(db, waiting);
  await clock.advance(0);
  recorder.event(db, waiting);
  events.failure = undefined;
  await clock.advance(5_000);
  assert.deepEqual(events.shown, ["the provider is deleting it x2"]);
});

Deno.test("a try that succeeded without our knowing is not written twice", async () => {
  const { clock, events, recorder } = setUp();
  const { create } = events;
  events.create = async (event) => {
    await create.call(events, event);
    events.create = create;
    throw new KubeError("the answer broke off", { status: 0 });
  };
  recorder.event(db, waiting);
  await clock.advance(0);
  recorder.event(db, waiting);
  await clock.advance(5_000);
  assert.deepEqual(events.shown, ["the provider is deleting it x2"]);
});

Deno.test("an event that is refused is given up with one line in the log, and others go on", async () => {
  const { log, said } = listening();
  const { clock, events, recorder } = setUp(log);
  events.failure = new KubeError("events is forbidden", { status: 403, reason: "Forbidden" });
  recorder.event(db, waiting);
  await clock.advance(0);
  assert.deepEqual(said, ["event not written"]);
  assert.equal(events.writes, 1);
  events.failure = undefined;
  recorder.event(db, { ...waiting, reason: "Other" });
  await clock.advance(0);
  assert.equal(events.stored.size, 1);
});

Deno.test("an API server that stays down costs neither memory nor a line per event", async () => {
  const { log, said } = listening();
  const { clock, events, recorder } = setUp(log);
  events.failure = new KubeError("connection refused", { status: 0 });
  for (let i = 0; i < 5000; i++) {
    recorder.event(numbered(i), { ...waiting, type: "Warning" });
  }
  await clock.advance(0);
  assert.deepEqual(said, ["events are dropped, too many are waiting"]);
  events.failure = undefined;
  await clock.advance(5_000);
  assert.ok(events.stored.size >= 1000 && events.stored.size <= 1001, `${events.stored.size}`);
});

Deno.test("good news of many objects come at their pace, the oldest hundred and the newest ones; bad news at once", async () => {
  const outcomes: string[] = [];
  const metrics = { eventDone: (outcome: string) => outcomes.push(outcome) } as unknown as Metrics;
  const { clock, events, recorder } = setUp(silentLog, metrics);
  for (let i = 0; i < 2000; i++) recorder.event(numbered(i), waiting);
  recorder.event(db, { ...waiting, type: "Warning" });
  await clock.advance(0);
  assert.equal(events.stored.size, 26);
  await clock.advance(1_000);
  assert.equal(events.stored.size, 31);
  await clock.advance(60_000);
  assert.equal(events.stored.size, 126);
  const count = (outcome: string) => outcomes.filter((one) => one === outcome).length;
  assert.deepEqual([count("written"), count("dropped")], [126, 1875]);
  recorder.event(numbered(2000), waiting);
  await clock.advance(0);
  assert.equal(events.stored.size, 127);
});

Deno.test("disposing writes what is waiting, and takes nothing more", async () => {
  const { clock, events, recorder } = setUp();
  recorder.event(db, waiting);
  await recorder[Symbol.asyncDispose]();
  assert.equal(events.stored.size, 1);
  recorder.event(db, { ...waiting, reason: "Late" });
  await clock.advance(10_000);
  assert.equal(events.stored.size, 1);
  assert.equal(clock.pending, 0, "no timer is left behind");
});

Deno.test("disposing waits two seconds at most for an API server that does not answer", async () => {
  const { clock, events, recorder } = setUp();
  events.create = () => Promise.reject(new KubeError("connection refused", { status: 0 }));
  recorder.event(db, waiting);
  await clock.advance(0);
  const closing = recorder[Symbol.asyncDispose]();
  await clock.advance(2_000);
  await closing;
  assert.equal(clock.pending, 0);
});

Deno.test("event() hides tokens and cuts long messages", async () => {
  const { clock, events, recorder } = setUp();
  recorder.event(db, { ...waiting, message: `refused: Bearer 0123456789abcdef${" and so on".repeat(200)}` });
  await clock.advance(0);
  const [event] = [...events.stored.values()];
  assert.match(String(event!.message), /^refused: Bearer \[redacted\] and so on/);
  assert.equal(String(event!.message).length, 1024);
});

Deno.test("kubectl shows the events of a namespaced and of a cluster-scoped object", async () => {
  using cluster = await provider();
  await using namespace = await cluster.namespace("recorder");
  const configMap = await cluster.client.api(CONFIG_MAPS).create({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { namespace: namespace.name, name: "settings" },
  }, within(10_000));
  const clusterScoped = await cluster.client.api(NAMESPACES).get({ name: namespace.name }, within(10_000));
  {
    await using recorder = createRecorder(
      cluster.client,
      { component: "test-controller", instance: "pod-1" },
      silentLog,
    );
    recorder.event(configMap, { type: "Normal", reason: "Synced", message: "first copy made" });
    recorder.event(clusterScoped, { type: "Warning", reason: "Refused", message: "not in this namespace" });
    for (let i = 0; i < 3; i++) recorder.event(configMap, { type: "Warning", reason: "Conflict", message: "not ours" });
  }
  const described = await cluster.kubectl(["describe", "configmap", "settings", "-n", namespace.name]);
  assert.match(described.stdout, /Normal +Synced +\S+ +test-controller +first copy made/);
  assert.match(described.stdout, /Warning +Conflict +\S+ \(x3 over \S+\) +test-controller +not ours/);
  const got = await cluster.kubectl(["get", "events", "-n", namespace.name]);
  assert.match(got.stdout, /\d+s +Normal +Synced +configmap\/settings +first copy made/);
  const aboutNamespace = await cluster.kubectl(["describe", "namespace", namespace.name]);
  assert.equal(aboutNamespace.code, 0);
  const { items } = await cluster.client.api(EVENTS).list({
    namespace: "default",
    fieldSelector: `involvedObject.name=${namespace.name}`,
  }, within(10_000));
  assert.deepEqual(items.map(({ reason }) => reason), ["Refused"]);
  await Promise.all(items.map((event) => cluster.client.api(EVENTS).delete(keyOf(event), {}, within(10_000))));
});
