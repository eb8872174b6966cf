import assert from "node:assert/strict";
import { API_SERVICE_NAMESPACES, KLUTCH_NAMESPACE, ORPHANS_ANNOTATION, SYNC_FINALIZER } from "../../crds/names.ts";
import { NAMESPACES } from "../../kube/resources.ts";
import { type DynamicObject, hasFinalizer, isDeleting } from "../../kube/types.ts";
import { eventually, within } from "../clusters.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { Story } from "./harness.ts";
import { DEFAULT, Mangos } from "./mangos.ts";

const GROUP = "mangodb.com";
const API = `mangodbs.${GROUP}`;
/** Of the provider's operator, who takes time to deprovision. */
const FINALIZER = "example.com/deprovision";

Deno.test("what a user deletes is there until the provider's object is really gone", async (t) => {
  await using story = await Story.open();
  const mangos = new Mangos(story, GROUP);
  const { kubectl } = story.consumer;
  let { konnector } = await story.given(t, mangoDbCrd(GROUP));

  const create = async (key = DEFAULT) => {
    await mangos.create(key);
    await mangos.until("provider", "appears", undefined, { key });
    await mangos.until("consumer", "is held", (own) => hasFinalizer(own, SYNC_FINALIZER), { key });
  };
  const hold = (key = DEFAULT) => mangos.patch("provider", { metadata: { finalizers: [FINALIZER] } }, key);
  const letGo = (key = DEFAULT) => mangos.patch("provider", { metadata: { finalizers: null } }, key);

  await story.step(t, "the operator takes its time: the object stays, and shows how far it is", async () => {
    await create();
    await hold();
    await kubectl(["delete", "mangodb", "test", "--wait=false"]);
    await mangos.until("provider", "is being deleted", isDeleting);
    await mangos.report({ phase: "Pending", endpoint: "backing up" });
    const own = await mangos.until(
      "consumer",
      "shows the progress",
      ({ status }) => endpointOf(status) === "backing up",
    );
    assert.ok(isDeleting(own));
    assert.deepEqual(own.metadata.finalizers, [SYNC_FINALIZER]);
  });

  await story.step(t, "then both are gone", async () => {
    await letGo();
    await mangos.untilGone("provider");
    await mangos.untilGone("consumer");
  });

  await story.step(t, "the next one of that name is another object", async () => {
    await create();
    await mangos.delete("consumer");
    await mangos.create().catch(() => {}); // may be refused while the last one goes
    await eventually("a new one is there on both sides", async () => {
      const own = await mangos.find("consumer") ?? await mangos.create();
      const theirs = await mangos.find("provider");
      return !isDeleting(own) && theirs && !isDeleting(theirs);
    });
  });

  const first = { namespace: "shop", name: "first" };
  const second = { namespace: "shop", name: "second" };
  const again = { namespace: "again", name: "db" };
  const empty = { namespace: "empty", name: "gone" };
  let mapped: string;
  const own = story.consumer.client.api(NAMESPACES);
  const theirs = story.provider.client.api(NAMESPACES);
  const requestFor = async (namespace: string) => {
    const { items } = await story.provider.client.api(API_SERVICE_NAMESPACES).list({}, soon());
    return items.find(({ metadata }) => metadata.name === namespace);
  };
  const untilUnmapped = (namespace: string) =>
    eventually(
      `${namespace} has gone on both sides`,
      async () =>
        !await own.find({ name: namespace }, soon()) && !await requestFor(namespace) &&
        !(await theirs.list({}, soon())).items.some(({ metadata }) => metadata.name.endsWith(`-${namespace}`)),
    );

  const torn = { namespace: "default", name: "torn" };

  await story.step(t, "deleted while nobody was there to see, it goes on both sides afterwards", async () => {
    await create(torn);
    await kubectl(["create", "namespace", empty.namespace]);
    await create(empty);
    await kubectl(["delete", "mangodb", empty.name, "-n", empty.namespace, "--timeout=60s"]);
    await konnector.kill();
    await mangos.delete("consumer");
    assert.ok(isDeleting((await mangos.find("consumer"))!));
    // Somebody in a hurry removes what holds this one: it is gone here, and nobody tells the provider.
    await mangos.patch("consumer", { metadata: { finalizers: null } }, torn);
    await mangos.delete("consumer", torn);
    assert.equal(await mangos.find("consumer", torn), undefined);
    await kubectl(["delete", "namespace", empty.namespace, "--timeout=60s"]);
    assert.ok(await requestFor(empty.namespace));

    konnector = await story.startKonnector();
    await mangos.untilGone("consumer");
    await mangos.untilGone("provider");
  });

  await story.step(t, "one that only vanished is kept, and the binding asks what to do with it", async () => {
    const reason = "OrphansFound";
    const { message } = await story.condition(API, "DeletionsSeen", { status: "False", reason });
    assert.match(message!, /default\/torn/);
    assert.equal(isDeleting((await mangos.find("provider", torn))!), false);
    const annotate = (value: string) =>
      kubectl(["annotate", "-n", KLUTCH_NAMESPACE, "sb", API, `${ORPHANS_ANNOTATION}${value}`]);
    await annotate("=delete");
    await mangos.untilGone("provider", torn);
    await annotate("-");
    await story.condition(API, "Ready", { status: "True" });
  });

  await story.step(t, "given objects in namespaces of their own", async () => {
    for (const { namespace } of [first, again]) await kubectl(["create", "namespace", namespace]);
    for (const key of [first, second, again]) await create(key);
    mapped = await mangos.mappedNamespace(first.namespace);
    await hold(first);
  });

  await story.step(
    t,
    "a namespace that is deleted waits for its objects, and the provider's namespace with it",
    async () => {
      await kubectl(["delete", "namespace", first.namespace, again.namespace, "--wait=false"]);
      await mangos.until("provider", "is being deleted", isDeleting, { key: first });
      await mangos.untilGone("consumer", second);
      await mangos.report({ phase: "Pending", endpoint: "backing up" }, first);
      await mangos.until("consumer", "shows the progress", ({ status }) => endpointOf(status) === "backing up", {
        key: first,
      });
      assert.ok(isDeleting(await own.get({ name: first.namespace }, soon())));
      assert.equal(isDeleting((await requestFor(first.namespace))!), false);
      assert.equal(isDeleting(await theirs.get({ name: mapped }, soon())), false);
    },
  );

  await story.step(t, "after the objects, the namespaces go on both sides", async () => {
    await letGo(first);
    await untilUnmapped(first.namespace);
    await untilUnmapped(again.namespace);
  });

  await story.step(t, "a namespace of that name can be made again", async () => {
    await kubectl(["create", "namespace", again.namespace]);
    await create(again);
  });

  await story.step(
    t,
    "a namespace that was deleted while nobody was there to see has gone on both sides, too",
    async () => {
      await untilUnmapped(empty.namespace);
    },
  );
});

const soon = () => within(5_000);

const endpointOf = (status: DynamicObject["status"]) => (status as { endpoint?: string } | undefined)?.endpoint;
