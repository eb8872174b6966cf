import assert from "node:assert/strict";
import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import {
  API_SERVICE_BINDINGS,
  ON_UNBIND_ANNOTATION,
  SYNC_FINALIZER,
  USABLE_FROM_ANNOTATION,
} from "../../crds/names.ts";
import { findCondition } from "../../kube/conditions.ts";
import { NAMESPACES, type Secret, SECRETS, SERVICE_ACCOUNTS } from "../../kube/resources.ts";
import { hasFinalizer } from "../../kube/types.ts";
import { eventually, within } from "../clusters.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { AppClusters, type Credential } from "./app_clusters.ts";
import { RECOVERY_MS, Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";
import type { Program } from "./program.ts";

const GROUP = "mangodb.com";
const API = { group: GROUP, resource: "mangodbs" };
const NAME = `mangodbs.${GROUP}`;
const RECOVERY = { timeoutMs: RECOVERY_MS };
const refTo = ({ namespace, name }: { namespace: string; name: string }) => ({
  namespace,
  name,
  key: "kubeconfig" as const,
});

Deno.test("AppClusterBindings get at no Secret that is not for them, and at no namespace of each other", async (t) => {
  await using story = await Story.open();
  await using app = await AppClusters.open(story);
  const secrets = story.provider.client.api<Secret>(SECRETS);
  const copiesOf = async (name: string) => {
    const { items } = await secrets.list({ fieldSelector: `metadata.name=${name}` }, within(5_000));
    return items.filter(({ metadata }) => metadata.namespace!.startsWith("klutch-bind-"))
      .map(({ metadata, data }) => ({ namespace: metadata.namespace, text: atob(data!.kubeconfig!) }));
  };
  let good: string;

  await story.step(t, "given a backend and two teams", async () => {
    await app.startBackend();
    for (const name of ["team-a", "team-b"]) await app.createNamespace(name);
    good = (await app.credential()).kubeconfig;
  });

  for (
    const [about, text] of [
      ["garbage (M6)", "{]"],
      ["a kubeconfig that would run a program", "exec"],
    ] as const
  ) {
    await story.step(t, `${about} is refused, and nothing is made of it`, async () => {
      const key = { namespace: "team-a", name: text === "exec" ? "exec" : "garbage" };
      const kubeconfig = text === "exec" ? good.replace(/token: .*/, "exec: { command: /bin/true }") : text;
      await app.writeSecret(key, kubeconfig);
      await app.apply(key, { kubeconfigSecretRef: refTo(key), konnector: { deploy: true } });
      const { message } = await app.condition(key, "SecretValid", { reason: "KubeconfigSecretInvalid" });
      assert.doesNotMatch(message!, /\{\]|bin\/true/);
      assert.deepEqual(await copiesOf(key.name), []);
    });
  }

  await story.step(
    t,
    "S12: the Secret of another team is not copied, and one that is missing looks the same",
    async () => {
      const foreign = { namespace: "team-b", name: "their-cluster" };
      await app.writeSecret(foreign, good);
      const thief = { namespace: "team-a", name: "thief" };
      const guesser = { namespace: "team-a", name: "guesser" };
      await app.apply(thief, { kubeconfigSecretRef: refTo(foreign), konnector: { deploy: true } });
      await app.apply(guesser, { kubeconfigSecretRef: refTo({ ...foreign, name: "is-it-there" }) });
      const told = await app.condition(thief, "SecretValid", { reason: "KubeconfigSecretNotAllowed" });
      const guessed = await app.condition(guesser, "SecretValid", { reason: "KubeconfigSecretNotAllowed" });
      assert.equal(told.message!.replace(foreign.name, ""), guessed.message!.replace("is-it-there", ""));
      assert.deepEqual(await copiesOf(foreign.name), []);
    },
  );

  await story.step(t, "with the owner's permission it is copied, and taken back when that is withdrawn", async () => {
    const foreign = { namespace: "team-b", name: "their-cluster" };
    const thief = { namespace: "team-a", name: "thief" };
    await app.writeSecret(foreign, good, { [USABLE_FROM_ANNOTATION]: "team-c, team-a" });
    await app.condition(thief, "SecretValid", { status: "True" });
    await eventually("it is copied", async () => (await copiesOf(foreign.name)).length === 1);
    await app.writeSecret(foreign, good, { [USABLE_FROM_ANNOTATION]: "team-c" });
    await app.condition(thief, "SecretValid", { reason: "KubeconfigSecretNotAllowed" });
    await eventually("the copy is gone", async () => (await copiesOf(foreign.name)).length === 0);
  });

  await story.step(t, "S11: two whose names collide get a namespace each, and keep it", async () => {
    await app.createNamespace("a");
    await app.createNamespace("a-b");
    const pair = [{ namespace: "a", name: "b-c" }, { namespace: "a-b", name: "c" }];
    for (const { namespace, name } of pair) {
      const secret = { namespace, name: "collision" };
      await app.writeSecret(secret, `${good}# ${namespace}/${name}\n`);
      await app.apply({ namespace, name }, { kubeconfigSecretRef: refTo(secret) });
      await app.condition({ namespace, name }, "SecretValid", { status: "True" });
      await app.root({ namespace, name });
    }
    const [first, second] = [await app.root(pair[0]!), await app.root(pair[1]!)];
    assert.equal(first, "klutch-bind-a-b-c");
    assert.match(second, /^klutch-bind-a-b-c-[0-9a-f]{10}$/);
    const copies = await eventually("both are copied", async () => {
      const all = await copiesOf("collision");
      return all.length === 2 && all;
    });
    assert.match(copies.find(({ namespace }) => namespace === first)!.text, /# a\/b-c\n$/);
    assert.match(copies.find(({ namespace }) => namespace === second)!.text, /# a-b\/c\n$/);
    await app.delete(pair[0]!);
    await app.untilGone(pair[0]!);
    assert.equal(await app.root(pair[1]!), second);
    assert.deepEqual((await copiesOf("collision")).map(({ namespace }) => namespace), [second]);
  });

  await story.step(t, "S11: somebody else's namespace of that name is neither used nor deleted", async () => {
    await app.createNamespace("klutch-bind-team-b-late");
    const late = { namespace: "team-b", name: "late" };
    await app.apply(late, { kubeconfigSecretRef: refTo({ namespace: "team-b", name: "their-cluster" }) });
    assert.match(await app.root(late), /^klutch-bind-team-b-late-[0-9a-f]{10}$/);
    await app.delete(late);
    await app.untilGone(late);
    const namespaces = story.provider.client.api(NAMESPACES);
    const { metadata } = await namespaces.get({ name: "klutch-bind-team-b-late" }, within(5_000));
    assert.equal(metadata.deletionTimestamp, undefined);
  });

  await story.step(t, "one that never had a Secret is let go at once", async () => {
    for (const name of ["thief", "guesser", "garbage"]) {
      await app.delete({ namespace: "team-a", name });
      await app.untilGone({ namespace: "team-a", name });
    }
  });
});

Deno.test("services that are retained outlive their AppClusterBinding, and the next one of that name has them", async (t) => {
  await using story = await Story.open();
  await using app = await AppClusters.open(story);
  const mangos = new Mangos(story, GROUP);
  const plane = story.provider.client;
  const key = { namespace: "default", name: "orders" };
  const secret = { namespace: "default", name: "orders-kubeconfig" };
  const spec = {
    kubeconfigSecretRef: refTo(secret),
    apiExports: [API],
    konnector: { deploy: true },
    deletionPolicy: "Retain" as const,
  };
  let root = "";
  let konnector: Program;
  let credential: Credential;

  await story.step(t, "a konnector whose Secret is missing waits, says so, and is not ready", async () => {
    await app.startBackend();
    await story.offer(mangoDbCrd(GROUP));
    await app.writeSecret(secret, (await app.credential()).kubeconfig);
    await app.apply(key, spec);
    root = await app.root(key);
    await app.deployment(root);
    await plane.api(SECRETS).delete(secret, {}, within(5_000));
    await app.condition(key, "SecretValid", { reason: "KubeconfigSecretNotFound" });
    await plane.api(SECRETS).delete({ ...secret, namespace: root }, {}, within(5_000));
    konnector = await app.startKonnector(root);
    const { why } = await konnector.logged("waiting for the app cluster's kubeconfig");
    assert.match(String(why), /does not exist/);
    const waiting = await readyz(konnector);
    assert.equal(waiting.status, 503);
    assert.match(waiting.checks.appCluster!, /does not exist/);
    credential = await app.credential();
    await app.writeSecret(secret, credential.kubeconfig);
    await eventually("it is ready", async () => (await readyz(konnector)).status === 200);
    await app.condition(key, "Ready", { status: "True" });
  });

  await story.step(t, "an app cluster that is out of reach, or refuses, is told wherever people look", async () => {
    const bindings = plane.api<APIServiceBinding>(API_SERVICE_BINDINGS);
    const connected = async () => {
      const { status } = await bindings.get({ namespace: root, name: NAME }, within(5_000));
      return findCondition(status?.conditions, "Connected");
    };
    const told = async () => {
      await eventually("its binding says so", async () => (await connected())?.reason === "AppClusterUnreachable");
      const { message } = await app.condition(key, "Ready", { status: "False", reason: "AppClusterUnreachable" });
      assert.match(message!, /on the consumer.*Check that the app cluster runs/);
      const { status, checks } = await readyz(konnector);
      assert.equal(status, 503);
      assert.match(checks.appCluster!, /on the consumer/);
    };
    await story.consumer.plane.stopApiServer();
    await told();
    await konnector.kill();
    konnector = await app.startKonnector(root);
    await bindings.mergePatch({ namespace: root, name: NAME }, { status: { conditions: [] } }, {
      subresource: "status",
    }, within(5_000));
    await told();
    await story.consumer.plane.startApiServer(within(30_000));
    await eventually("it is connected again", async () => (await connected())?.status === "True", RECOVERY);
    await app.condition(key, "Ready", { status: "True" });
    assert.equal((await readyz(konnector)).status, 200);

    await credential.revoke();
    const refused = async () => {
      const condition = await connected();
      return condition?.reason === "AppClusterUnreachable" && /401 Unauthorized/.test(condition.message!);
    };
    await eventually("its binding says that the kubeconfig is refused", refused, RECOVERY);
    await app.writeSecret(secret, (await app.credential()).kubeconfig);
    await app.condition(key, "Ready", { status: "True" });
  });

  await story.step(t, "deleted, it takes back what gives access, and leaves the services", async () => {
    await mangos.create();
    const made = await mangos.until("provider", "appears");
    await app.delete(key);
    await app.untilGone(key);
    const { metadata } = (await mangos.find("provider"))!;
    assert.equal(metadata.uid, made.metadata.uid);
    assert.equal(metadata.deletionTimestamp, undefined);
    for (const resource of [SECRETS, SERVICE_ACCOUNTS, API_SERVICE_BINDINGS]) {
      const { items } = await plane.api(resource).list({ namespace: root }, within(5_000));
      assert.deepEqual(
        items.map(({ metadata }) => metadata.name).filter((name) => !/^(default|token-)/.test(name)),
        [],
      );
    }
    const { metadata: { name } } = (await mangos.find("consumer"))!;
    assert.equal(name, "test");
    await eventually(
      "the user's object is held by nobody",
      async () => !hasFinalizer((await mangos.find("consumer"))!, SYNC_FINALIZER),
    );
    await konnector.kill();
  });

  await story.step(t, "an AppClusterBinding of the same name takes them over, and they are in sync again", async () => {
    await mangos.patch("consumer", { spec: { region: "eu-1" } });
    await app.apply(key, spec);
    assert.equal(await app.root(key), root);
    await app.condition(key, "APIsBound", { reason: "Pending" });
    konnector = await app.startKonnector(root);
    await mangos.until("provider", "follows", ({ spec }) => (spec as { region: string }).region === "eu-1");
    assert.equal((await mangos.list("provider")).length, 1);
    await app.condition(key, "Ready", { status: "True" });
  });

  await story.step(
    t,
    "an app cluster that is gone for good is waited for, until somebody says that it is",
    async () => {
      await story.consumer.plane.stopApiServer();
      await app.apply(key, { ...spec, deletionPolicy: "Delete" });
      await app.delete(key);
      await app.condition(key, "Released", { reason: "BindingsRemain" });
      await app.annotate(key, { [ON_UNBIND_ANNOTATION]: "force" });
      await app.untilGone(key);
      assert.deepEqual(await mangos.list("provider"), []);
    },
  );
});

async function readyz(konnector: Program): Promise<{ status: number; checks: Record<string, string> }> {
  const { healthPort } = await konnector.logged("konnector started");
  const response = await fetch(`http://127.0.0.1:${healthPort}/readyz`, { signal: within(5_000) });
  return { status: response.status, checks: await response.json() };
}
