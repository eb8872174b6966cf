import assert from "node:assert/strict";
import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import {
  API_SERVICE_BINDINGS,
  API_SERVICE_NAMESPACES,
  KLUTCH_NAMESPACE,
  ORPHANS_ANNOTATION,
  SYNC_FINALIZER,
} from "../../crds/names.ts";
import type { PermissionClaim } from "../../crds/shared.ts";
import { findCondition } from "../../kube/conditions.ts";
import { CONFIG_MAPS, type ConfigMap, NAMESPACES, type Secret, SECRETS } from "../../kube/resources.ts";
import { hasFinalizer, isDeleting } from "../../kube/types.ts";
import { eventually, within } from "../clusters.ts";
import { mangoDb, mangoDbCrd, mangoDbResource } from "../mangodb.ts";
import { Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";

const GROUP = "mangodb.com";
const API = `mangodbs.${GROUP}`;
const SETTINGS: PermissionClaim = {
  group: "",
  resource: "configmaps",
  version: "v1",
  selector: { owner: "Consumer", labelSelectors: [{ mango: "settings" }] },
};
/** Kept namespaces are looked at every half minute, and Kubernetes takes its time. */
const GIVEN_BACK_MS = 80_000;

const soon = () => within(5_000);
const inNamespace = (namespace: string) => ({ namespace, name: "test" });
const settings = (namespace: string): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { ...inNamespace(namespace), labels: { mango: "settings" } },
  data: { tls: "on" },
});

Deno.test("an app cluster that was restored without its objects takes none of the provider's along", async (t) => {
  await using story = await Story.open();
  const mangos = new Mangos(story, GROUP);
  const copies = story.provider.client.api<ConfigMap>(CONFIG_MAPS);
  const requests = story.provider.client.api(API_SERVICE_NAMESPACES);
  const mapped: Record<string, string> = {};
  const requestFor = async (namespace: string) =>
    (await requests.list({}, soon())).items.find(({ metadata }) => metadata.name === namespace);
  const findCopy = (namespace: string) => copies.find(inNamespace(mapped[namespace]!), soon());
  const findInstance = (namespace: string) => mangos.provider.find(inNamespace(mapped[namespace]!), soon());

  await story.step(
    t,
    "given objects in two namespaces, settings that go with them, and a namespace without",
    async () => {
      await story.startBackend();
      const konnector = await story.startKonnector();
      await story.backendReady();
      await story.offer(mangoDbCrd(GROUP), [SETTINGS]);
      await story.bindOrFail(API, { stdin: "y\n" });
      for (const namespace of ["shop", "empty"]) await story.consumer.kubectl(["create", "namespace", namespace]);
      for (const namespace of ["default", "shop", "empty"]) {
        await mangos.create(inNamespace(namespace));
        mapped[namespace] = (await mangos.until("provider", "appears", undefined, { key: inNamespace(namespace) }))
          .metadata.namespace!;
      }
      for (const namespace of ["default", "shop"]) {
        await story.consumer.client.api<ConfigMap>(CONFIG_MAPS).create(settings(namespace), soon());
        await eventually("the settings arrive", () => findCopy(namespace));
      }
      await mangos.delete("consumer", inNamespace("empty"));
      await mangos.untilGone("consumer", inNamespace("empty"));
      await konnector.kill();
    },
  );

  const restored = await story.startAppCluster("restored");
  const bindings = restored.client.api<APIServiceBinding>(API_SERVICE_BINDINGS);
  const binding = { namespace: KLUTCH_NAMESPACE, name: API };
  const untilOrphans = (is: (message: string) => boolean) =>
    eventually("the binding says what is missing", async () => {
      const { status } = await bindings.get(binding, soon());
      const condition = findCondition(status?.conditions, "DeletionsSeen");
      const message = condition?.reason === "OrphansFound" ? condition.message! : "";
      return condition !== undefined && is(message);
    });

  await story.step(t, "restored, the cluster has its binding, and nothing else: it says what is missing", async () => {
    await restored.client.api(NAMESPACES)
      .create({ apiVersion: "v1", kind: "Namespace", metadata: { name: KLUTCH_NAMESPACE } }, soon());
    const { spec } = await story.binding(API);
    const { namespace, name } = spec.kubeconfigSecretRef;
    const { type, data } = await story.consumer.client.api<Secret>(SECRETS).get({ namespace, name }, soon());
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { namespace, name }, type, data };
    await restored.client.api<Secret>(SECRETS).create(secret, soon());
    await story.startKonnector(`--kubeconfig=${restored.plane.kubeconfigPath}`);
    await eventually("bindings can be written", () =>
      bindings.create({
        apiVersion: "klutch.anynines.com/v1alpha1",
        kind: API_SERVICE_BINDINGS.kind,
        metadata: binding,
        spec,
      }, soon()));
    const wanted = /^4 objects .*: (default|shop)\/test, (default|shop)\/test, configmaps (default|shop)\/test, …/;
    await untilOrphans((message) => wanted.test(message));
  });

  await story.step(t, "a namespace that holds nothing is given back, all else is kept", async () => {
    await eventually("it is given back", async () => !await requestFor("empty"), { timeoutMs: GIVEN_BACK_MS });
    assert.equal(isDeleting((await requestFor("shop"))!), false);
    for (const namespace of ["default", "shop"]) {
      assert.equal(isDeleting((await findInstance(namespace))!), false);
      assert.deepEqual((await findCopy(namespace))?.data, { tls: "on" });
    }
  });

  await story.step(t, "what is brought back goes on where it was", async () => {
    const own = restored.client.api(mangoDbResource(GROUP));
    const { uid } = (await findInstance("default"))!.metadata;
    await own.create(mangoDb(GROUP, inNamespace("default")), soon());
    await restored.client.api<ConfigMap>(CONFIG_MAPS).create(settings("default"), soon());
    await untilOrphans((message) => message.startsWith("2 objects") && !message.includes("default/"));
    await eventually(
      "it is held",
      async () => hasFinalizer(await own.get(inNamespace("default"), soon()), SYNC_FINALIZER),
    );
    assert.equal((await findInstance("default"))!.metadata.uid, uid);
  });

  await story.step(t, "asked to, the konnector lets the rest go, and the namespace after it", async () => {
    await restored.kubectl(["annotate", "-n", KLUTCH_NAMESPACE, "sb", API, `${ORPHANS_ANNOTATION}=delete`]);
    await eventually("the objects are gone", async () => !await findInstance("shop") && !await findCopy("shop"));
    await eventually("so is their namespace", async () => !await requestFor("shop"), { timeoutMs: GIVEN_BACK_MS });
    await untilOrphans((message) => message === "");
    assert.ok(await findInstance("default"));
    assert.ok(await findCopy("default"));
  });
});
