import assert, { equal, match, notEqual } from "node:assert/strict";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { API_SERVICE_EXPORTS, BINDER, CLUSTER_BINDINGS, KUBECONFIG, REPLACED_AT_ANNOTATION } from "../crds/names.ts";
import { KubeClient } from "../kube/client.ts";
import { isUnauthorized } from "../kube/errors.ts";
import { createMetrics } from "../kube/metrics.ts";
import { parseReceivedKubeconfig } from "../kube/received_kubeconfig.ts";
import { type Secret, SECRETS, SERVICE_ACCOUNTS } from "../kube/resources.ts";
import { readToken } from "../kube/service_account_token.ts";
import { formatTime } from "../kube/time.ts";
import { eventually, within } from "../tests/clusters.ts";
import { TestBackend } from "./contract_fixture.ts";
import { fromBase64, tenantKubeconfig, toBase64 } from "./tenant_kubeconfig.ts";

const secretsOf = ({ cluster }: TestBackend) => cluster.client.api<Secret>(SECRETS);
const secretKey = ({ namespace }: TestBackend) => ({ namespace, name: KUBECONFIG });
const kubeconfigIn = async (backend: TestBackend) =>
  fromBase64((await secretsOf(backend).get(secretKey(backend), within(5000))).data![KUBECONFIG]!);
const claimsOf = (kubeconfig: string) => readToken(/token: (\S+)/.exec(kubeconfig)![1]!);

async function isAccepted(kubeconfig: string, { namespace }: TestBackend): Promise<boolean> {
  using client = new KubeClient(parseReceivedKubeconfig(kubeconfig));
  try {
    await client.api(API_SERVICE_EXPORTS).list({ namespace }, within(5000));
    return true;
  } catch (error) {
    if (isUnauthorized(error)) return false;
    throw error;
  }
}

/** A heartbeat, as a konnector of before or after sends it. */
const beat = ({ cluster, namespace }: TestBackend) =>
  cluster.client.api<ClusterBinding>(CLUSTER_BINDINGS).mergePatch(
    { namespace, name: "cluster" },
    { status: { lastHeartbeatTime: formatTime(new Date()), heartbeatInterval: "5m0s" } },
    { subresource: "status" },
    within(5000),
  );

/** Starts it; done when it has looked at the credential, and found nothing left to do. */
async function startAndLook(backend: TestBackend): Promise<void> {
  const metrics = await createMetrics({ prefix: "" });
  await backend.start({ metrics });
  const isDone = /^reconciles_total\{controller="credentials",outcome="done"\}/m;
  await eventually("it has looked", async () => isDone.test((await metrics.render()).body));
}

/** A token without end, in a kubeconfig as the original backend writes it. */
async function legacyKubeconfig(backend: TestBackend): Promise<string> {
  const { namespace, cluster } = backend;
  const key = { namespace, name: BINDER };
  await secretsOf(backend).create({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { ...key, annotations: { "kubernetes.io/service-account.name": BINDER } },
    type: "kubernetes.io/service-account-token",
  }, within(5000));
  const token = await eventually(
    "there is a token without end",
    async () => (await secretsOf(backend).get(key, within(5000))).data?.token,
  );
  const external = { server: cluster.config.server, caData: cluster.config.caData };
  return tenantKubeconfig(external, { namespace, token: fromBase64(token) });
}

const put = (backend: TestBackend, kubeconfig: string) =>
  secretsOf(backend)
    .mergePatch(secretKey(backend), { data: { [KUBECONFIG]: toBase64(kubeconfig) } }, {}, within(5000));

Deno.test("A token stolen today is worth nothing after its lifetime: credentials expire", async () => {
  await using backend = await TestBackend.open();
  const { issuedAt, expiresAt, secretUid, credentialId } = claimsOf(backend.tenant.kubeconfig)!;
  equal(expiresAt!.getTime() - issuedAt!.getTime(), 24 * 3_600_000);
  const { metadata: { uid } } = await secretsOf(backend).get(secretKey(backend), within(5000));
  equal(secretUid, uid);
  match(credentialId!, /^JTI=/);
  equal((await backend.bind()).kubeconfig, backend.tenant.kubeconfig, "a second login gets the same");
});

Deno.test("Deleting the Secret kubeconfig locks a stolen credential out soon, and for good", async () => {
  await using backend = await TestBackend.open();
  const stolen = backend.tenant.kubeconfig;
  equal(await isAccepted(stolen, backend), true);
  await secretsOf(backend).delete(secretKey(backend), {}, within(5000));
  // API servers remember for 10 s whom they have let in.
  await eventually("it is refused", async () => !(await isAccepted(stolen, backend)));
  await beat(backend);
  const renewed = (await backend.bind()).kubeconfig;
  notEqual(renewed, stolen);
  equal(await isAccepted(renewed, backend), true, "a login gives a new one");
  equal(await isAccepted(stolen, backend), false, "which does not bring the old one back");
});

Deno.test("What was taken away is not given again without a login", async () => {
  await using backend = await TestBackend.open();
  await secretsOf(backend).delete(secretKey(backend), {}, within(5000));
  await beat(backend);
  await backend.stop();
  await startAndLook(backend);
  equal(await secretsOf(backend).find(secretKey(backend), within(5000)), undefined);
});

Deno.test("A ServiceAccount that was deleted and made again gets a credential that works", async () => {
  await using backend = await TestBackend.open();
  const key = { namespace: backend.namespace, name: BINDER };
  await backend.cluster.client.api(SERVICE_ACCOUNTS).delete(key, {}, within(5000));
  const { kubeconfig } = await backend.bind();
  await eventually("it is accepted", () => isAccepted(kubeconfig, backend)); // once the API server has seen the new one
});

Deno.test("A credential is renewed in its Secret at half its time, and the one before works until its end", async () => {
  await using backend = await TestBackend.open();
  const before = backend.tenant.kubeconfig;
  await backend.stop();
  const halfLifeLater = new Date(Date.now() + 12 * 3_600_000 + 60_000);
  await backend.start({ now: () => halfLifeLater });
  const after = await eventually("it is renewed", async () => {
    const text = await kubeconfigIn(backend);
    return text !== before && text;
  });
  equal(await isAccepted(after, backend), true);
  equal(await isAccepted(before, backend), true);
});

Deno.test("A contract with a token without end gets one that expires, and loses the old one when it has the new", async () => {
  await using backend = await TestBackend.open();
  const legacyKey = { namespace: backend.namespace, name: BINDER };
  await backend.stop();
  const legacy = await legacyKubeconfig(backend);
  await put(backend, legacy);
  await backend.start();

  const renewed = await eventually("another credential is in its place", async () => {
    const text = await kubeconfigIn(backend);
    return text !== legacy && text;
  });
  assert(claimsOf(renewed)!.expiresAt);
  const replacedAt = await eventually("it is noted since when", async () => {
    const secret = await secretsOf(backend).get(legacyKey, within(5000));
    return secret.metadata.annotations?.[REPLACED_AT_ANNOTATION];
  });
  await beat(backend);
  assert(Date.now() - Date.parse(replacedAt) < 60_000);
  equal(await isAccepted(legacy, backend), true, "the konnector still needs it");

  const annotations = { [REPLACED_AT_ANNOTATION]: formatTime(new Date(Date.now() - 11 * 60_000)) };
  await secretsOf(backend).mergePatch(legacyKey, { metadata: { annotations } }, {}, within(5000));
  await eventually("it goes", async () => !(await secretsOf(backend).find(legacyKey, within(5000))));
  await eventually("it is refused", async () => !(await isAccepted(legacy, backend)));
  equal(await isAccepted(renewed, backend), true);
});

Deno.test("A kubeconfig that somebody put there by hand is not touched, nor the token it needs", async () => {
  await using backend = await TestBackend.open();
  await backend.stop();
  await legacyKubeconfig(backend);
  const byHand = tenantKubeconfig({ server: "https://proxy.example.com" }, {
    namespace: backend.namespace,
    token: "of-a-proxy",
  });
  await put(backend, byHand);
  await beat(backend);
  await startAndLook(backend);
  equal(await kubeconfigIn(backend), byHand);
  const kept = await secretsOf(backend).get({ namespace: backend.namespace, name: BINDER }, within(5000));
  equal(kept.metadata.annotations?.[REPLACED_AT_ANNOTATION], undefined);
});
