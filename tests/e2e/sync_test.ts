import assert from "node:assert/strict";
import { stringify } from "yaml";
import { BOUND_ANNOTATION, SYNC_FINALIZER } from "../../crds/names.ts";
import { hasFinalizer } from "../../kube/types.ts";
import { eventually } from "../clusters.ts";
import { mangoDb, mangoDbCrd } from "../mangodb.ts";
import { Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";

const GROUP = "mangodb.com";
const KEY = { namespace: "default", name: "orders" };
const OTHER = { namespace: "shop", name: "orders" };

const manifest = (spec: object, metadata: object = {}) => {
  const object = mangoDb(GROUP, KEY);
  return stringify({ ...object, metadata: { ...object.metadata, ...metadata }, spec });
};

Deno.test("with kubectl on the app cluster, objects are made, changed and deleted, and the provider follows", async (t) => {
  await using story = await Story.open();
  const mangos = new Mangos(story, GROUP);
  const { kubectl } = story.consumer;
  const onProvider = async () => (await mangos.find("provider", KEY))!;
  const specReaches = (what: string, isReached: (spec: Record<string, unknown>) => boolean) =>
    mangos.until("provider", what, ({ spec }) => isReached(spec as Record<string, unknown>), { key: KEY });

  await story.given(t, mangoDbCrd(GROUP));

  await story.step(t, "kubectl create: all of the spec arrives, digit by digit", async () => {
    const spec = `{ tokenSecret: token, tier: Dedicated, region: eu-west-1, backup: true,
      storage: { sizeBytes: 9007199254740993, ratio: 0.1 },
      users: [{ name: alice, roles: [admin, reader] }, { name: bob }] }`;
    const text = manifest({}, { labels: { team: "shop" }, annotations: { note: "first" } }).replace(
      /spec: .*/,
      `spec: ${spec}`,
    );
    assert.match(await kubectl(["create", "-f", "-"], text), /mangodb\.mangodb\.com\/orders created/);

    const { metadata, spec: arrived } = await mangos.until("provider", "appears", undefined, { key: KEY });
    const own = await mangos.until("consumer", "is held", (own) => hasFinalizer(own, SYNC_FINALIZER), { key: KEY });
    assert.equal(JSON.stringify(arrived), JSON.stringify(own.spec));
    assert.match(JSON.stringify(arrived), /"sizeBytes":9007199254740993\b/);
    assert.deepEqual(metadata.labels, { team: "shop" });
    assert.deepEqual(metadata.annotations, { note: "first", [BOUND_ANNOTATION]: "true" });
    assert.deepEqual(own.metadata.finalizers, [SYNC_FINALIZER]);
  });

  await story.step(t, "the operator reports, and kubectl get prints the columns of the API", async () => {
    await mangos.report({ phase: "Running", endpoint: "db.example.com:27017" }, KEY);
    await eventually("kubectl get shows the phase", async () => {
      const [head, row] = (await kubectl(["get", "mangodbs"])).trimEnd().split("\n").map((line) => line.split(/ {2,}/));
      return String(head) === "NAME,TIER,PHASE" && String(row) === "orders,Dedicated,Running";
    });
  });

  await story.step(t, "kubectl apply: what is changed changes, what is removed goes", async () => {
    // The first apply of an object that was created removes nothing yet.
    const spec = { tokenSecret: "token", tier: "Dedicated", storage: { ratio: 0.1 }, users: [{ name: "alice" }] };
    await kubectl(["apply", "-f", "-"], manifest(spec));
    await specReaches("has one user", ({ users }) => (users as unknown[]).length === 1);
    await kubectl(["apply", "-f", "-"], manifest({ tokenSecret: "other", tier: "Dedicated", users: [] }));
    const { spec: arrived, metadata } = await specReaches(
      "has another token",
      ({ tokenSecret }) => tokenSecret === "other",
    );
    assert.deepEqual(arrived, (await mangos.find("consumer", KEY))?.spec);
    assert.equal("storage" in (arrived as object), false);
    assert.equal("kubectl.kubernetes.io/last-applied-configuration" in metadata.annotations!, false);
  });

  await story.step(t, "kubectl patch: a field is removed, and only defaults come back", async () => {
    const patch = JSON.stringify([{ op: "remove", path: "/spec/backup" }, { op: "remove", path: "/spec/region" }]);
    await kubectl(["patch", "mangodb", "orders", "--type=json", `--patch=${patch}`]);
    const { spec } = await specReaches("has no backup", ({ backup }) => backup === false);
    assert.deepEqual(spec, {
      tokenSecret: "other",
      tier: "Dedicated",
      users: [],
      backup: false,
      region: "us-east-1",
    });
  });

  await story.step(t, "what the provider adds stays there, and is nobody's business here", async () => {
    const added = { metadata: { labels: { operator: "mango" } }, spec: { resourceRef: { name: "x-1" } } };
    await mangos.patch("provider", added, KEY);
    await mangos.patch("consumer", { metadata: { labels: { team: "billing" } }, spec: { backup: true } }, KEY);
    const { metadata, spec } = await specReaches("has a backup", ({ backup }) => backup === true);
    assert.deepEqual(metadata.labels, { team: "shop", operator: "mango" });
    assert.deepEqual((spec as Record<string, unknown>).resourceRef, { name: "x-1" });
    const own = (await mangos.find("consumer", KEY))!;
    assert.equal("resourceRef" in (own.spec as object), false);
    assert.deepEqual(own.metadata.labels, { team: "billing" });
  });

  await story.step(t, "drift is repaired, on either side", async () => {
    await mangos.patch("provider", { spec: { tier: "Shared", tokenSecret: "stolen" } }, KEY);
    await specReaches(
      "is as the user wants it",
      ({ tier, tokenSecret }) => tier === "Dedicated" && tokenSecret === "other",
    );
    await mangos.patch("consumer", { status: { phase: "Failed" } }, KEY, "status");
    await mangos.until(
      "consumer",
      "is Running again",
      ({ status }) => (status as { phase: string }).phase === "Running",
      { key: KEY },
    );
  });

  await story.step(t, "a status that loses a field loses it here, too", async () => {
    await mangos.report({ endpoint: null, phase: "Pending" }, KEY);
    const { status } = await mangos.until(
      "consumer",
      "is Pending",
      ({ status }) => (status as { phase: string }).phase === "Pending",
      { key: KEY },
    );
    assert.deepEqual(status, { phase: "Pending" });
  });

  await story.step(t, "a namesake in another namespace is another object", async () => {
    await kubectl(["create", "namespace", OTHER.namespace]);
    await mangos.create(OTHER, { tier: "Shared" });
    const { metadata, spec } = await mangos.until("provider", "appears", undefined, { key: OTHER });
    assert.notEqual(metadata.namespace, (await onProvider()).metadata.namespace);
    assert.equal((spec as Record<string, unknown>).tier, "Shared");
    await mangos.report({ phase: "Running" }, OTHER);
    await mangos.until(
      "consumer",
      "is Running",
      ({ status }) => (status as { phase?: string } | undefined)?.phase === "Running",
      { key: OTHER },
    );
    assert.deepEqual((await mangos.find("consumer", KEY))?.status, { phase: "Pending" });
  });

  await story.step(t, "kubectl delete comes back when the provider's object is gone, and takes no other", async () => {
    assert.match(await kubectl(["delete", "mangodb", "orders", "--timeout=60s"]), /orders" deleted/);
    assert.equal(await mangos.find("provider", KEY), undefined);
    assert.equal(await mangos.find("consumer", KEY), undefined);
    assert.ok(await mangos.find("provider", OTHER));
    assert.ok(await mangos.find("consumer", OTHER));
  });
});
