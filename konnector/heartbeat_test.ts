import assert from "node:assert/strict";
import { ClusterBinding } from "../crds/cluster_binding.ts";
import { installCrds } from "../crds/install.ts";
import { API_VERSION, CLUSTER_BINDINGS } from "../crds/names.ts";
import { findCondition } from "../kube/conditions.ts";
import { Informer } from "../kube/informer.ts";
import { silentLog } from "../kube/log.ts";
import { type Secret, SECRETS } from "../kube/resources.ts";
import { consumer, eventually, provider, within } from "../tests/clusters.ts";
import { type Heartbeat, type HeartbeatDeps, reconcileHeartbeat } from "./heartbeat.ts";

const kubeconfig = (token: string) =>
  `apiVersion: v1
kind: Config
current-context: default
clusters: [{ name: default, cluster: { server: "https://127.0.0.1:1" } }]
contexts: [{ name: default, context: { cluster: default, user: default, namespace: cluster-x } }]
users: [{ name: default, user: { token: ${token} } }]
`;

/** A ClusterBinding and its Secret on the provider, and room for a copy of the Secret on the consumer. */
async function openContract() {
  await using opened = new AsyncDisposableStack();
  const [app, plane] = [opened.use(await consumer()), opened.use(await provider())];
  await installCrds(plane.client, [ClusterBinding], silentLog, within(30_000));
  const namespace = opened.use(await plane.namespace("cluster")).name;
  const copies = opened.use(await app.namespace("copies")).name;
  const bindings = plane.client.api<ClusterBinding>(CLUSTER_BINDINGS);
  await bindings.create({
    apiVersion: API_VERSION,
    kind: "ClusterBinding",
    metadata: { namespace, name: "cluster" },
    spec: { kubeconfigSecretRef: { name: "kubeconfig", key: "kubeconfig" }, providerPrettyName: "Example" },
  }, within(5_000));
  const stop = new AbortController();
  const informer = new Informer(bindings, { log: silentLog });
  const watching = informer.watch({ namespace }, stop.signal);
  opened.defer(async () => {
    stop.abort();
    await watching;
  });
  await informer.synced(within(10_000));

  const secrets = plane.client.api<Secret>(SECRETS);
  const heartbeat: Heartbeat = {};
  const deps: HeartbeatDeps = {
    provider: { client: plane.client, namespace, clusterBindings: informer, heartbeat },
    consumerSecrets: app.client.api<Secret>(SECRETS),
    secretRef: { namespace: copies, name: "kubeconfig-abcde", key: "kubeconfig" },
    version: "v0.1.0",
    log: silentLog,
    onChange: () => {},
  };
  const cleanup = opened.move();
  return {
    deps,
    heartbeat,
    beat: (now?: Date) => reconcileHeartbeat({ ...deps, ...(now && { now: () => now }) }, within(10_000)),
    status: () =>
      eventually(
        "the status is written",
        async () => (await bindings.get({ namespace, name: "cluster" }, within(5_000))).status,
      ),
    async putSecret(text: string) {
      const metadata = { namespace, name: "kubeconfig" };
      const data = { kubeconfig: btoa(text) };
      const exists = await secrets.find(metadata, within(5_000));
      if (exists) return await secrets.mergePatch(metadata, { data }, {}, within(5_000));
      return await secrets.create({ apiVersion: "v1", kind: "Secret", metadata, data }, within(5_000));
    },
    copy: () => deps.consumerSecrets.find({ namespace: copies, name: "kubeconfig-abcde" }, within(5_000)),
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  };
}

Deno.test("the heartbeat tells version, time and interval, and comes again before half the interval is over", async () => {
  await using contract = await openContract();
  await contract.putSecret(kubeconfig("first"));
  const outcome = await contract.beat();
  const status = await contract.status();
  assert.equal(status.konnectorVersion, "v0.1.0");
  assert.equal(status.heartbeatInterval, "5m0s");
  assert.ok(Math.abs(Date.now() - Date.parse(status.lastHeartbeatTime!)) < 10_000);
  assert.equal(findCondition(status.conditions, "SecretValid")?.status, "True");
  assert.equal(findCondition(status.conditions, "ValidVersion")?.status, "True");
  assert.ok(outcome && outcome.requeueAfterMs <= 150_000);
  assert.ok(contract.heartbeat.sentAt);
});

Deno.test("a renewed kubeconfig reaches the app cluster, and an equal one is not written again", async () => {
  await using contract = await openContract();
  await contract.putSecret(kubeconfig("first"));
  await contract.beat();
  const first = await contract.copy();
  assert.equal(atob(first!.data!.kubeconfig!), kubeconfig("first"));
  await eventually("the informer has seen the heartbeat", () => hasBeaten(contract.deps));
  await contract.beat();
  assert.equal((await contract.copy())!.metadata.resourceVersion, first!.metadata.resourceVersion);
  await contract.putSecret(kubeconfig("second"));
  await contract.beat();
  assert.equal(atob((await contract.copy())!.data!.kubeconfig!), kubeconfig("second"));
});

Deno.test("a kubeconfig that could not be used is reported, and not taken over", async () => {
  await using contract = await openContract();
  await contract.putSecret(kubeconfig("first"));
  await contract.beat();
  await eventually("the informer has seen the heartbeat", () => hasBeaten(contract.deps));
  await contract.putSecret(kubeconfig("second").replace("token: second", "exec: { command: sh }"));
  await contract.beat();
  const condition = findCondition((await contract.status()).conditions, "SecretValid");
  assert.equal(condition?.reason, "ProviderSecretInvalid");
  assert.match(condition!.message!, /exec/);
  assert.equal(atob((await contract.copy())!.data!.kubeconfig!), kubeconfig("first"));
});

Deno.test("a kubeconfig without a namespace would lead nowhere, and is not taken over", async () => {
  await using contract = await openContract();
  await contract.putSecret(kubeconfig("first").replace(", namespace: cluster-x", ""));
  await contract.beat();
  const condition = findCondition((await contract.status()).conditions, "SecretValid");
  assert.equal(condition?.reason, "ProviderSecretInvalid");
  assert.match(condition!.message!, /its context has no namespace/);
  assert.equal(await contract.copy(), undefined);
});

Deno.test("a kubeconfig that cannot be copied is reported, and the konnector is known to live", async () => {
  await using contract = await openContract();
  const { namespace, name } = contract.deps.secretRef!;
  const immutable = { apiVersion: "v1", kind: "Secret", metadata: { namespace, name }, immutable: true };
  await contract.deps.consumerSecrets.create(immutable, within(5_000));
  await contract.putSecret(kubeconfig("first"));
  const outcome = await contract.beat();
  const status = await contract.status();
  assert.ok(status.lastHeartbeatTime);
  const condition = findCondition(status.conditions, "SecretValid");
  assert.equal(condition?.reason, "SecretNotCopied");
  assert.match(condition!.message!, /secrets ".*kubeconfig-abcde".*422 Invalid: .*immutable.*\. Mend what/);
  assert.ok(outcome && outcome.requeueAfterMs <= 30_000);
  assert.ok(contract.heartbeat.sentAt && !contract.heartbeat.trouble);
});

Deno.test("a heartbeat without a Secret on the provider says so", async () => {
  await using contract = await openContract();
  await contract.beat();
  assert.equal(findCondition((await contract.status()).conditions, "SecretValid")?.reason, "ProviderSecretNotFound");
});

const hasBeaten = ({ provider }: HeartbeatDeps) =>
  [...provider.clusterBindings.store.list()].some(({ status }) => status?.lastHeartbeatTime !== undefined);
