import assert from "node:assert/strict";
import { join } from "node:path";
import { env } from "node:process";
import { API_SERVICE_BINDINGS, KLUTCH_NAMESPACE } from "../../crds/names.ts";
import type { PermissionClaim } from "../../crds/shared.ts";
import { systemClock } from "../../kube/clock.ts";
import { type Secret, SECRETS } from "../../kube/resources.ts";
import { type DynamicObject, type Resource, resourceName } from "../../kube/types.ts";
import { makeOwnedDirectory } from "../../playground/owned_directory.ts";
import { eventually, within } from "../clusters.ts";
import { mangoDbCrd, mangoDbResource } from "../mangodb.ts";
import { TcpProxy } from "../tcp_proxy.ts";
import { findDifferences } from "./faults/agreement.ts";
import { ClaimedSecrets } from "./faults/claimed.ts";
import { Editors } from "./faults/editors.ts";
import { GROUP, type Kind } from "./faults/kind.ts";
import { Random } from "./faults/random.ts";
import { Witness } from "./faults/witness.ts";
import { type Cluster, RECOVERY_MS, Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";
import type { Program } from "./program.ts";

// 300 objects of two kinds in three namespaces, and claimed Secrets beside them. Only the konnector reaches the clusters
// through a network with faults.

const KINDS = ["MangoDB", "LimeDB"];
const NAMESPACES = ["default", "kube-public", "orders"];
const OBJECTS = 300;
const CLAIM: PermissionClaim = { group: "", resource: "secrets", version: "v1", selector: { owner: "Provider" } };

/** Set to what a failed run has printed, its edits come again, though not at the same moments. */
const SEED = Number(env.KLUTCH_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** A watch that is silent without being closed is given up after 90 s. */
const STALL_RECOVERY_MS = 150_000;

Deno.test(`300 objects agree on both clusters after every fault, while people go on editing (seed ${SEED})`, async (t) => {
  await using story = await Story.open();
  await using network = await openNetwork(story);
  const random = new Random(SEED);
  let konnector!: Program;
  let kinds: Kind[] = [];
  let editors!: Editors;
  let secrets!: ClaimedSecrets;
  let witness!: Witness;
  const stop = new AbortController();
  let finishing: Promise<void> | undefined;

  /** People edit while `faults` happen; afterwards both clusters have to agree, and nothing unsafe may have been done. */
  const during = (name: string, faults: () => Promise<void>, recoveryMs = RECOVERY_MS) =>
    story.step(t, name, async () => {
      const editing = new AbortController();
      const edited = Promise.all([editors.work(editing.signal), secrets.work(editing.signal)]);
      try {
        await faults();
      } finally {
        editing.abort();
        await edited;
      }
      await untilAgreed(story, kinds, { editors, secrets }, recoveryMs);
      const violations = [...witness.violations(editors.deletedByOperators), ...await secrets.violations()];
      assert.deepEqual(violations, []);
    });

  await story.step(t, "given 300 objects in sync", async () => {
    await story.consumer.kubectl(["create", "namespace", "orders"]);
    await Promise.all([
      story.startBackend(`--external-address=${network.provider.through(story.provider.plane.server)}`),
      (async () => konnector = await network.startKonnector())(),
    ]);
    await story.backendReady();
    await Promise.all(KINDS.map((kind) => story.offer(mangoDbCrd(GROUP, kind), [CLAIM])));
    for (const kind of KINDS) await story.bindOrFail(resourceName(mangoDbResource(GROUP, kind)), { stdin: "y\n" });
    kinds = await openKinds(story);
    const places = Array.from({ length: OBJECTS }, (_, index) => ({
      kind: kinds[index % kinds.length]!,
      key: { namespace: NAMESPACES[index % NAMESPACES.length]!, name: `db-${index}` },
    }));
    editors = new Editors(places, random);
    witness = new Witness(kinds, stop.signal);
    finishing = editors.finishDeletions(stop.signal);
    const [namespace, mapped] = [...kinds[0]!.mapped][0]!;
    secrets = new ClaimedSecrets({
      consumer: { api: story.consumer.client.api<Secret>(SECRETS), namespace },
      provider: { api: story.provider.client.api<Secret>(SECRETS), namespace: mapped },
      random,
    });
    await Promise.all([editors.createAll(within(60_000)), secrets.createAll(within(60_000))]);
    await untilAgreed(story, kinds, { editors, secrets }, RECOVERY_MS);
  });
  await using _ending = {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await finishing;
      await witness?.[Symbol.asyncDispose]();
    },
  };

  await during("connections to both clusters are cut again and again", async () => {
    for (let round = 0; round < 15; round++) {
      await pause(100 + random.below(500));
      random.pick([network.consumer, network.provider]).cut();
    }
  });

  await during("both networks are slow, then refuse connections for some seconds", async () => {
    for (const proxy of [network.consumer, network.provider]) proxy.slow(60_000);
    await pause(5_000);
    for (const proxy of [network.consumer, network.provider]) proxy.slow(Infinity);
    network.provider.refuse();
    network.provider.cut();
    await pause(3_000);
    network.provider.listen();
  });

  await during(
    "the provider answers 429 to everything, then both clusters 500 to every write of an object",
    async () => {
      await using _full = await refuseRequests(story.provider);
      await pause(4_000);
      await _full[Symbol.asyncDispose]();
      await using _first = await failWrites(story.consumer);
      await using _second = await failWrites(story.provider);
      await pause(4_000);
    },
  );

  for (const side of ["provider", "consumer"] as const) {
    // What the konnector was told last is older than anything the new process remembers: it gets 410. If it has lost
    // its Lease meanwhile, it asks for everything anew.
    await during(`the API server of the ${side} restarts, and has forgotten the past`, async () => {
      await pause(1_000);
      const setbacks = async () =>
        (await konnector.stderr).match(/too old resource version|lost the lease/g)?.length ?? 0;
      const before = await setbacks();
      network[side].refuse();
      network[side].cut();
      await pause(1_000);
      await story[side].plane.stopApiServer();
      await story[side].plane.startApiServer(within(60_000));
      await pause(2_000);
      network[side].listen();
      await eventually("the konnector has noticed", async () => await setbacks() > before);
    });
  }

  await during("the konnector is killed at random moments", async () => {
    for (let round = 0; round < 5; round++) {
      await pause(300 + random.below(2_000));
      await konnector.kill();
      konnector = await network.startKonnector();
    }
  });

  await during("a konnector that was suspended wakes up after another has taken over", async () => {
    const standby = await network.startKonnector("konnector-1");
    await pause(2_000);
    await konnector.signal("SIGSTOP");
    await standby.logged("became the leader");
    await pause(2_000);
    await konnector.signal("SIGCONT");
    await konnector.logged("lost the lease");
    await pause(2_000);
    await konnector.kill();
    konnector = standby;
  });

  await during("connections stand, but carry nothing any more", async () => {
    network.provider.stall();
    network.consumer.stall();
    await pause(5_000);
  }, STALL_RECOVERY_MS);

  await story.step(t, "the witness has not been blind", () => {
    assert.ok(witness.ends > 20, `only ${witness.ends} objects were seen to go`);
    return Promise.resolve();
  });
});

const pause = (ms: number) => systemClock.sleep(ms, within(ms + 60_000));

/** Both clusters through proxies of their own, for the konnector alone. */
async function openNetwork(story: Story) {
  await using opening = new AsyncDisposableStack();
  const [consumer, provider] = [story.consumer, story.provider].map(({ plane }) => {
    return opening.use(new TcpProxy(plane.server));
  });
  const { path: directory } = opening.use(await makeOwnedDirectory());
  const kubeconfigPath = join(directory, "kubeconfig");
  const { kubeconfig, server } = story.consumer.plane;
  await Deno.writeTextFile(kubeconfigPath, kubeconfig.replaceAll(server, consumer!.through(server)), { mode: 0o600 });
  const opened = opening.move();
  return {
    consumer: consumer!,
    provider: provider!,
    async startKonnector(podName = "konnector-0"): Promise<Program> {
      const args = ["konnector", `--kubeconfig=${kubeconfigPath}`, "--health-address=127.0.0.1:0"];
      const konnector = await story.run(args, { name: podName, env: { POD_NAME: podName } });
      await konnector.logged("konnector started");
      return konnector;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Has every namespace mapped. */
async function openKinds(story: Story): Promise<Kind[]> {
  const mangos = new Mangos(story, GROUP);
  const mapped = new Map<string, string>();
  for (const namespace of NAMESPACES) {
    const key = { namespace, name: "first" };
    await eventually("the API is served", () => mangos.create(key));
    await mangos.until("provider", "appears", undefined, { key });
    mapped.set(namespace, await mangos.mappedNamespace(namespace));
  }
  return KINDS.map((name) => {
    const [consumer, provider] = [story.consumer, story.provider].map(({ client }) =>
      client.api(mangoDbResource(GROUP, name))
    );
    return { name, consumer: consumer!, provider: provider!, mapped };
  });
}

/** An object that was copied right before a kill, and deleted before the next start, is kept and reported: let it go. */
async function untilAgreed(
  story: Story,
  kinds: readonly Kind[],
  { editors, secrets }: { editors: Editors; secrets: ClaimedSecrets },
  timeoutMs: number,
): Promise<void> {
  const bindings = story.consumer.client.api(API_SERVICE_BINDINGS);
  let differences: string[] = [];
  try {
    await eventually("both clusters agree", async () => {
      for (const { consumer } of kinds) {
        const name = resourceName(consumer.resource);
        const { status } = await story.binding(name);
        if (!status?.conditions?.some(({ type, status }) => type === "DeletionsSeen" && status === "False")) continue;
        const annotations = { "klutch.anynines.com/orphans": "delete" };
        await bindings.mergePatch(
          { namespace: KLUTCH_NAMESPACE, name },
          { metadata: { annotations } },
          {},
          within(5_000),
        );
      }
      const found = kinds.map((kind) => findDifferences(kind, editors));
      differences = (await Promise.all([...found, secrets.findDifferences()])).flat();
      return differences.length === 0;
    }, { timeoutMs });
  } catch (error) {
    throw new Error(
      `${differences.length} differences are left (seed ${SEED}):\n${differences.slice(0, 20).join("\n")}`,
      {
        cause: error,
      },
    );
  }
}

/** The API server's own flow control has no room for the konnector. */
async function refuseRequests({ client }: Cluster): Promise<AsyncDisposable> {
  const resource = (plural: string, kind: string): Resource => ({
    group: "flowcontrol.apiserver.k8s.io",
    version: "v1",
    plural,
    kind,
    namespaced: false,
  });
  const levels = client.api(resource("prioritylevelconfigurations", "PriorityLevelConfiguration"));
  const schemas = client.api(resource("flowschemas", "FlowSchema"));
  const [name, apiVersion] = ["no-room", "flowcontrol.apiserver.k8s.io/v1"];
  const level: DynamicObject = {
    apiVersion,
    kind: "PriorityLevelConfiguration",
    metadata: { name },
    spec: {
      type: "Limited",
      limited: {
        nominalConcurrencyShares: 0,
        lendablePercent: 0,
        borrowingLimitPercent: 0,
        limitResponse: { type: "Reject" },
      },
    },
  };
  const anything = { verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, namespaces: ["*"] };
  const schema: DynamicObject = {
    apiVersion,
    kind: "FlowSchema",
    metadata: { name },
    spec: {
      priorityLevelConfiguration: { name },
      matchingPrecedence: 2, // 1 is taken
      rules: [{
        subjects: [{ kind: "Group", group: { name: "system:serviceaccounts" } }],
        resourceRules: [anything],
      }],
    },
  };
  await levels.create(level, within(5_000));
  await schemas.create(schema, within(5_000));
  return {
    [Symbol.asyncDispose]: async () => {
      await schemas.delete({ name }, {}, within(5_000));
      await levels.delete({ name }, {}, within(5_000));
    },
  };
}

/** A webhook that cannot be reached lets every write fail with 500. */
async function failWrites({ client }: Cluster): Promise<AsyncDisposable> {
  const api = client.api({
    group: "admissionregistration.k8s.io",
    version: "v1",
    plural: "validatingwebhookconfigurations",
    kind: "ValidatingWebhookConfiguration",
    namespaced: false,
  });
  const name = "out-of-order";
  await api.create({
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name },
    webhooks: [{
      name: "out-of-order.example.com",
      clientConfig: { url: "https://127.0.0.1:1/" },
      rules: [{
        operations: ["CREATE", "UPDATE", "DELETE"],
        apiGroups: [GROUP],
        apiVersions: ["*"],
        resources: ["*"],
      }],
      failurePolicy: "Fail",
      sideEffects: "None",
      admissionReviewVersions: ["v1"],
      timeoutSeconds: 1,
    }],
  }, within(5_000));
  return { [Symbol.asyncDispose]: () => api.delete({ name }, {}, within(5_000)) };
}
