import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { CREATE_ONLY_ANNOTATION, KLUTCH_NAMESPACE, KONNECTOR_ROLE } from "../crds/names.ts";
import { KubeClient } from "../kube/client.ts";
import { staticConfig } from "../kube/kubeconfig.ts";
import { CLUSTER_ROLES, DEPLOYMENTS, type Role, ROLES } from "../kube/resources.ts";
import { consumer, eventually, type TestCluster, within } from "../tests/clusters.ts";
import { deployKonnector, type KonnectorChoice } from "./deploy_konnector.ts";
import { konnectorManifests } from "./konnector/manifests.ts";
import { removeKonnector } from "./konnector/remove_fixture.ts";
import { TakeBack } from "./take_back.ts";
import { recordedTerminal } from "./terminal_fixture.ts";

const deployment = { namespace: KLUTCH_NAMESPACE, name: "konnector" };
const asUsual: KonnectorChoice = { skip: false, downgrade: false };

async function deploy(client: KubeClient, choice: KonnectorChoice, timeoutMs = 10_000): Promise<string[]> {
  const { said, terminal } = recordedTerminal();
  await deployKonnector(client, choice, terminal, { timeoutMs, takeBack: new TakeBack(terminal) }, within(20_000));
  return said;
}

/** All but the namespace, which is others' home, too. */
const OWN = konnectorManifests("").slice(1);

const states = ({ client }: TestCluster) =>
  Promise.all(
    OWN.map(async ({ resource, object }) => {
      const { metadata } = await client.api(resource).get(object.metadata, within(5000));
      return [object.kind, metadata.resourceVersion];
    }),
  );

Deno.test("deployKonnector() brings the konnector's objects to a real API server", async (test) => {
  using cluster = await consumer();
  await removeKonnector(cluster);
  try {
    await test.step("an API server takes all manifests", async () => {
      deepEqual(await deploy(cluster.client, asUsual), ["🚀 Deploying konnector v1.4.0 to namespace klutch-bind."]);
      equal((await states(cluster)).length, 6);
      const question = ["auth", "can-i", "create", "crds", "--as=system:serviceaccount:klutch-bind:konnector"];
      await eventually("it has its rights", async () => (await cluster.kubectl(question)).stdout.startsWith("yes"));
    });

    await test.step("the same once more writes nothing", async () => {
      const before = await states(cluster);
      deepEqual(await deploy(cluster.client, asUsual), []);
      await deploy(cluster.client, { ...asUsual, image: "public.ecr.aws/w5n9a2g2/klutch/konnector:v1.4.0" });
      deepEqual(await states(cluster), before);
    });

    await test.step("a given image replaces the one that runs", async () => {
      await deploy(cluster.client, { ...asUsual, image: "example/klutch:1" });
      const { spec } = await cluster.client.api(DEPLOYMENTS).get(deployment, within(5000)) as unknown as {
        spec: { template: { spec: { containers: { image: string }[] } } };
      };
      deepEqual(spec.template.spec.containers.map(({ image }) => image), ["example/klutch:1"]);
      match((await deploy(cluster.client, asUsual))[0]!, /konnector of unknown version already installed, skipping/);
    });

    await test.step("an image of ours gets the rights that it needs; that of the Go implementation, all", async () => {
      const rules = async () =>
        (await cluster.client.api<Role>(CLUSTER_ROLES).get({ name: KONNECTOR_ROLE }, within(5000))).rules!;
      await deploy(cluster.client, { ...asUsual, image: "example/klutch:1" });
      ok(!JSON.stringify(await rules()).includes("*"));
      const role = { namespace: KLUTCH_NAMESPACE, name: KONNECTOR_ROLE };
      ok(await cluster.client.api<Role>(ROLES).find(role, within(5000)));
      await deploy(cluster.client, { ...asUsual, image: "public.ecr.aws/w5n9a2g2/klutch/konnector:v1.4.0" });
      deepEqual(await rules(), [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }]);
    });

    await test.step("an object marked create-only stays as it is", async () => {
      const patch = { metadata: { annotations: { [CREATE_ONLY_ANNOTATION]: "" } } };
      const { metadata } = await cluster.client.api(DEPLOYMENTS).mergePatch(deployment, patch, {}, within(5000));
      await deploy(cluster.client, { ...asUsual, image: "example/klutch:2" });
      const after = await cluster.client.api(DEPLOYMENTS).get(deployment, within(5000));
      equal(after.metadata.resourceVersion, metadata.resourceVersion);
    });
  } finally {
    await removeKonnector(cluster);
  }
});

Deno.test("deployKonnector() reports a refusal at once, and gives an absent API server some time", async () => {
  using cluster = await consumer();
  const { server, caData } = cluster.config;
  using stranger = new KubeClient(staticConfig({ server, caData, token: "nobody" }), { side: "app cluster" });
  const timeOf = async (refusal: Promise<void>) => {
    const start = performance.now();
    await refusal;
    return performance.now() - start;
  };
  const install = { ...asUsual, image: "x" };
  ok(await timeOf(rejects(deploy(stranger, install, 10_000), /on the app cluster: 401/)) < 10_000);
  using nobody = new KubeClient(staticConfig({ server: "https://127.0.0.1:1", token: "x" }), { side: "app cluster" });
  ok(await timeOf(rejects(deploy(nobody, install, 1500), /connection refused/)) > 1500);
});
