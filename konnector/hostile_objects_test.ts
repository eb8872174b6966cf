import { deepEqual, equal, match } from "node:assert/strict";
import {
  BOUND_ANNOTATION,
  CLAIMED_FOR_LABEL,
  ON_UNBIND_ANNOTATION,
  RESOURCE_OWNER_ANNOTATION,
  SYNC_FINALIZER,
} from "../crds/names.ts";
import type { EventDetails } from "../kube/event_series.ts";
import { CONFIG_MAPS, type CustomResourceDefinition } from "../kube/resources.ts";
import type { DynamicObject, KubeObject } from "../kube/types.ts";
import { defineClaims } from "../sync/claim_definitions.ts";
import { eventually, within } from "../tests/clusters.ts";
import { mangoDb, mangoDbCrd } from "../tests/mangodb.ts";
import { openClaimPair, secret, secretsClaim } from "./claim_fixture.ts";
import { openPair } from "./instance_fixture.ts";

// What one side might try with objects of its own, to get at what is the other's.

type Marks = Pick<DynamicObject["metadata"], "labels" | "annotations">;

const owner = (side: "Provider" | "Consumer"): Marks => ({ annotations: { [RESOURCE_OWNER_ANNOTATION]: side } });

/** A token of an account, if whoever makes it may have one made. */
const tokenOf = (account: string): [Marks, Partial<DynamicObject>] => [
  { annotations: { "kubernetes.io/service-account.name": account } },
  { type: "kubernetes.io/service-account-token", data: undefined },
];

Deno.test("A provider that marks its Secrets as it likes overwrites none of the user's, and makes no tokens there", async () => {
  await using pair = await openClaimPair();
  const copyMarks: Marks = { ...owner("Provider"), labels: { [CLAIMED_FOR_LABEL]: pair.clusterNamespace } };
  const users: Record<string, Marks> = {
    plain: {},
    "of-the-consumer": owner("Consumer"),
    "like-a-copy": { labels: copyMarks.labels },
  };
  const before = new Map<string, DynamicObject>();
  for (const [name, marks] of Object.entries(users)) {
    const mine = secret(pair.keyOn("consumer", name), { mine: "yes" }, marks);
    before.set(name, await pair.consumer.create(mine, within(5000)));
    const theirs = secret(pair.keyOn("provider", name), { theirs: "yes" }, owner("Provider"));
    await pair.provider.create(theirs, within(5000));
  }
  const [marks, rest] = tokenOf("default");
  await pair.provider.create({ ...secret(pair.keyOn("provider", "token"), {}, marks), ...rest }, within(5000));
  await using _sync = pair.open("Provider", [secretsClaim("Provider")]);
  await pair.provider.create(secret(pair.keyOn("provider", "witness"), { a: "b" }), within(5000));
  await pair.on("consumer", "witness", "what is claimed is copied");
  // Their own change wakes each of them once more.
  for (const name of Object.keys(users)) {
    await pair.provider.mergePatch(pair.keyOn("provider", name), { data: { more: btoa("x") } }, {}, within(5000));
  }
  await pair.provider.create(secret(pair.keyOn("provider", "last"), { a: "b" }), within(5000));
  await pair.on("consumer", "last", "so is what comes after all that");
  for (const [name, { metadata: { resourceVersion } }] of before) {
    const now = await pair.consumer.get(pair.keyOn("consumer", name), within(5000));
    equal(now.metadata.resourceVersion, resourceVersion, name);
  }
  equal(await pair.consumer.find(pair.keyOn("consumer", "token"), within(5000)), undefined);
});

Deno.test("A user who marks Secrets as the consumer's gets none into the provider, where the claim is on the provider's", async () => {
  await using pair = await openClaimPair();
  const theirs = await pair.provider.create(secret(pair.keyOn("provider", "login"), { theirs: "yes" }), within(5000));
  for (const name of ["login", "smuggled"]) {
    await pair.consumer.create(secret(pair.keyOn("consumer", name), { mine: "yes" }, owner("Consumer")), within(5000));
  }
  await using syncs = new AsyncDisposableStack();
  for (
    const { owner, claims } of defineClaims([{
      effective: [secretsClaim("Provider")],
      leaving: [],
      mayDeleteOrphans: false,
    }]).values()
  ) {
    syncs.use(pair.open(owner, claims));
  }
  for (const name of ["witness", "last"]) {
    await pair.provider.create(secret(pair.keyOn("provider", name), { a: "b" }), within(5000));
    await pair.on("consumer", name, "what is claimed is copied");
  }
  const { data } = await pair.provider.get(pair.keyOn("provider", "login"), within(5000));
  deepEqual(data, theirs.data);
  equal(await pair.provider.find(pair.keyOn("provider", "smuggled"), within(5000)), undefined);
});

Deno.test("A provider that claims one of the user's Secrets by name gets no other one, however it is marked", async () => {
  await using pair = await openClaimPair();
  const secrets: Record<string, [Marks, Partial<DynamicObject>]> = {
    private: [{}, {}],
    marked: [owner("Consumer"), {}],
    "like-a-copy": [{ ...owner("Consumer"), labels: { [CLAIMED_FOR_LABEL]: pair.clusterNamespace } }, {}],
    token: tokenOf("default"),
  };
  for (const [name, [marks, rest]] of Object.entries(secrets)) {
    await pair.consumer.create({ ...secret(pair.keyOn("consumer", name), { a: "b" }, marks), ...rest }, within(5000));
  }
  const names = ["settings", "token"];
  await using _sync = pair.open("Consumer", [secretsClaim("Consumer", { selector: { names } })]);
  await pair.consumer.create(secret(pair.keyOn("consumer", "settings"), { a: "b" }), within(5000));
  await pair.on("provider", "settings", "what is claimed is copied");
  const { items } = await pair.provider.list({ namespace: pair.namespace.provider }, within(5000));
  deepEqual(items.map(({ metadata }) => metadata.name), ["settings"]);
});

Deno.test("An object that a provider makes brings no owner, no finalizer and no order of its own into the app cluster", async () => {
  await using pair = await openPair();
  await using _sync = pair.open();
  const { consumer, provider, group, key, providerKey } = pair;
  await consumer.create(mangoDb(group, { ...key, name: "first" }), within(5000));
  await pair.mapNamespace();
  await eventually("the first one appears", () => provider.find({ ...providerKey, name: "first" }, within(5000)));
  const configMaps = provider.client.api(CONFIG_MAPS);
  const parent = await configMaps.create(
    { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: providerKey.namespace, name: "parent" } },
    within(5000),
  );
  const made = mangoDb(group, providerKey);
  const { kind, metadata: { name, uid } } = parent;
  made.metadata.ownerReferences = [{ apiVersion: "v1", kind, name, uid: uid!, blockOwnerDeletion: true }];
  made.metadata.finalizers = ["example.com/hold"];
  made.metadata.annotations = {
    [ON_UNBIND_ANNOTATION]: "force",
    "kubectl.kubernetes.io/last-applied-configuration": "{}",
  };
  await provider.create(made, within(5000));
  const adopted = await pair.onConsumer("it is adopted", () => true);
  deepEqual(adopted.metadata.ownerReferences ?? [], []);
  deepEqual(adopted.metadata.finalizers, [SYNC_FINALIZER]);
  deepEqual(adopted.metadata.annotations, { [BOUND_ANNOTATION]: "true" });
  await provider.mergePatch(providerKey, { metadata: { finalizers: null } }, {}, within(5000));
});

for (const hasStatusSubresource of [true, false]) {
  const where = hasStatusSubresource ? "status is a subresource" : "status is a field like others";
  Deno.test(`A provider that writes what it likes into an object gets a status to its user and nothing else, where ${where}`, async () => {
    await using pair = await openPair({ hasStatusSubresource });
    await using _sync = pair.open();
    const { consumer, provider, group, key, providerKey } = pair;
    await consumer.create(mangoDb(group, key), within(5000));
    await pair.mapNamespace();
    await pair.onProvider("it appears", () => true);
    const before = await pair.onConsumer("it is held", ({ metadata }) => metadata.finalizers !== undefined);
    const orders = {
      metadata: {
        labels: { team: "theirs" },
        annotations: { [ON_UNBIND_ANNOTATION]: "force", [RESOURCE_OWNER_ANNOTATION]: "Provider" },
        finalizers: ["example.com/hold"],
      },
      spec: { tier: "Dedicated", tokenSecret: "theirs" },
    };
    const status = { phase: "Running", endpoint: "db:1" };
    await provider.mergePatch(providerKey, { ...orders, ...(!hasStatusSubresource && { status }) }, {}, within(5000));
    if (hasStatusSubresource) {
      await provider.mergePatch(providerKey, { status }, { subresource: "status" }, within(5000));
    }
    const after = await pair.onConsumer("the status arrives", (object) => object.status !== undefined);
    deepEqual(after.status, status);
    deepEqual(after.spec, before.spec);
    for (const field of ["labels", "annotations", "finalizers", "ownerReferences"] as const) {
      deepEqual(after.metadata[field], before.metadata[field], field);
    }
    await provider.mergePatch(providerKey, { metadata: { finalizers: null } }, {}, within(5000));
  });
}

/** An API that takes whatever is in spec and status. */
function crdOfAnything(group: string): CustomResourceDefinition {
  const crd = mangoDbCrd(group);
  const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  for (const version of crd.spec.versions) {
    version.schema = { openAPIV3Schema: { type: "object", properties: { spec: anything, status: anything } } };
  }
  return crd;
}

/** Parsed as a whole: of such a one alone `JSON.stringify` makes a text without exhausting the stack. */
const withNested = (levels: number, field: string, object: object = { kind: "MangoDB" }): Record<string, unknown> =>
  JSON.parse(`${JSON.stringify(object).slice(0, -1)},"${field}":${'{"a":'.repeat(levels)}1${"}".repeat(levels)}}`);

Deno.test("A user who nests objects as deep as the API server takes them is told so, and no other waits for them", async () => {
  await using pair = await openPair({ crd: crdOfAnything });
  const { consumer, provider, group, key, providerKey } = pair;
  const told: (EventDetails & { about: string })[] = [];
  const recorder = {
    event: ({ metadata }: KubeObject, details: EventDetails) => void told.push({ about: metadata.name, ...details }),
  };
  const heard = (about: string) =>
    eventually(
      `${about} is refused`,
      () => told.find((one) => one.about === about && one.reason === "NestedTooDeeply"),
    );
  const arrives = (name: string) =>
    eventually(`${name} arrives`, () => provider.find({ ...providerKey, name }, within(5000)));
  const levels = { deepest: 6_000, deep: 2_500, db: 1 };
  const path = `/apis/${group}/v1alpha1/namespaces/${key.namespace}/mangodbs`;
  const first = pair.open({ recorder });
  for (const [name, count] of Object.entries(levels)) {
    const body = withNested(count, "spec", { ...mangoDb(group, { ...key, name }), spec: undefined });
    await consumer.client.request("POST", path, { body }, within(15_000));
  }
  await pair.mapNamespace();
  await arrives("db");
  for (const name of ["deepest", "deep"]) {
    match((await heard(name)).message, /this one is nested more than 500 levels/);
  }
  await first[Symbol.asyncDispose]();

  await using _second = pair.open({ recorder });
  await consumer.mergePatch({ ...key, name: "deep" }, { spec: { a: null } }, {}, within(15_000));
  await arrives("deep");
  told.length = 0;
  await provider.mergePatch(providerKey, withNested(2_500, "status"), { subresource: "status" }, within(15_000));
  match((await heard("db")).message, /the one there is nested more than 500 levels deep/);
  await consumer.mergePatch({ ...key, name: "deep" }, withNested(2_500, "spec"), {}, within(15_000));
  await heard("deep");
  for (const name of Object.keys(levels)) await consumer.delete({ ...key, name }, {}, within(5000));
  await eventually("all are gone", async () => (await provider.list({}, within(5000))).items.length === 0);
  await eventually("here, too", async () => (await consumer.list({}, within(5000))).items.length === 0);
});
