import assert from "node:assert/strict";
import { APIServiceBinding } from "../../crds/api_service_binding.ts";
import type { APIServiceExport } from "../../crds/api_service_export.ts";
import { toCrd } from "../../crds/crd.ts";
import {
  API_SERVICE_BINDINGS,
  API_SERVICE_EXPORTS,
  BINDING_FINALIZER,
  BOUND_ANNOTATION,
  KLUTCH_NAMESPACE,
  ON_UNBIND_ANNOTATION,
  ORPHANS_ANNOTATION,
  SYNC_FINALIZER,
} from "../../crds/names.ts";
import type { Condition } from "../../crds/shared.ts";
import { findCondition } from "../../kube/conditions.ts";
import {
  CONFIG_MAPS,
  CUSTOM_RESOURCE_DEFINITIONS,
  type CustomResourceDefinition,
  SECRETS,
} from "../../kube/resources.ts";
import { type DynamicObject, hasFinalizer, isDeleting } from "../../kube/types.ts";
import { eventually, within } from "../clusters.ts";
import { installCrd, mangoDbCrd } from "../mangodb.ts";
import { GARBAGE_COLLECTION, Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";

const GROUP = "mangodb.com";
const API = `mangodbs.${GROUP}`;
/** Of the provider's operator, who takes time to deprovision. */
const FINALIZER = "example.com/deprovision";

const db = { namespace: "default", name: "db" };
const going = { namespace: "default", name: "going" };

/** A story about one API that is bound and unbound. */
class Unbinding extends Mangos {
  readonly #story: Story;

  constructor(story: Story) {
    super(story, GROUP);
    this.#story = story;
  }

  /** Deletes the binding, and says how. */
  async unbind(mode?: string, ...args: string[]): Promise<void> {
    if (mode) await this.setMode(mode);
    await this.#story.consumer.kubectl(["delete", "sb", API, "-n", KLUTCH_NAMESPACE, "--wait=false", ...args]);
  }

  async setMode(mode: string): Promise<void> {
    const annotation = `${ON_UNBIND_ANNOTATION}=${mode}`;
    await this.#story.consumer.kubectl(["annotate", "sb", API, "-n", KLUTCH_NAMESPACE, "--overwrite", annotation]);
  }

  async untilUnbound(): Promise<void> {
    await eventually("the binding is gone", async () => {
      const text = await this.#story.consumer.kubectl(["get", "sb", API, "-n", KLUTCH_NAMESPACE, "--ignore-not-found"]);
      return text === "";
    });
  }

  /** Both sides have it, and the consumer's is held. */
  async untilHeld(key = db): Promise<void> {
    await this.until("provider", "is there", undefined, { key });
    await this.until("consumer", "is held", isHeld, { key });
  }

  /** The provider's operator keeps its object until it is told not to. */
  async keep(key: typeof db, isKept = true): Promise<void> {
    await this.patch("provider", { metadata: { finalizers: isKept ? [FINALIZER] : null } }, key);
  }

  async crd(): Promise<CustomResourceDefinition | undefined> {
    const crds = this.#story.consumer.client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
    return await crds.find({ name: API }, within(5_000));
  }

  async export(): Promise<APIServiceExport | undefined> {
    const exports = this.#story.provider.client.api<APIServiceExport>(API_SERVICE_EXPORTS);
    return (await exports.list({}, within(5_000))).items.find(({ metadata }) => metadata.name === API);
  }

  /** A change in the app cluster arrives at the provider. */
  async follows(region: string, key = db): Promise<void> {
    await this.patch("consumer", { spec: { region } }, key);
    await this.until("provider", `is in ${region}`, (object) => regionOf(object) === region, { key });
  }
}

Deno.test("a binding that is deleted takes with it what it says, and bound again, the API goes on", async (t) => {
  await using story = await Story.open();
  const mangos = new Unbinding(story);
  await story.given(t, mangoDbCrd(GROUP));

  await story.step(t, "unbound, the objects stay on both clusters, and nothing holds them", async () => {
    await mangos.create(db);
    await mangos.create(going);
    await mangos.untilHeld(db);
    await mangos.untilHeld(going);
    assert.ok(hasFinalizer(await story.binding(API), BINDING_FINALIZER));
    await mangos.unbind();
    await mangos.untilUnbound();
    for (const key of [db, going]) {
      assert.equal((await mangos.find("consumer", key))!.metadata.finalizers, undefined);
      assert.equal(isDeleting((await mangos.find("provider", key))!), false);
    }
    const { annotations, ownerReferences } = (await mangos.crd())!.metadata;
    assert.deepEqual([annotations?.[BOUND_ANNOTATION], ownerReferences], ["true", undefined]);
  });

  await story.step(t, "the provider can read that nobody is bound to its export", async () => {
    const { conditions } = (await mangos.export())!.status!;
    const reasonOf = (type: string) => findCondition(conditions, type)?.reason;
    assert.equal(reasonOf("Connected"), "APIServiceBindingNotFound");
    assert.equal(reasonOf("ConsumerInSync"), "NA");
    assert.equal(findCondition(conditions, "Ready")?.status, "False");
  });

  await story.step(t, "an object that its user deletes meanwhile is gone at once", async () => {
    await mangos.delete("consumer", going);
    assert.equal(await mangos.find("consumer", going), undefined);
    await mangos.patch("consumer", { spec: { region: "unsynced" } }, db);
  });

  await story.step(
    t,
    "bound again, CRD and objects are taken over, and what was deleted unseen is asked about",
    async () => {
      await story.bindOrFail(API);
      await mangos.untilHeld(db);
      await mangos.until("provider", "has the edit", (object) => regionOf(object) === "unsynced", { key: db });
      assert.equal((await mangos.crd())!.metadata.ownerReferences?.length, 1);
      const { message } = await story.condition(API, "DeletionsSeen", { status: "False", reason: "OrphansFound" });
      assert.match(message!, /default\/going/);
      await story.consumer.kubectl(["annotate", "-n", KLUTCH_NAMESPACE, "sb", API, `${ORPHANS_ANNOTATION}=delete`]);
      await mangos.untilGone("provider", going);
      await story.condition(API, "Ready", { status: "True" });
      await eventually("the provider can read it, too", async () => {
        const { conditions } = (await mangos.export())!.status!;
        return findCondition(conditions, "Ready")?.status === "True";
      });
    },
  );

  await story.step(
    t,
    "an annotation that nobody knows is told, and the API stays bound until it is corrected",
    async () => {
      await mangos.unbind("keep");
      const { message } = await story.condition(API, "Unbound", { status: "False", reason: "UnknownMode" });
      assert.match(message!, /"keep".*orphan, drain or force/);
      await mangos.follows("still-synced");
    },
  );

  await story.step(t, "objects that are being deleted are served to their end, living ones are let go", async () => {
    await mangos.create(going);
    await mangos.untilHeld(going);
    await mangos.keep(going);
    await mangos.delete("consumer", going);
    await mangos.until("provider", "is being deleted", isDeleting, { key: going });
    await mangos.setMode("orphan");
    const { message } = await story.condition(API, "Unbound", { status: "False", reason: "DeletionsPending" });
    assert.match(message!, /^1 object .*default\/going/);
    await mangos.until("consumer", "is let go", (object) => !isHeld(object), { key: db });
    await mangos.report({ phase: "Pending" }, going);
    await mangos.until("consumer", "shows the progress", (object) => phaseOf(object) === "Pending", { key: going });
    assert.ok(isHeld((await mangos.find("consumer", going))!));
    await mangos.report({ phase: "Running" }, db);
    await mangos.keep(going, false);
    await mangos.untilGone("consumer", going);
    await mangos.untilUnbound();
    assert.equal(phaseOf((await mangos.find("consumer", db))!), undefined);
  });

  await story.step(t, "with force, nothing on the provider is waited for", async () => {
    await story.bindOrFail(API);
    await mangos.create(going);
    await mangos.untilHeld(going);
    await mangos.keep(going);
    await mangos.delete("consumer", going);
    await mangos.until("provider", "is being deleted", isDeleting, { key: going });
    await mangos.unbind();
    await story.condition(API, "Unbound", { status: "False", reason: "DeletionsPending" });
    await mangos.setMode("force");
    await mangos.untilUnbound();
    await mangos.untilGone("consumer", going);
    assert.ok(await mangos.find("provider", going));
    assert.ok(await mangos.find("consumer", db));
    await mangos.keep(going, false);
  });

  await story.step(t, "drained, the provider's objects go first, then the consumer's, then the CRD", async () => {
    await story.bindOrFail(API);
    await mangos.untilHeld(db);
    await mangos.keep(db);
    await mangos.unbind("drain");
    const { message } = await story.condition(API, "Unbound", { status: "False", reason: "ObjectsRemain" });
    assert.match(message!, /^1 object is still there: default\/db/);
    await mangos.until("provider", "is being deleted", isDeleting, { key: db });
    assert.ok(isHeld((await mangos.find("consumer", db))!));
    await mangos.keep(db, false);
    await mangos.untilUnbound();
    assert.deepEqual(await mangos.list("provider"), []);
    await eventually("the CRD is gone", async () => !await mangos.crd());
  });

  await story.step(t, "bound again after all that, it is as the first time", async () => {
    await story.bindOrFail(API);
    await eventually("objects can be made", () => mangos.create(db));
    await mangos.untilHeld(db);
  });

  await story.step(t, "a kubeconfig that is gone keeps nobody from leaving", async () => {
    const { namespace, name } = (await story.binding(API)).spec.kubeconfigSecretRef;
    await story.consumer.client.api(SECRETS).delete({ namespace, name }, {}, within(5_000));
    await story.condition(API, "SecretValid", { status: "False", reason: "KubeconfigSecretNotFound" });
    await mangos.unbind();
    await mangos.untilUnbound();
    assert.equal(isHeld((await mangos.find("consumer", db))!), false);
  });

  await story.step(t, "nor does a provider that is away, unless it has something to delete", async () => {
    await story.bindOrFail(API);
    await mangos.create(going);
    await mangos.untilHeld(db);
    await mangos.untilHeld(going);
    await story.provider.plane.stopApiServer();
    await mangos.delete("consumer", going);
    await story.condition(API, "Connected", { status: "False", reason: "ProviderUnreachable" });
    await mangos.unbind();
    const { message } = await story.condition(API, "Unbound", { status: "False", reason: "ProviderUnreachable" });
    assert.match(message!, /default\/going.*on-unbind=force/);
    await mangos.until("consumer", "is let go", (object) => !isHeld(object), { key: db });
    await mangos.setMode("force");
    await mangos.untilUnbound();
    await mangos.untilGone("consumer", going);
    assert.ok(await mangos.find("consumer", db));
  });
});

Deno.test("where bindings are cluster-scoped, the garbage collector leaves their APIs alone", async (t) => {
  await using story = await Story.open();
  const mangos = new Unbinding(story);
  const published = toCrd(APIServiceBinding);
  const old: CustomResourceDefinition = { ...published, spec: { ...published.spec, scope: "Cluster" } };
  await installCrd(story.consumer.client, old); // goes with the cluster
  await story.given(t, mangoDbCrd(GROUP));
  const bindings = story.consumer.client.api({ ...API_SERVICE_BINDINGS, namespaced: false });
  const reference = async () => {
    const { apiVersion, kind, metadata: { name, uid } } = await bindings.get({ name: API }, within(5_000));
    return { apiVersion, kind, name, uid: uid!, controller: true };
  };

  await story.step(t, "the ownerReference that an original konnector has written is taken off", async () => {
    await eventually("objects can be made", () => mangos.create(db));
    await mangos.untilHeld(db);
    assert.equal((await mangos.crd())!.metadata.ownerReferences, undefined);
    const crd = (await mangos.crd())!;
    crd.metadata.ownerReferences = [await reference()];
    await story.consumer.client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS).replace(crd, within(5_000));
    await eventually("the reference is gone", async () => !(await mangos.crd())!.metadata.ownerReferences);
  });

  for (const cascade of ["background", "foreground"]) {
    await story.step(t, `deleted with --cascade=${cascade}, the binding leaves CRD and objects behind`, async () => {
      const { metadata: { uid } } = (await mangos.crd())!;
      const configMaps = story.consumer.client.api(CONFIG_MAPS);
      const owned = { namespace: "default", name: cascade };
      const ownerReferences = [await reference()];
      await configMaps.create(
        { apiVersion: "v1", kind: "ConfigMap", metadata: { ...owned, ownerReferences } },
        within(5_000),
      );
      await mangos.unbind("orphan", `--cascade=${cascade}`);
      await eventually(
        "the garbage collector has been by",
        async () => !await configMaps.find(owned, within(5_000)),
        GARBAGE_COLLECTION,
      );
      await mangos.untilUnbound();
      const crd = (await mangos.crd())!;
      assert.deepEqual([crd.metadata.uid, isDeleting(crd)], [uid, false]);
      assert.equal(isHeld((await mangos.find("consumer", db))!), false);
    });

    await story.step(t, "bound again, all goes on", async () => {
      await story.bindOrFail(API);
      await mangos.untilHeld(db);
      await mangos.follows(`after-${cascade}`);
    });
  }
});

Deno.test("two providers serve one app cluster, and an API has one of them at a time", async (t) => {
  await using story = await Story.open();
  const mangos = new Mangos(story, GROUP);
  const other = mangoDbCrd("other.com");
  other.spec.names = { kind: "Orange", plural: "oranges" };
  const OTHER = other.metadata.name = "oranges.other.com";
  await story.given(t, mangoDbCrd(GROUP));
  const bindings = story.consumer.client.api<APIServiceBinding>(API_SERVICE_BINDINGS);
  const second = { namespace: "team", name: API };
  const conditionOfSecond = (type: string, status: Condition["status"], reason?: string) =>
    eventually(`${type} of the second binding is ${status} ${reason ?? ""}`, async () => {
      const condition = findCondition((await bindings.get(second, within(5_000))).status?.conditions, type);
      return condition?.status === status && condition.reason === reason && condition;
    });
  const namespacesOnProvider = async () =>
    new Set((await mangos.list("provider")).map(({ metadata }) => metadata.namespace!));

  await story.step(t, "given another contract that has the same API, and one of its own", async () => {
    await story.offer(other);
    const { code, stderr } = await story.bind(OTHER, { user: "bob" });
    assert.equal(code, 0, stderr);
    await story.condition(OTHER, "Ready", { status: "True" });
    await story.consumer.kubectl(["create", "namespace", second.namespace]);
    const { items: exports } = await story.provider.client.api(API_SERVICE_EXPORTS).list({}, within(5_000));
    const contract = exports.find(({ metadata }) => metadata.name === OTHER)!.metadata.namespace!;
    await story.provider.kubectl(
      ["create", "-f", "-"],
      JSON.stringify({
        apiVersion: "klutch.anynines.com/v1alpha1",
        kind: "APIServiceExportRequest",
        metadata: { namespace: contract, name: "mangodbs" },
        spec: { resources: [{ group: GROUP, resource: "mangodbs" }] },
      }),
    );
    await mangos.create(db);
    await mangos.until("provider", "is there", undefined, { key: db });
  });

  let firstHome: Set<string>;

  await story.step(t, "the second binding of an API is refused and names the first, which works on", async () => {
    const { apiVersion, kind, spec } = await story.binding(OTHER);
    await bindings.create({ apiVersion, kind, metadata: second, spec }, within(5_000));
    const { message } = await conditionOfSecond("Ready", "False", "AlreadyBound");
    assert.match(message!, new RegExp(`"${KLUTCH_NAMESPACE}/${API}"`));
    await mangos.patch("consumer", { spec: { region: "first" } }, db);
    await mangos.until("provider", "follows", (object) => regionOf(object) === "first", { key: db });
    await story.condition(API, "Ready", { status: "True" });
    firstHome = await namespacesOnProvider();
    assert.equal(firstHome.size, 1);
  });

  await story.step(t, "refused, it can be deleted, and the first does not notice", async () => {
    const { apiVersion, kind, spec } = await bindings.get(second, within(5_000));
    await bindings.delete(second, {}, within(5_000));
    assert.equal(await bindings.find(second, within(5_000)), undefined);
    assert.ok(isHeld((await mangos.find("consumer", db))!));
    await bindings.create({ apiVersion, kind, metadata: second, spec }, within(5_000));
    await conditionOfSecond("Ready", "False", "AlreadyBound");
  });

  await story.step(t, "when the first goes, the second takes over, with the objects that are there", async () => {
    await story.consumer.kubectl(["delete", "sb", API, "-n", KLUTCH_NAMESPACE, "--timeout=60s"]);
    await conditionOfSecond("Ready", "True");
    await eventually(
      "the object is with the second provider, too",
      async () => (await namespacesOnProvider()).size === 2,
    );
    const { spec } = await mangos.until("consumer", "is held again", isHeld, { key: db });
    assert.equal((spec as { region: string }).region, "first");
    const copies = await mangos.list("provider");
    const old = copies.find(({ metadata }) => firstHome.has(metadata.namespace!))!;
    assert.equal(isDeleting(old), false);
  });

  await story.step(t, "the first provider hears no more from this cluster, the second one does", async () => {
    await eventually("all exports tell it", async () => {
      const { items } = await story.provider.client.api(API_SERVICE_EXPORTS).list({}, within(5_000));
      const connected = items.map(({ metadata, status }) => {
        const { conditions } = status as { conditions: Condition[] };
        return [metadata.name, findCondition(conditions, "Connected")?.status];
      });
      assert.deepEqual(connected.sort(), [[API, "False"], [API, "True"], [OTHER, "True"]]);
      return true;
    });
  });
});

Deno.test("APIs of Kubernetes and of Klutch itself are not bound", async (t) => {
  await using story = await Story.open();
  await story.given(t, mangoDbCrd(GROUP));
  const { apiVersion, kind, spec } = await story.binding(API);
  const bindings = story.consumer.client.api<APIServiceBinding>(API_SERVICE_BINDINGS);
  for (
    const name of ["roles.rbac.authorization.k8s.io", "deployments.apps", "apiservicebindings.klutch.anynines.com"]
  ) {
    await story.step(t, name, async () => {
      await bindings.create({ apiVersion, kind, metadata: { namespace: KLUTCH_NAMESPACE, name }, spec }, within(5_000));
      await story.condition(name, "Ready", { status: "False", reason: "APINotAllowed" });
      await story.consumer.kubectl(["delete", "sb", name, "-n", KLUTCH_NAMESPACE, "--timeout=60s"]);
    });
  }
});

const isHeld = (object: DynamicObject): boolean => hasFinalizer(object, SYNC_FINALIZER);

const regionOf = ({ spec }: DynamicObject) => (spec as { region: string }).region;

const phaseOf = ({ status }: DynamicObject) => (status as { phase?: string } | undefined)?.phase;
