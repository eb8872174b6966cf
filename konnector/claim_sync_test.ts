import assert from "node:assert/strict";
import { API_SERVICE_NAMESPACES, CLAIMED_FOR_LABEL, RESOURCE_OWNER_ANNOTATION } from "../crds/names.ts";
import { EVENTS } from "../kube/resources.ts";
import { annotationOf, type DynamicObject, formatKey, isDeleting, type ObjectKey } from "../kube/types.ts";
import type { Owner } from "../sync/claim_rules.ts";
import { consumer, eventually, provider, uniqueName, within } from "../tests/clusters.ts";
import { installCrd, mangoDb, mangoDbCrd, mangoDbResource } from "../tests/mangodb.ts";
import { openClaimPair, secret, secretsClaim, valuesOf } from "./claim_fixture.ts";

const has = (values: Record<string, string>) => (object: DynamicObject) =>
  JSON.stringify(valuesOf(object)) === JSON.stringify(values);

// The acceptance tests P1 to P5 and C1 to C5 of the original.
for (
  const [owner, home, away] of [["Provider", "provider", "consumer"], ["Consumer", "consumer", "provider"]] as const
) {
  for (const claimed of [owner, undefined]) {
    Deno.test(`Secrets of the ${home}, claimed ${claimed ? "as such" : "without naming an owner"}`, async (t) => {
      await using pair = await openClaimPair();
      const claim = secretsClaim(claimed);
      await using _sync = pair.open(owner, [claim]);
      await using _other = claimed ? { [Symbol.asyncDispose]: async () => {} } : pair.open(other(owner), [claim]);
      const [homeKey, awayKey] = [pair.keyOn(home, "login"), pair.keyOn(away, "login")];

      await t.step("one made there is made on the other side", async () => {
        const made = secret(homeKey, { user: "alice" }, {
          labels: { app: "db" },
          annotations: { note: "x", "kubectl.kubernetes.io/last-applied-configuration": "{}" },
          finalizers: ["example.com/hold"],
        });
        await pair[home].create(made, within(5_000));
        const copy = await pair.on(away, "login", "the copy is made");
        assert.deepEqual(valuesOf(copy), { user: "alice" });
        assert.equal(copy.type, "Opaque");
        assert.deepEqual(copy.metadata.labels, { app: "db", [CLAIMED_FOR_LABEL]: pair.clusterNamespace });
        assert.deepEqual(copy.metadata.annotations, { note: "x", [RESOURCE_OWNER_ANNOTATION]: owner });
        assert.equal(copy.metadata.finalizers, undefined);
        await pair.on(
          home,
          "login",
          "the owner is written on the original",
          (one) => annotationOf(one, RESOURCE_OWNER_ANNOTATION) === owner,
        );
        await pair[home].mergePatch(homeKey, { metadata: { finalizers: null } }, {}, within(5_000));
      });

      await t.step("a change of the copy is undone, added data included", async () => {
        await pair[away].mergePatch(awayKey, { data: { user: btoa("mallory"), more: btoa("x") } }, {}, within(5_000));
        await pair.on(away, "login", "the original's values are back", has({ user: "alice" }));
        assert.deepEqual(valuesOf(await pair[home].get(homeKey, within(5_000))), { user: "alice" });
      });

      await t.step("a change of the original follows, also what is removed", async () => {
        await pair[home].mergePatch(homeKey, { data: { user: btoa("bob"), port: btoa("1") } }, {}, within(5_000));
        await pair.on(away, "login", "the change follows", has({ port: "1", user: "bob" }));
        const patch = { data: { user: null }, metadata: { labels: { app: null, tier: "1" } } };
        await pair[home].mergePatch(homeKey, patch, {}, within(5_000));
        const copy = await pair.on(away, "login", "the removal follows", has({ port: "1" }));
        assert.deepEqual(copy.metadata.labels, { tier: "1", [CLAIMED_FOR_LABEL]: pair.clusterNamespace });
      });

      await t.step("a copy without our marks gets them back", async () => {
        const metadata = { annotations: { [RESOURCE_OWNER_ANNOTATION]: null } };
        await pair[away].mergePatch(awayKey, { metadata }, {}, within(5_000));
        await pair.on(away, "login", "the mark is back", (one) => !!annotationOf(one, RESOURCE_OWNER_ANNOTATION));
      });

      await t.step("a deleted copy is made again", async () => {
        const { metadata: { uid } } = await pair[away].get(awayKey, within(5_000));
        await pair[away].delete(awayKey, {}, within(5_000));
        await pair.on(away, "login", "it is back", ({ metadata }) => metadata.uid !== uid);
      });

      await t.step("an original of another type replaces the copy", async () => {
        await pair[home].delete(homeKey, {}, within(5_000));
        await pair[home].create({ ...secret(homeKey, { a: "b" }), type: "example.com/other" }, within(5_000));
        await pair.on(away, "login", "the copy has the new type", ({ type }) => type === "example.com/other");
      });

      await t.step("with the original goes the copy", async () => {
        await pair[home].delete(homeKey, {}, within(5_000));
        await pair.gone(away, "login");
      });
    });
  }
}

const other = (owner: Owner): Owner => owner === "Provider" ? "Consumer" : "Provider";

Deno.test("nothing outside the selector is copied, and what leaves it is taken away", async (t) => {
  await using pair = await openClaimPair();
  const claim = secretsClaim("Provider", {
    selector: { names: ["a", "b"], labelSelectors: [{ tier: "gold", kind: "db" }, { tier: "public" }] },
  });
  const make = (name: string, labels: Record<string, string>) =>
    pair.provider.create(secret(pair.keyOn("provider", name), { name }, { labels }), within(5_000));
  await make("a", { tier: "gold", kind: "db" });
  await make("b", { tier: "gold" });
  await make("c", { tier: "public" });
  {
    await using sync = pair.open("Provider", [claim]);
    await t.step("names have to be listed, one entry of the labels to match as a whole", async () => {
      await pair.on("consumer", "a", "the matching one is copied");
      assert.equal(await pair.consumer.find(pair.keyOn("consumer", "b"), within(5_000)), undefined);
      assert.equal(await pair.consumer.find(pair.keyOn("consumer", "c"), within(5_000)), undefined);
      await eventually("the claim's report counts it", () => sync.report(claim).objects === 1);
    });
    await t.step("labels decide again when they change", async () => {
      const label = (name: string, tier: string) =>
        pair.provider.mergePatch(pair.keyOn("provider", name), { metadata: { labels: { tier } } }, {}, within(5_000));
      await label("b", "public");
      await pair.on("consumer", "b", "it is claimed now");
      await label("a", "none");
      await pair.gone("consumer", "a");
      assert.ok(await pair.provider.find(pair.keyOn("provider", "a"), within(5_000)));
    });
  }
  await t.step("a narrower claim takes away what the wider one copied", async () => {
    await using _sync = pair.open("Provider", [secretsClaim("Provider", { selector: { names: ["c"] } })]);
    await pair.on("consumer", "c", "the newly claimed one is copied");
    await pair.gone("consumer", "b");
  });
  await t.step("no claim at all takes everything away, and nothing of the owner's", async () => {
    await using sync = pair.open("Provider", []);
    await pair.gone("consumer", "c");
    await eventually("it says so", () => sync.isEmpty);
    assert.ok(await pair.provider.find(pair.keyOn("provider", "c"), within(5_000)));
  });
});

Deno.test("namespaces of a claim are the consumer's, and new ones are followed", async () => {
  await using pair = await openClaimPair();
  const second = await pair.mapNamespace();
  await using _sync = pair.open("Consumer", [
    secretsClaim("Consumer", { selector: { namespaces: [second.consumer, "kube-system"] } }),
  ]);
  await pair.consumer.create(secret(pair.keyOn("consumer", "login"), { a: "b" }), within(5_000));
  await pair.consumer.create(secret({ namespace: second.consumer, name: "login" }, { a: "b" }), within(5_000));
  const copyKey = { namespace: second.provider, name: "login" };
  await eventually("the copy is made", () => pair.provider.find(copyKey, within(5_000)));
  assert.equal(await pair.provider.find(pair.keyOn("provider", "login"), within(5_000)), undefined);
  assert.equal(await pair.provider.find({ ...copyKey, name: "reserved" }, within(5_000)), undefined);
});

Deno.test("an object of somebody else is left alone, and its users are told", async (t) => {
  await using pair = await openClaimPair();
  const [consumerKey, providerKey] = [pair.keyOn("consumer", "login"), pair.keyOn("provider", "login")];
  const foreign = await pair.consumer.create(secret(consumerKey, { mine: "yes" }), within(5_000));
  await pair.provider.create(secret(providerKey, { theirs: "yes" }), within(5_000));
  const claim = secretsClaim("Provider");
  await t.step("it stays as it is", async () => {
    await using sync = pair.open("Provider", [claim]);
    const { trouble } = await eventually("the conflict is reported", () => {
      const report = sync.report(claim);
      return report.trouble && report;
    });
    assert.equal(trouble?.reason, "ClaimConflict");
    assert.match(trouble!.message, /login/);
    const { items } = await eventually("an event says so", async () => {
      const fieldSelector = `involvedObject.name=login`;
      const list = await pair.clients.consumer.api(EVENTS).list(
        { namespace: pair.namespace.consumer, fieldSelector },
        within(5_000),
      );
      return list.items.length > 0 && list;
    });
    assert.equal(items[0]!.reason, "ClaimConflict");
    const now = await pair.consumer.get(consumerKey, within(5_000));
    assert.equal(now.metadata.resourceVersion, foreign.metadata.resourceVersion);
  });
  await t.step("unless the claim replaces existing objects", async () => {
    await using _sync = pair.open("Provider", [{ ...claim, create: { replaceExisting: true } }]);
    await pair.on("consumer", "login", "the provider's is there", has({ theirs: "yes" }));
  });
  await t.step("a duplicate of a copy is nobody's copy", async () => {
    const { metadata: { labels, annotations }, data } = await pair.consumer.get(consumerKey, within(5_000));
    const key = pair.keyOn("consumer", "duplicate");
    await pair.consumer.create({ ...secret(key, {}, { labels, annotations }), data }, within(5_000));
    await using _sync = pair.open("Provider", []);
    await pair.gone("consumer", "login");
    assert.ok(await pair.consumer.find(key, within(5_000)));
  });
});

Deno.test("a copy that the consumer deletes takes the original with it, if the claim says so", async () => {
  await using pair = await openClaimPair();
  await using _sync = pair.open("Provider", [
    secretsClaim("Provider", { onConflict: { recreateWhenConsumerSideDeleted: false } }),
  ]);
  await pair.provider.create(secret(pair.keyOn("provider", "login"), { a: "b" }), within(5_000));
  await pair.on("consumer", "login", "the copy is made");
  await pair.consumer.delete(pair.keyOn("consumer", "login"), {}, within(5_000));
  await pair.gone("provider", "login");
});

Deno.test("a copy that is replaced does not take the original with it, although somebody holds it for a while", async () => {
  await using pair = await openClaimPair();
  await using _sync = pair.open("Provider", [
    secretsClaim("Provider", {
      onConflict: { recreateWhenConsumerSideDeleted: false },
      update: { alwaysRecreate: true },
    }),
  ]);
  const [sourceKey, copyKey] = [pair.keyOn("provider", "login"), pair.keyOn("consumer", "login")];
  await pair.provider.create(secret(sourceKey, { a: "b" }), within(5_000));
  await pair.on("consumer", "login", "the copy is made");
  const hold = (finalizers: string[]) =>
    pair.consumer.mergePatch(copyKey, { metadata: { finalizers } }, {}, within(5_000));
  await hold(["example.com/hold"]);
  await pair.provider.mergePatch(sourceKey, { data: { a: btoa("c") } }, {}, within(5_000));
  await pair.on("consumer", "login", "the copy is to be replaced", isDeleting);
  await hold([]);
  await pair.on("consumer", "login", "the next copy is there", has({ a: "c" }));
  assert.ok(await pair.provider.find(sourceKey, within(5_000)));
});

Deno.test("an object of the consumer that is missing, and that nobody saw deleted, costs no copy", async () => {
  await using pair = await openClaimPair();
  const claim = secretsClaim("Consumer", { selector: { labelSelectors: [{ tier: "gold" }] } });
  const keys = ["lost", "relabelled"].map((name) => pair.keyOn("consumer", name));
  const make = (key: ObjectKey) =>
    pair.consumer.create(secret(key, { a: "b" }, { labels: { tier: "gold" } }), within(5_000));
  const [lost, relabelled] = keys as [ObjectKey, ObjectKey];
  {
    await using _sync = pair.open("Consumer", [claim]);
    for (const key of keys) {
      await make(key);
      await pair.on("provider", key.name, "the copy is made");
    }
  }
  await pair.consumer.delete(lost, {}, within(5_000));
  await pair.consumer.mergePatch(relabelled, { metadata: { labels: { tier: "none" } } }, {}, within(5_000));
  {
    await using sync = pair.open("Consumer", [claim]);
    await pair.gone("provider", "relabelled");
    await eventually("it is told about", () => sync.orphans?.join() === `secrets ${formatKey(lost)}`);
    assert.ok(await pair.provider.find(pair.keyOn("provider", "lost"), within(5_000)));
    await make(lost);
    await eventually("back again, it is told about no longer", () => sync.orphans?.length === 0);
  }
  await pair.consumer.delete(lost, {}, within(5_000));
  await using _sync = pair.open("Consumer", [claim], { mayDeleteOrphans: true });
  await pair.gone("provider", "lost");
});

Deno.test("where a namespace gets another counterpart, credentials of the one before go", async () => {
  await using pair = await openClaimPair();
  await using sync = pair.open("Provider", [secretsClaim("Provider")]);
  await pair.provider.create(secret(pair.keyOn("provider", "login"), { a: "b" }), within(5_000));
  await pair.on("consumer", "login", "the copy is made");
  await using plane = new AsyncDisposableStack();
  const elsewhere = plane.use(await plane.use(await provider()).namespace("mapped")).name;
  const request = { namespace: pair.clusterNamespace, name: pair.namespace.consumer };
  await pair.clients.provider.api(API_SERVICE_NAMESPACES)
    .mergePatch(request, { status: { namespace: elsewhere } }, { subresource: "status" }, within(5_000));
  await pair.gone("consumer", "login");
  assert.equal(sync.report().trouble, undefined);
});

Deno.test("copies of the original konnector are taken over", async () => {
  await using pair = await openClaimPair();
  const annotations = { [RESOURCE_OWNER_ANNOTATION]: "Provider" };
  await pair.provider.create(secret(pair.keyOn("provider", "login"), { a: "new" }, { annotations }), within(5_000));
  await pair.consumer.create(secret(pair.keyOn("consumer", "login"), { a: "old" }, { annotations }), within(5_000));
  await using _sync = pair.open("Provider", [secretsClaim("Provider")]);
  await pair.on("consumer", "login", "the copy is brought up to date", has({ a: "new" }));
  await pair.provider.delete(pair.keyOn("provider", "login"), {}, within(5_000));
  await pair.gone("consumer", "login");
});

Deno.test("a settled start writes nothing, and repairs what was missed", async () => {
  await using pair = await openClaimPair();
  const claim = secretsClaim(undefined);
  const names = ["one", "two", "three"];
  const made = (name: string) => pair.on("consumer", name, "the copy is made");
  {
    await using _sync = pair.open("Provider", [claim]);
    for (const name of names) {
      await pair.provider.create(secret(pair.keyOn("provider", name), { name }, { labels: { name } }), within(5_000));
    }
    for (const name of names) await made(name);
    await pair.on("provider", "three", "it is marked", (one) => !!annotationOf(one, RESOURCE_OWNER_ANNOTATION));
  }
  const versions = async () =>
    await Promise.all(
      ["one", "two"].flatMap((name) =>
        (["consumer", "provider"] as const).map(async (side) =>
          (await pair[side].get(pair.keyOn(side, name), within(5_000))).metadata.resourceVersion
        )
      ),
    );
  await pair.on("provider", "two", "it is marked", (one) => !!annotationOf(one, RESOURCE_OWNER_ANNOTATION));
  await pair.on("provider", "one", "it is marked", (one) => !!annotationOf(one, RESOURCE_OWNER_ANNOTATION));
  const before = await versions();
  await pair.provider.delete(pair.keyOn("provider", "three"), {}, within(5_000));
  await using sync = pair.open("Provider", [claim]);
  await using consumers = pair.open("Consumer", [claim]);
  await pair.gone("consumer", "three");
  await eventually("both are counted", () => sync.report(claim).objects === 2);
  assert.equal(consumers.report(claim).objects, 0);
  assert.deepEqual(await versions(), before);
});

Deno.test("any kind can be claimed: defaults and controllers on the copy's side cause no fight", async () => {
  await using stack = new AsyncDisposableStack();
  const group = `${uniqueName("claimed")}.example.com`;
  stack.use(await installCrd(stack.use(await consumer()).client, mangoDbCrd(group)));
  stack.use(await installCrd(stack.use(await provider()).client, mangoDbCrd(group)));
  await using pair = await openClaimPair(mangoDbResource(group));
  const claim = { group, resource: "mangodbs", version: "v1alpha1", required: false };
  await using _sync = pair.open("Consumer", [claim]);
  const [key, copyKey] = [pair.keyOn("consumer", "db"), pair.keyOn("provider", "db")];
  const specOf = ({ spec }: DynamicObject) => spec as Record<string, unknown>;

  await pair.consumer.create(mangoDb(group, key, { region: "eu", users: [{ name: "a" }] }), within(5_000));
  await pair.on("provider", "db", "the copy is made", ({ spec }) => !!spec);
  await pair.provider.mergePatch(copyKey, { spec: { resourceRef: { name: "xr" } } }, {}, within(5_000));
  await pair.consumer.mergePatch(key, { status: { phase: "Failed" } }, { subresource: "status" }, within(5_000));
  await pair.consumer.mergePatch(key, { spec: { users: null, tier: "Dedicated" } }, {}, within(5_000));
  const copy = await pair.on("provider", "db", "the change follows", (one) => specOf(one).tier === "Dedicated");
  assert.deepEqual(specOf(copy), {
    tokenSecret: "token",
    tier: "Dedicated",
    region: "eu",
    backup: false,
    resourceRef: { name: "xr" },
  });
  assert.equal(copy.status, undefined);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const later = await pair.provider.get(copyKey, within(5_000));
  assert.equal(later.metadata.resourceVersion, copy.metadata.resourceVersion);
});

Deno.test("kinds that cannot be copied are reported, and so are those that nobody serves", async () => {
  await using pair = await openClaimPair();
  const kinds = [
    {
      group: "",
      resource: "persistentvolumes",
      version: "v1",
      reason: "UnsupportedClaimFeature",
      word: /cluster-scoped/,
    },
    { group: "", resource: "bindings", version: "v1", reason: "UnsupportedClaimFeature", word: /list/ },
    { group: "", resource: "secrets", version: "v7", reason: "ClaimedKindNotServed", word: /in version v7/ },
  ];
  for (const { reason, word, ...claim } of kinds) {
    await using sync = pair.open("Provider", [claim], claim);
    const trouble = await eventually(`${claim.resource} is reported`, () => sync.report(claim).trouble);
    assert.equal(trouble.reason, reason);
    assert.match(trouble.message, word);
  }
});
