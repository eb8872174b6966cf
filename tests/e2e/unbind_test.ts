import assert from "node:assert/strict";
import { APIServiceBinding } from "../../crds/api_service_binding.ts";
import { toCrd } from "../../crds/crd.ts";
import {
  API_SERVICE_BINDINGS,
  API_SERVICE_EXPORTS,
  API_VERSION,
  KLUTCH_NAMESPACE,
  KONNECTOR_ROLE,
} from "../../crds/names.ts";
import { CLUSTER_ROLES, CONFIG_MAPS, CUSTOM_RESOURCE_DEFINITIONS, type Role } from "../../kube/resources.ts";
import { isDeleting } from "../../kube/types.ts";
import { eventually, klutchBinary, within } from "../clusters.ts";
import { installCrd, mangoDb, mangoDbCrd, mangoDbResource } from "../mangodb.ts";
import { assertGolden } from "./golden.ts";
import { GARBAGE_COLLECTION, Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";
import { CTRL_C, TerminalSession } from "./terminal_session.ts";

const GROUP = "mangodb.com";
const API = `mangodbs.${GROUP}`;
const QUESTION = /Type mangodbs\.mangodb\.com to go on: $/;
const ORDERS = { namespace: "default", name: "orders" };
const INVOICES = { namespace: "default", name: "invoices" };

Deno.test("klutch unbind leaves exactly what its plan said, in every mode", async (t) => {
  await using story = await Story.open();
  const mangos = new Mangos(story, GROUP);
  const { client } = story.consumer;
  const consumerFlag = `--kubeconfig=${story.consumer.plane.kubeconfigPath}`;
  const unbind = (...args: string[]) => story.runToEnd(["unbind", consumerFlag, ...args]);
  const unbindOnTerminal = (...args: string[]) =>
    new TerminalSession([
      ...[klutchBinary(), "unbind", API, consumerFlag],
      ...args,
    ]);
  const planOf = async (mode: string) => {
    const { stdout, stderr } = await unbind(API, "--plan", "-o=json", `--mode=${mode}`);
    assert.equal(stderr, "");
    return JSON.parse(stdout);
  };
  const crd = () => client.api(CUSTOM_RESOURCE_DEFINITIONS).find({ name: API }, within(5_000));
  const bindings = async () => (await client.api(API_SERVICE_BINDINGS).list({}, within(5_000))).items.length;
  const namesOf = async (side: "consumer" | "provider") =>
    (await mangos.list(side)).map(({ metadata: { namespace, name } }) => `${namespace}/${name}`).toSorted();
  const mayStillSync = async () => {
    const { rules } = await client.api<Role>(CLUSTER_ROLES).get({ name: KONNECTOR_ROLE }, within(5_000));
    return rules!.some(({ apiGroups }) => apiGroups?.includes(GROUP));
  };
  const two = async () => {
    for (const key of [ORDERS, INVOICES]) {
      if (!await mangos.find("consumer", key)) await mangos.create(key);
      await mangos.until("provider", "appears", undefined, { key });
      await mangos.until("consumer", "is held", ({ metadata }) => metadata.finalizers?.length === 1, { key });
    }
  };
  const { konnector } = await story.given(t, mangoDbCrd(GROUP));

  await story.step(t, "given roles with the rights for what is bound, as `konnector install` makes them", async () => {
    const args = ["konnector", "install", "--image=klutch:test", "--wait-timeout=0", consumerFlag];
    const { code, stderr } = await story.runToEnd(args);
    assert.equal(code, 0, stderr);
  });

  await story.step(t, "a plan changes nothing, and wrong names and unattended questions are refused", async () => {
    await two();
    const { objects, copies, held, left, rights } = await planOf("drain");
    assert.deepEqual(objects.toSorted(), ["default/invoices", "default/orders"]);
    assert.equal(copies.length, 2);
    assert.deepEqual([held, left], [2, { objects: 0, copies: 0, crd: false, held: 0, rights: 0 }]);
    assert.ok(rights.includes(`get,list,watch,create,patch,delete ${API}`), rights.join("\n"));
    assert.equal(await bindings(), 1);
    assert.deepEqual([(await mangos.list("consumer")).length, (await mangos.list("provider")).length], [2, 2]);

    await assertGolden("unbind_plan", (await unbind(API, "--plan")).stdout);
    await assertGolden("unbind_plan_orphan", (await unbind(API, "--plan", "--mode=orphan")).stdout);
    const unattended = await unbind(API);
    assert.equal(unattended.code, 2);
    assert.match(unattended.stderr, /nobody is there to ask: .* --yes/);
    const stranger = await unbind("cats.example.com", "--yes");
    assert.equal(stranger.code, 1);
    assert.match(stranger.stderr, /there is no such APIServiceBinding; there is mangodbs\.mangodb\.com/);
  });

  await story.step(t, "on a terminal it asks, and changes nothing without the answer", async () => {
    const silence = /go on: (?![^]*Error)/; // whoever interrupts knows
    for (
      const [typed, code, says] of [["no\r", 1, /Error: Nothing has been changed/], [CTRL_C, 130, silence]] as const
    ) {
      await using terminal = unbindOnTerminal();
      await terminal.says(QUESTION);
      await terminal.type(typed);
      assert.equal(await terminal.ended(), code);
      assert.match(terminal.screen, says);
    }
    assert.equal(await bindings(), 1);
    assert.equal((await namesOf("provider")).length, 2);
  });

  await story.step(t, "drain deletes the objects, their services, the binding and the CRD", async () => {
    const { code, stdout, stderr } = await unbind(API, "--yes", "-o=json");
    assert.equal(code, 0, stderr);
    const { isAsPlanned, left } = JSON.parse(stdout);
    assert.deepEqual([isAsPlanned, left], [true, { objects: 0, copies: 0, crd: false, held: 0, rights: 0 }]);
    assert.match(stderr, /Deleted 2 objects here and on the provider\n/);
    assert.ok(!await mayStillSync());
    assert.equal(await bindings(), 0);
    assert.deepEqual((await story.provider.client.api(mangos.provider.resource).list({}, within(5_000))).items, []);
    await eventually("the CRD is gone", async () => !await crd());
  });

  await story.step(t, "orphan keeps all of them, held by nobody", async () => {
    await story.bindOrFail(API);
    await two();
    const { left, objects, copies } = await planOf("orphan");
    assert.deepEqual(left, { objects: 2, copies: 2, crd: true, held: 0, rights: 0 });
    assert.ok(await mayStillSync());
    const { code, stdout, stderr } = await unbind(API, "--yes", "--mode=orphan", "-o=json");
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout).left, left);
    assert.ok(!await mayStillSync());
    assert.deepEqual(await namesOf("consumer"), objects.toSorted());
    assert.deepEqual(await namesOf("provider"), copies.toSorted());
    assert.deepEqual([Boolean(await crd()), await bindings()], [left.crd, 0]);
    for (const { metadata } of await mangos.list("consumer")) assert.deepEqual(metadata.finalizers ?? [], []);
    await mangos.delete("consumer", INVOICES);
    await mangos.untilGone("consumer", INVOICES);
    assert.equal((await mangos.list("provider")).length, 2);
    await mangos.delete("provider", INVOICES); // nobody saw why it is missing here, and would be told when it is bound
  });

  await story.step(t, "what was kept can be bound again", async () => {
    await story.bindOrFail(API);
    await mangos.patch("consumer", { spec: { tier: "Dedicated" } }, ORDERS);
    await mangos.until("provider", "follows", ({ spec }) => (spec as { tier: string }).tier === "Dedicated", {
      key: ORDERS,
    });
  });

  await story.step(t, "where the provider exports the API no more, it says so, and orphan lets go", async () => {
    const exports = story.provider.client.api(API_SERVICE_EXPORTS);
    const [exported] = (await exports.list({}, within(5_000))).items;
    await exports.delete(exported!.metadata, {}, within(5_000));
    const refused = await unbind(API, "--plan");
    assert.equal(refused.code, 3);
    assert.match(refused.stdout, /^Objects on the provider: not known \(APIServiceExportNotFound\)$/m);
    assert.match(refused.stdout, /^FAIL {2}There is no APIServiceExport .* nothing can be deleted .* --mode orphan/m);
    assert.doesNotMatch(refused.stdout, /does not answer/);
    const { left } = await planOf("orphan");
    const { code, stdout, stderr } = await unbind(API, "--yes", "--mode=orphan", "-o=json");
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout).left, left);
    await story.bindOrFail(API);
    await mangos.until("consumer", "is held", ({ metadata }) => metadata.finalizers?.length === 1, { key: ORDERS });
  });

  await story.step(t, "without konnector and provider only force lets go, with a receipt", async () => {
    await konnector.signal("SIGTERM");
    await konnector.ended();
    await story.provider.plane.stopApiServer();
    const refused = await unbind(API, "--yes");
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /Cannot unbind .* --mode force/);
    assert.equal(await bindings(), 1);
    const plan = await planOf("force");
    assert.deepEqual([plan.held, plan.left], [1, { objects: 1, crd: true, held: 0, rights: 0 }]);
    await using terminal = unbindOnTerminal("--mode=force");
    await terminal.says(QUESTION);
    await terminal.type(`${API}\r`);
    assert.equal(await terminal.ended(), 0);
    await assertGolden("unbind_force", terminal.text);
    assert.equal(await bindings(), 0);
    assert.deepEqual(await namesOf("consumer"), plan.objects);
    assert.deepEqual((await mangos.list("consumer")).flatMap(({ metadata }) => metadata.finalizers ?? []), []);
    assert.ok(await crd());
    assert.ok(!await mayStillSync());
    await mangos.delete("consumer", ORDERS);
    await eventually("it is gone at once", async () => !await mangos.consumer.find(ORDERS, within(5_000)));
  });
});

Deno.test("klutch unbind leaves objects to whom they belong where Klutch up to 1.5 made their CRD the binding's", async (t) => {
  await using story = await Story.open();
  const { client, plane } = story.consumer;
  const published = toCrd(APIServiceBinding);
  await installCrd(client, { ...published, spec: { ...published.spec, scope: "Cluster" } }); // goes with the cluster
  const bindings = client.api<APIServiceBinding>({ ...API_SERVICE_BINDINGS, namespaced: false });
  const { apiVersion, kind, metadata: { uid } } = await bindings.create({
    apiVersion: API_VERSION,
    kind: API_SERVICE_BINDINGS.kind,
    metadata: { name: API },
    spec: { kubeconfigSecretRef: { namespace: KLUTCH_NAMESPACE, name: "gone", key: "kubeconfig" } },
  }, within(5_000));
  const ownerReferences = [{ apiVersion, kind, name: API, uid: uid!, controller: true }];
  const crd = mangoDbCrd(GROUP);
  crd.metadata.ownerReferences = ownerReferences;
  await installCrd(client, crd);
  const objects = client.api(mangoDbResource(GROUP));
  await eventually("it can be made", () => objects.create(mangoDb(GROUP, ORDERS), within(5_000)));
  const witness = { namespace: "default", name: "witness", ownerReferences };
  await client.api(CONFIG_MAPS).create({ apiVersion: "v1", kind: "ConfigMap", metadata: witness }, within(5_000));

  await story.step(t, "the garbage collector takes what the binding owns, and not the CRD", async () => {
    const flags = ["--mode=force", "--yes", `--kubeconfig=${plane.kubeconfigPath}`];
    const { code, stderr } = await story.runToEnd(["unbind", API, ...flags]);
    assert.equal(code, 0, stderr);
    const collected = async () => !await client.api(CONFIG_MAPS).find(witness, within(5_000));
    await eventually("it has been by", collected, GARBAGE_COLLECTION);
    assert.equal(isDeleting(await client.api(CUSTOM_RESOURCE_DEFINITIONS).get({ name: API }, within(5_000))), false);
    assert.equal(isDeleting(await objects.get(ORDERS, within(5_000))), false);
  });
});
