import assert from "node:assert/strict";
import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import { API_SERVICE_BINDINGS, API_SERVICE_EXPORTS, BINDER, CONTROL_PLANE_CONNECTOR } from "../../crds/names.ts";
import type { PermissionClaim } from "../../crds/shared.ts";
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  DEPLOYMENTS,
  NAMESPACES,
  type Role,
  ROLES,
  type Secret,
  SECRETS,
} from "../../kube/resources.ts";
import { eventually, within } from "../clusters.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { newWrites, untilQuiet } from "./api_writes.ts";
import { AppClusters, type Credential } from "./app_clusters.ts";
import { Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";
import type { Program } from "./program.ts";

const GROUP = "mangodb.com";
const API = { group: GROUP, resource: "mangodbs" };
const NAME = `mangodbs.${GROUP}`;
const CREDENTIALS: PermissionClaim = { group: "", resource: "secrets", version: "v1", selector: { owner: "Provider" } };

const SECRET = { namespace: "default", name: "app-cluster-kubeconfig" };
const ORDERS = { namespace: "default", name: "control-plane-test" };
const ROOT = "klutch-bind-default-control-plane-test";
const refTo = ({ namespace, name }: typeof SECRET) => ({ namespace, name, key: "kubeconfig" as const });

Deno.test("an app cluster is connected from the control plane, kept in order, and let go", async (t) => {
  await using story = await Story.open();
  await using app = await AppClusters.open(story);
  const mangos = new Mangos(story, GROUP);
  const plane = story.provider.client;
  const bindings = plane.api<APIServiceBinding>(API_SERVICE_BINDINGS);
  const spec = {
    kubeconfigSecretRef: refTo(SECRET),
    apiExports: [{ ...API, permissionClaims: "Accepted" as const }],
    konnector: { deploy: true, overrides: { resources: { limits: { cpu: "0.5" } } } },
  };
  let backend: Program;
  let konnector: Program;
  let credential: Credential;

  await story.step(
    t,
    "given a backend in control-plane mode, an API on offer and the app cluster's kubeconfig",
    async () => {
      backend = await app.startBackend();
      await story.offer(mangoDbCrd(GROUP), [CREDENTIALS]);
      credential = await app.credential();
      await app.writeSecret(SECRET, credential.kubeconfig);
    },
  );

  await story.step(
    t,
    "an AppClusterBinding gets its namespace (M1), its Secret's word (M2) and its binding (M3)",
    async () => {
      await app.apply(ORDERS, spec);
      assert.equal(await app.root(ORDERS), ROOT);
      await app.condition(ORDERS, "SecretValid", { status: "True" });
      const binding = await eventually(
        "it is bound",
        () => bindings.find({ namespace: ROOT, name: NAME }, within(5_000)),
      );
      assert.deepEqual(binding.spec.permissionClaims?.map(({ resource, state }) => `${resource} ${state}`), [
        "secrets Accepted",
      ]);
      await app.condition(ORDERS, "KonnectorDeployed", { reason: "KonnectorNotReady" });
      await app.condition(ORDERS, "Ready", { status: "False" });
    },
  );

  await story.step(
    t,
    "the konnector runs as the Deployment says, and the CRD appears in the app cluster (M4)",
    async () => {
      konnector = await app.startKonnector(ROOT);
      await eventually(
        "the CRD is installed",
        () => story.consumer.client.api(CUSTOM_RESOURCE_DEFINITIONS).find({ name: NAME }, within(5_000)),
      );
      await app.condition(ORDERS, "KonnectorDeployed", { status: "True" });
      await app.condition(ORDERS, "Ready", { status: "True" });
    },
  );

  await story.step(
    t,
    "an instance made there appears once on the provider (M5), and its status comes back",
    async () => {
      await mangos.create();
      await mangos.until("provider", "appears");
      assert.equal((await mangos.list("provider")).length, 1);
      await mangos.report({ phase: "Running" });
      await mangos.until("consumer", "runs", ({ status }) => (status as { phase?: string })?.phase === "Running");
    },
  );

  await story.step(t, "credentials reach the app cluster, as the claim was accepted for it", async () => {
    const namespace = await mangos.mappedNamespace("default");
    await plane.api<Secret>(SECRETS).create({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { namespace, name: "orders" },
      data: { password: btoa("s3cret") },
    }, within(5_000));
    const copy = await eventually(
      "the Secret arrives",
      () => story.consumer.client.api<Secret>(SECRETS).find({ namespace: "default", name: "orders" }, within(5_000)),
    );
    assert.equal(atob(copy.data!.password!), "s3cret");
  });

  await story.step(
    t,
    "nothing is written where all is right, also not by a backend that has just started",
    async () => {
      const before = await untilQuiet(story.provider);
      await backend.signal("SIGTERM");
      assert.equal(await backend.ended(), 0);
      backend = await app.startBackend();
      assert.deepEqual(newWrites(before, await untilQuiet(story.provider)), []);
    },
  );

  await story.step(
    t,
    "what somebody changes is put right: rights, kubeconfig, Deployment, answers to claims",
    async () => {
      const mirror = { namespace: ROOT, name: SECRET.name };
      const { metadata: { name } } = await app.deployment(ROOT);
      const deployment = { namespace: ROOT, name };
      await plane.api(ROLES).delete({ namespace: ROOT, name: CONTROL_PLANE_CONNECTOR }, {}, within(5_000));
      await plane.api(SECRETS).mergePatch(mirror, { data: { kubeconfig: btoa("mine") } }, {}, within(5_000));
      await plane.api(DEPLOYMENTS).mergePatch(
        deployment,
        {
          spec: { template: { spec: { serviceAccountName: "default" } } },
        },
        {},
        within(5_000),
      );
      await bindings.mergePatch({ namespace: ROOT, name: NAME }, { spec: { permissionClaims: [] } }, {}, within(5_000));
      await eventually(
        "the Role is back",
        () => plane.api<Role>(ROLES).find({ namespace: ROOT, name: CONTROL_PLANE_CONNECTOR }, within(5_000)),
      );
      await eventually("the kubeconfig is back", async () => {
        const { data } = await plane.api<Secret>(SECRETS).get(mirror, within(5_000));
        return atob(data!.kubeconfig!) === credential.kubeconfig;
      });
      await eventually(
        "the account is back",
        async () => (await app.deployment(ROOT)).spec.template.spec.serviceAccountName === BINDER,
      );
      await eventually(
        "the answer is back",
        async () =>
          (await bindings.get({ namespace: ROOT, name: NAME }, within(5_000))).spec.permissionClaims?.length === 1,
      );
      await app.reportPods(ROOT, 1);
      await app.condition(ORDERS, "Ready", { status: "True" });
    },
  );

  await story.step(t, "the app cluster's kubeconfig is renewed, before and after the one before it ends", async () => {
    const next = await app.credential();
    await app.writeSecret(SECRET, next.kubeconfig);
    await konnector.logged("credentials of the app cluster renewed");
    await credential.revoke();
    await mangos.patch("consumer", { spec: { region: "eu-1" } });
    await mangos.until("provider", "follows", ({ spec }) => (spec as { region: string }).region === "eu-1");

    credential = await app.credential();
    await next.revoke();
    await mangos.create({ namespace: "default", name: "meanwhile" });
    const begun = async () => (await konnector.log()).filter(({ msg }) => msg === "working for the app cluster").length;
    const before = await begun();
    await app.writeSecret(SECRET, credential.kubeconfig);
    await mangos.until("provider", "appears", undefined, { key: { namespace: "default", name: "meanwhile" } });
    await eventually("it works for the app cluster anew", async () => await begun() > before);
    assert.ok(konnector.isRunning);
  });

  await story.step(
    t,
    "an API that leaves the list is let go: first by the konnector, then on the provider",
    async () => {
      await story.offer(mangoDbCrd("fruit.test"));
      await app.apply(ORDERS, {
        ...spec,
        apiExports: [...spec.apiExports, { group: "fruit.test", resource: "mangodbs" }],
      });
      const fruit = { namespace: ROOT, name: "mangodbs.fruit.test" };
      await eventually(
        "both are bound",
        () => story.consumer.client.api(CUSTOM_RESOURCE_DEFINITIONS).find({ name: fruit.name }, within(5_000)),
      );
      await app.condition(ORDERS, "APIsBound", { status: "True" });
      await app.apply(ORDERS, spec);
      await eventually("its binding and its export are gone", async () =>
        !await bindings.find(fruit, within(5_000)) &&
        !await plane.api(API_SERVICE_EXPORTS).find(fruit, within(5_000)));
      assert.ok(await bindings.find({ namespace: ROOT, name: NAME }, within(5_000)));
    },
  );

  await story.step(t, "deleted, it goes in order, with its services", async () => {
    const mapped = await mangos.mappedNamespace("default");
    await app.delete(ORDERS);
    await app.untilGone(ORDERS);
    const log = await backend.log();
    const deleted = log.filter(({ msg }) => msg === "taken back with its AppClusterBinding").map(({ kind }) => kind);
    const inOrder = [...new Set(deleted)]; // a backend that hears late of a deletion asks for it again
    assert.deepEqual(inOrder, ["APIServiceBinding", "Deployment", "APIServiceNamespace", "Namespace"]);
    for (const name of [ROOT, mapped]) {
      assert.equal(await plane.api(NAMESPACES).find({ name }, within(5_000)), undefined);
    }
  });
});
