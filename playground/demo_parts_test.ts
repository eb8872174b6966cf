import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { MANIFESTS, ORDERS_DB, POSTGRESQL_INSTANCES, type PostgresqlInstance, readyCondition } from "./demo_api.ts";
import { quote } from "./demo_clusters.ts";
import { describeMoment, Journal, type Moment, nameChange } from "./demo_moments.ts";
import { planOperator } from "./demo_operator.ts";

const NOW = new Date("2026-07-01T10:00:00Z");
const signal = new AbortController().signal;

const database = (changes: Partial<PostgresqlInstance> = {}): PostgresqlInstance => ({
  apiVersion: "anynines.com/v1",
  kind: "PostgresqlInstance",
  metadata: { ...ORDERS_DB, uid: "1", generation: 1 },
  spec: { service: "a9s-postgresql17", plan: "postgresql-single-small" },
  ...changes,
});

Deno.test("the manifests are what the code takes them for", () => {
  const [crd, template, instance] = ["postgresqlinstances.yaml", "template.yaml", "orders-db.yaml"].map((name) =>
    parseAllDocuments(MANIFESTS[name as keyof typeof MANIFESTS])[0]!.toJS()
  );
  const { group, version, plural, kind } = POSTGRESQL_INSTANCES;
  assert.equal(crd.metadata.name, `${plural}.${group}`);
  assert.deepEqual(template.spec.APIServiceSelector, { group, resource: plural });
  assert.deepEqual([instance.apiVersion, instance.kind], [`${group}/${version}`, kind]);
  assert.deepEqual(instance.metadata, { name: ORDERS_DB.name, namespace: ORDERS_DB.namespace });
});

Deno.test("the operator creates a database, then says that it is ready, then leaves it alone", () => {
  const creating = planOperator(database(), NOW)!;
  assert.ok(creating.requeueAfterMs! > 0);
  assert.equal(readyCondition(database({ status: creating.status }))?.reason, "Creating");

  const ready = planOperator(database({ status: creating.status }), NOW)!;
  assert.equal(ready.requeueAfterMs, undefined);
  assert.equal(ready.status.connection?.host, "orders-db.databases.example.com");
  assert.equal(planOperator(database({ status: ready.status }), NOW), undefined);
});

Deno.test("the operator takes note of a changed spec, without a new transition", () => {
  const { status } = planOperator(database({ status: planOperator(database(), NOW)!.status }), NOW)!;
  const changed = database({ status, metadata: { ...database().metadata, generation: 2 } });
  const noted = planOperator(changed, new Date(NOW.getTime() + 60_000))!;
  const { observedGeneration, lastTransitionTime } = noted.status.conditions![0]!;
  assert.deepEqual([observedGeneration, lastTransitionTime], [2, NOW.toISOString()]);
});

Deno.test("the operator does nothing for an instance that is being deleted", () => {
  const metadata = { ...database().metadata, deletionTimestamp: NOW.toISOString() };
  assert.equal(planOperator(database({ metadata }), NOW), undefined);
});

const named = (before?: PostgresqlInstance, after?: PostgresqlInstance) =>
  nameChange({ key: ORDERS_DB, before, after, fresh: true });
const withMeta = (meta: object) => database({ metadata: { ...database().metadata, ...meta } });
const CHANGES: [name: string, got: ReturnType<typeof named>, want: ReturnType<typeof named>][] = [
  ["a new object", named(undefined, database()), "created"],
  ["another object of that name", named(database(), withMeta({ uid: "2" })), "created"],
  ["another plan", named(database(), database({ spec: { service: "a", plan: "b" } })), "spec changed"],
  ["a status", named(database(), database({ status: {} })), "status"],
  ["a finalizer", named(database(), withMeta({ finalizers: ["x"] })), undefined],
  ["a deletion", named(database(), withMeta({ deletionTimestamp: NOW.toISOString() })), "being deleted"],
  ["no object any more", named(database(), undefined), "gone"],
];
for (const [name, got, want] of CHANGES) {
  Deno.test(`nameChange() calls ${name} ${want ?? "nothing"}`, () => assert.equal(got, want));
}

const moment = (what: Moment["what"], instance = database()): Moment => ({
  side: "consumer",
  key: ORDERS_DB,
  what,
  instance,
  atMs: 0,
});

Deno.test("describeMoment() shows the condition that people wait for", () => {
  const { status } = planOperator(database(), NOW)!;
  assert.equal(describeMoment(moment("status", database({ status }))), "status: Ready=False (Creating)");
  assert.equal(describeMoment(moment("status")), "status changed");
  assert.equal(describeMoment(moment("gone")), "gone");
});

Deno.test("Journal.until() finds what was, waits for what comes, and gives up in time", async () => {
  const journal = new Journal();
  const told: string[] = [];
  journal.onMoment = ({ what }) => told.push(what);
  const isGone = ({ what }: Moment) => what === "gone";

  assert.equal(await journal.until(isGone, 10, signal), undefined);
  const waiting = journal.until(isGone, 10_000, signal);
  journal.record(moment("created"));
  journal.record(moment("gone"));
  assert.equal((await waiting)?.what, "gone");
  assert.equal((await journal.until(isGone, 10_000, signal))?.what, "gone");
  assert.deepEqual(told, ["created", "gone"]);

  const stop = new AbortController();
  const stopped = journal.until(() => false, 10_000, stop.signal);
  stop.abort(new DOMException("Interrupted", "AbortError"));
  await assert.rejects(stopped, { name: "AbortError" });
});

Deno.test("quote() leaves plain arguments alone and protects the others", () => {
  assert.equal(quote("/tmp/klutch-1/kubectl"), "/tmp/klutch-1/kubectl");
  assert.equal(quote("/home/a b/it's"), `'/home/a b/it'\\''s'`);
  assert.equal(quote(""), "''");
});
