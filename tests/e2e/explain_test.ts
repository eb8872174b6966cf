import assert from "node:assert/strict";
import {
  API_SERVICE_BINDINGS,
  API_SERVICE_EXPORTS,
  BOUND_ANNOTATION,
  CLUSTER_BINDINGS,
  KLUTCH_NAMESPACE,
  KONNECTOR,
  KUBECONFIG,
  SYNC_FINALIZER,
} from "../../crds/names.ts";
import type { AcceptablePermissionClaim, PermissionClaim } from "../../crds/shared.ts";
import { isTrue } from "../../kube/conditions.ts";
import type { Lease } from "../../kube/lease_record.ts";
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  DEPLOYMENTS,
  LEASES,
  NAMESPACES,
  ROLE_BINDINGS,
  type Secret,
  SECRETS,
} from "../../kube/resources.ts";
import { formatMicroTime, formatTime } from "../../kube/time.ts";
import type { DynamicObject, Resource } from "../../kube/types.ts";
import { installPolicy } from "../admission_policy.ts";
import { eventually, klutchBinary, within } from "../clusters.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { assertGolden } from "./golden.ts";
import { RECOVERY_MS, Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";
import { assertColoured } from "./terminal_session.ts";

const GROUP = "mangodb.com";
const API = `mangodbs.${GROUP}`;
const BINDING = { namespace: KLUTCH_NAMESPACE, name: API };
const LEASE = { namespace: "kube-system", name: "klutch-bind" };
const CREDENTIALS: PermissionClaim = { group: "", resource: "secrets", version: "v1", selector: { owner: "Provider" } };
const SETTINGS: PermissionClaim = {
  group: "",
  resource: "configmaps",
  version: "v1",
  selector: { owner: "Consumer", names: ["mango-settings"] },
};
const LONG_NAME = "n".repeat(63);

/** What is told of an object that had to wait for its namespace, as on a slow machine it may. */
const withoutWaits = (text: string): string => text.replace(/^ .* (NamespacePending|Recovered): .*\n/gm, "");

/** One way in which things go wrong. */
interface Fault {
  what: string;
  /** Makes it so; what it returns takes it back. */
  induce(): Promise<void | (() => PromiseLike<unknown>)>;
  /** What is explained; the object of the story when absent. */
  explain?: string[];
  /** What `explain` gives as the cause. */
  reason: string;
  /** Whether `status` has to give it, too: it is about the whole binding. */
  inStatus?: boolean;
}

Deno.test("explain and status name the cause of whatever goes wrong", async (t) => {
  await using story = await Story.open();
  const mangos = new Mangos(story, GROUP);
  const { consumer, provider } = story;
  const [here, there] = [consumer.client, provider.client];
  const klutch = (...args: string[]) => story.runToEnd([...args, `--kubeconfig=${consumer.plane.kubeconfigPath}`]);
  const secretKey = async () => (await story.binding(API)).spec.kubeconfigSecretRef;
  /** Until the konnector goes by it: one that has just been all right may still take over the provider's. */
  const spoilKubeconfig = async (spoil: (text: string) => string) => {
    const { namespace, name } = await secretKey();
    const secrets = here.api<Secret>(SECRETS);
    const { data } = await secrets.get({ namespace, name }, within(5_000));
    const write = (kubeconfig: string) =>
      secrets.mergePatch({ namespace, name }, { data: { [KUBECONFIG]: kubeconfig } }, {}, within(5_000));
    const whole = data![KUBECONFIG]!;
    await eventually("the konnector goes by what is spoilt", async () => {
      await write(btoa(spoil(atob(whole))));
      return !isTrue((await story.binding(API)).status?.conditions, "Ready");
    }, { everyMs: 1_000 });
    return () => write(whole);
  };
  const patchBinding = (patch: object) => here.api(API_SERVICE_BINDINGS).mergePatch(BINDING, patch, {}, within(5_000));
  const claims = (...claims: AcceptablePermissionClaim[]) => patchBinding({ spec: { permissionClaims: claims } });
  const accepted = [CREDENTIALS, SETTINGS].map((claim) => ({ ...claim, state: "Accepted" as const }));
  const contract = async () => {
    const { items } = await there.api(CLUSTER_BINDINGS).list({}, within(5_000));
    return items[0]!.metadata.namespace!;
  };
  const healthy = () =>
    eventually("all is well again", async () => {
      const { stdout } = await klutch("status");
      return /^OK/m.test(stdout) && !/FAIL/.test(stdout);
    }, { timeoutMs: RECOVERY_MS });
  const play = async (fault: Fault) => {
    await story.step(t, `${fault.what}: ${fault.reason}`, async () => {
      const undo = await fault.induce();
      let last = "";
      const subject = fault.explain ?? ["mangodb", "test"];
      await eventually(`explain says ${fault.reason}`, async () => {
        const { stdout, stderr } = await klutch("explain", ...subject);
        last = stdout + stderr;
        return stdout.trimEnd().split("\n").at(-1)?.includes(`: ${fault.reason}.`);
      }).catch((error) => {
        throw new Error(`${error.message}\n${last}`);
      });
      if (fault.inStatus) {
        await eventually(`status says ${fault.reason}`, async () => {
          const { code, stdout } = await klutch("status");
          assert.equal(code, /^FAIL/m.test(stdout) ? 3 : 0);
          return stdout.includes(`: ${fault.reason}: `);
        });
      }
      await undo?.();
      if (undo && fault.inStatus) await healthy();
    });
  };

  const konnector = await story.startKonnector();
  const backend = await story.startBackend();
  await story.step(t, "given a bound API with claims, and an object that is in sync", async () => {
    await story.backendReady();
    await story.offer(mangoDbCrd(GROUP), [CREDENTIALS, SETTINGS]);
    const { code, stderr } = await story.bind(API, { stdin: "y\ny\n" });
    assert.equal(code, 0, stderr);
    await mangos.create();
    await mangos.until("provider", "appears");
    await mangos.report({ phase: "Running" });
    const answer = await eventually("explain finds nothing wrong", async () => {
      const answer = await klutch("explain", "MangoDB/test");
      return answer.stdout.includes("is in sync") && answer.stdout.includes("Normal Synced") && answer;
    });
    assert.equal(answer.code, 0);
    await assertGolden("explain", withoutWaits(answer.stdout));
    const checkpoints = answer.stdout.split("\n").flatMap((line) => /^OK {4}(\w+)/.exec(line)?.[1] ?? []);
    assert.deepEqual([...new Set(checkpoints)], [
      ..."Bound Konnector Secret Provider Export Heartbeat Ready Schema Rights Namespace Spec Operator Status Claims"
        .split(" "),
    ]);
    const { verdict, findings } = JSON.parse((await klutch("explain", "mangodb", "test", "-o", "json")).stdout);
    assert.equal(verdict, "OK");
    assert.equal(findings.length, checkpoints.length);
  });

  await story.step(t, "on a terminal it is the same in colours, unless nobody wants them", async () => {
    const command = [klutchBinary(), "explain", "mangodb", "test", `--kubeconfig=${consumer.plane.kubeconfigPath}`];
    await assertColoured("explain", command, { code: 0, green: "OK", read: withoutWaits });
  });

  const object = (resource: Resource, name: string, rest: object, namespace?: string): DynamicObject => ({
    apiVersion: resource.group ? `${resource.group}/${resource.version}` : resource.version,
    kind: resource.kind,
    metadata: { name, ...(namespace && { namespace }) },
    ...rest,
  });
  /** Creates an object; taking it back deletes it. */
  const put = async (client: typeof here, resource: Resource, created: DynamicObject) => {
    await client.api(resource).create(created, within(5_000));
    return () => client.api(resource).delete(created.metadata, {}, within(5_000));
  };

  const faults: Fault[] = [
    {
      what: "a kind that nobody serves",
      induce: async () => {},
      explain: ["mangodbx", "test"],
      reason: "KindNotServed",
    },
    { what: "a kind that is not bound", induce: async () => {}, explain: ["cm", "test"], reason: "KindNotBound" },
    {
      what: "an object that is not there",
      induce: async () => {},
      explain: ["mangodb", "tset"],
      reason: "ObjectNotFound",
    },
    {
      what: "the operator has said nothing",
      induce: () => mangos.create({ namespace: "default", name: "silent" }).then(() => {}),
      explain: ["mangodb", "silent"],
      reason: "OperatorSilent",
    },
    {
      what: "the operator reports a failure",
      async induce() {
        await mangos.report({ phase: "Failed" });
        return () => mangos.report({ phase: "Running" });
      },
      reason: "OperatorFailed",
    },
    {
      what: "admission on the provider denies the object",
      async induce() {
        const policy = await installPolicy(there, {
          name: "no-dedicated.klutch.test",
          rule: { apiGroups: [GROUP], resources: ["mangodbs"], operations: ["CREATE", "UPDATE"] },
          validations: [{ expression: "object.spec.tier != 'Dedicated'", message: "no licence for Dedicated" }],
        });
        await eventually("the policy is in force", async () => {
          const tried = object(
            { group: GROUP, version: "v1alpha1", plural: "", kind: "MangoDB", namespaced: true },
            "x",
            {
              spec: { tokenSecret: "x", tier: "Dedicated" },
            },
            "default",
          );
          const rehearsed = there.api(mangos.provider.resource, { isDryRun: true });
          return await rehearsed.apply(tried, { fieldManager: "test" }, within(5_000)).then(
            () => false,
            (error) => /no licence/.test(String(error)),
          );
        });
        await mangos.create({ namespace: "default", name: "luxury" }, { tier: "Dedicated" });
        return () => policy[Symbol.asyncDispose]();
      },
      explain: ["mangodb", "luxury"],
      reason: "SpecRefused",
    },
    {
      what: "the provider's object is deleted there, and held by a finalizer",
      async induce() {
        await mangos.create({ namespace: "default", name: "held" });
        await mangos.until("provider", "appears", undefined, { key: { namespace: "default", name: "held" } });
        await mangos.patch("provider", { metadata: { finalizers: ["klutch.test/held"] } }, {
          namespace: "default",
          name: "held",
        });
        await mangos.delete("provider", { namespace: "default", name: "held" });
      },
      explain: ["mangodb", "held"],
      reason: "DeletedOnProvider",
    },
    {
      what: "the user deletes, and the provider is not done",
      async induce() {
        const key = { namespace: "default", name: "held" };
        await mangos.patch("consumer", { metadata: { finalizers: [SYNC_FINALIZER, "klutch.test/x"] } }, key);
        await mangos.delete("consumer", key);
      },
      explain: ["mangodb", "held"],
      reason: "ProviderDeleting",
    },
    {
      what: "somebody else's finalizer holds the user's object",
      async induce() {
        const key = { namespace: "default", name: "held" };
        await mangos.patch("provider", { metadata: { finalizers: [] } }, key);
        return () => mangos.patch("consumer", { metadata: { finalizers: [] } }, key);
      },
      explain: ["mangodb", "held"],
      reason: "HeldByOthers",
    },
    {
      what: "the user's namespace is being deleted",
      async induce() {
        const key = { namespace: "leaving", name: "test" };
        await here.api(NAMESPACES).create(object(NAMESPACES, key.namespace, {}), within(5_000));
        await mangos.create(key);
        await mangos.until("provider", "appears", undefined, { key });
        await mangos.patch(
          "consumer",
          { metadata: { finalizers: [SYNC_FINALIZER, "klutch.test/x"] } },
          key,
        );
        await here.api(NAMESPACES).delete({ name: key.namespace }, {}, within(5_000));
        return () => mangos.patch("consumer", { metadata: { finalizers: [SYNC_FINALIZER] } }, key);
      },
      explain: ["mangodb", "test", "-n", "leaving"],
      reason: "NamespaceTerminating",
    },
    {
      what: "an optional claim is rejected",
      async induce() {
        await claims(accepted[0]!, { ...SETTINGS, state: "Rejected" });
        return () => claims(...accepted);
      },
      reason: "ClaimRejected",
    },
    {
      what: "a required claim is rejected",
      async induce() {
        await claims(accepted[0]!, { ...SETTINGS, required: true, state: "Rejected" });
        return () => claims(...accepted);
      },
      reason: "RequiredClaimRejected",
      inStatus: true,
    },
    {
      what: "a claim on rights is accepted",
      async induce() {
        await claims(...accepted, {
          group: "rbac.authorization.k8s.io",
          resource: "clusterroles",
          version: "v1",
          state: "Accepted",
        });
        return () => claims(...accepted);
      },
      reason: "ClaimRefused",
      inStatus: true,
    },
    {
      what: "the provider claims what the binding has no answer to",
      async induce() {
        await claims(accepted[0]!);
        return () => claims(...accepted);
      },
      reason: "ClaimAnswerMissing",
    },
    {
      what: "somebody else's object is where a claimed one is to be",
      async induce() {
        const namespace = await mangos.mappedNamespace("default");
        await put(here, SECRETS, object(SECRETS, "taken", { data: { value: btoa("mine") } }, "default"));
        const undo = await put(there, SECRETS, object(SECRETS, "taken", { data: { value: btoa("yours") } }, namespace));
        return async () => {
          await here.api(SECRETS).delete({ namespace: "default", name: "taken" }, {}, within(5_000));
          await undo();
        };
      },
      reason: "ClaimConflict",
      inStatus: true,
    },
    {
      what: "the konnector's ServiceAccount has no rights",
      async induce() {
        return await put(
          here,
          DEPLOYMENTS,
          object(DEPLOYMENTS, KONNECTOR, {
            spec: {
              replicas: 0,
              selector: { matchLabels: { app: KONNECTOR } },
              template: {
                metadata: { labels: { app: KONNECTOR } },
                spec: { serviceAccountName: KONNECTOR, containers: [{ name: KONNECTOR, image: "klutch" }] },
              },
            },
          }, KLUTCH_NAMESPACE),
        );
      },
      reason: "ConsumerRightsMissing",
    },
    {
      what: "the CRD was made by somebody else",
      async induce() {
        const crds = here.api(CUSTOM_RESOURCE_DEFINITIONS);
        const { metadata: { ownerReferences, annotations } } = await crds.get({ name: API }, within(5_000));
        const unmarked = { ownerReferences: null, annotations: { [BOUND_ANNOTATION]: null } };
        await crds.mergePatch({ name: API }, { metadata: unmarked }, {}, within(5_000));
        return () => crds.mergePatch({ name: API }, { metadata: { ownerReferences, annotations } }, {}, within(5_000));
      },
      reason: "ForeignCustomResourceDefinition",
      inStatus: true,
    },
    {
      what: "the provider is down",
      async induce() {
        await provider.plane.stopApiServer();
        return () => provider.plane.startApiServer(within(30_000));
      },
      reason: "ProviderUnreachable",
      inStatus: true,
    },
    {
      what: "the provider does not accept the token",
      induce: () => spoilKubeconfig((text) => text.replace(/token: .*/, "token: nonsense")),
      reason: "CredentialsRejected",
      inStatus: true,
    },
    {
      what: "the Secret holds something else",
      induce: () => spoilKubeconfig(() => "[]"),
      reason: "KubeconfigSecretInvalid",
      inStatus: true,
    },
    {
      what: "the Secret is gone",
      async induce() {
        const { namespace, name } = await secretKey();
        const secrets = here.api<Secret>(SECRETS);
        const { data } = await secrets.get({ namespace, name }, within(5_000));
        await secrets.delete({ namespace, name }, {}, within(5_000));
        return () => secrets.create({ ...object(SECRETS, name, { data }, namespace) }, within(5_000));
      },
      reason: "KubeconfigSecretNotFound",
      inStatus: true,
    },
    {
      what: "a namespace has no counterpart, as the backend is away",
      async induce() {
        await backend.kill();
        const key = { namespace: "early", name: "test" };
        await here.api(NAMESPACES).create(object(NAMESPACES, key.namespace, {}), within(5_000));
        await mangos.create(key);
      },
      explain: ["mangodb", "test", "-n", "early"],
      reason: "NamespacePending",
    },
    {
      what: "a namespace can have no counterpart, as the name of that would be too long",
      async induce() {
        const key = { namespace: LONG_NAME, name: "test" };
        await here.api(NAMESPACES).create(object(NAMESPACES, key.namespace, {}), within(5_000));
        await mangos.create(key);
      },
      explain: ["mangodb", "test", "-n", LONG_NAME],
      reason: "NamespaceNameTooLong",
    },
    {
      what: "this cluster refuses the provider's new schema",
      async induce() {
        const exports = there.api(API_SERVICE_EXPORTS);
        const key = { namespace: await contract(), name: API };
        const { spec } = await exports.get(key, within(5_000)) as DynamicObject & { spec: { versions: unknown[] } };
        const versions = JSON.parse(JSON.stringify(spec.versions));
        versions[0].schema.openAPIV3Schema.properties.spec.properties.tier.type = "nonsense";
        await exports.mergePatch(key, { spec: { versions } }, {}, within(5_000));
        return () => exports.mergePatch(key, { spec: { versions: spec.versions } }, {}, within(5_000));
      },
      reason: "CustomResourceDefinitionUpdateFailed",
      inStatus: true,
    },
    {
      what: "the provider's clock and the konnector's disagree",
      async induce() {
        const bindings = there.api(CLUSTER_BINDINGS);
        const key = { namespace: await contract(), name: "cluster" };
        const beatAt = (ms: number) =>
          bindings.mergePatch(key, { status: { lastHeartbeatTime: formatTime(new Date(ms)) } }, {
            subresource: "status",
          }, within(5_000));
        await beatAt(Date.now() + 3_600_000);
        return () => beatAt(Date.now());
      },
      reason: "HeartbeatTimeDrift",
      inStatus: true,
    },
    {
      what: "the provider has taken its rights away",
      async induce() {
        const bindings = there.api(ROLE_BINDINGS);
        const namespace = await mangos.mappedNamespace("default");
        const own = (await bindings.list({ namespace }, within(5_000))).items;
        assert.ok(own.length > 0);
        for (const { metadata } of own) await bindings.delete(metadata, {}, within(5_000));
        return async () => {
          for (const { metadata: { name }, ...rest } of own) {
            await bindings.create({ ...rest, metadata: { namespace, name } }, within(5_000));
          }
        };
      },
      reason: "ProviderRightsMissing",
    },
    {
      what: "the export is gone",
      induce: async () =>
        await there.api(API_SERVICE_EXPORTS).delete({ namespace: await contract(), name: API }, {}, within(5_000)),
      reason: "APIServiceExportNotFound",
      inStatus: true,
    },
    {
      what: "the konnector's clock is wrong",
      async induce() {
        await konnector.signal("SIGTERM");
        await konnector.ended();
        const stop = new AbortController();
        const leases = here.api<Lease>(LEASES);
        const ending = (async () => {
          for (let i = 0; !stop.signal.aborted; i++) {
            const renewTime = formatMicroTime(new Date(Date.now() - 600_000 + i));
            const spec = { holderIdentity: "late", renewTime };
            await leases.mergePatch(LEASE, { spec }, {}, within(5_000)).catch(() => {}); // the next one will do
            await new Promise((resolve) => setTimeout(resolve, 200));
          }
        })();
        return async () => {
          stop.abort();
          await ending;
        };
      },
      reason: "KonnectorClockSkewed",
    },
    {
      what: "the konnector was killed",
      induce: async () => {},
      reason: "KonnectorStopped",
      inStatus: true,
    },
    {
      what: "there never was a konnector",
      induce: () => here.api(LEASES).delete(LEASE, {}, within(5_000)),
      reason: "KonnectorNotFound",
      inStatus: true,
    },
  ];
  assert.ok(new Set(faults.map(({ reason }) => reason)).size >= 25);
  for (const fault of faults) await play(fault);
});
