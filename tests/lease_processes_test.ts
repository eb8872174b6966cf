import assert from "node:assert/strict";
import { join } from "node:path";
import { env } from "node:process";
import { fileURLToPath } from "node:url";
import { type LeaseOptions, runAsLeader } from "../kube/lease.ts";
import { Leadership } from "../kube/leadership.ts";
import type { Lease } from "../kube/lease_record.ts";
import { readLines } from "../kube/lines.ts";
import { silentLog } from "../kube/log.ts";
import { LEASES } from "../kube/resources.ts";
import { findBinaries } from "../playground/binaries.ts";
import { startGuarded } from "../playground/guardian.ts";
import { makeOwnedDirectory } from "../playground/owned_directory.ts";
import { eventually, provider, type TestCluster, within } from "./clusters.ts";

// A busy machine may stand still for seconds; whoever leads still does afterwards.
const LEASE_MS = 8_000;
const RENEW_DEADLINE_MS = 6_000;

/** A candidate in this process, to be stopped at dispose. */
function candidate(cluster: TestCluster, options: Pick<LeaseOptions, "namespace" | "name" | "identity">) {
  const own = new AbortController();
  const leadership = new Leadership({ leaseMs: LEASE_MS });
  const times = { leadership, renewDeadlineMs: RENEW_DEADLINE_MS, retryMs: 500 };
  const ended = runAsLeader(
    { ...options, ...times, client: cluster.client, log: silentLog },
    (signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    own.signal,
  );
  const stop = async () => {
    own.abort(new Error("test over"));
    await ended;
  };
  return { leadership, stop, [Symbol.asyncDispose]: stop };
}

const readLease = (cluster: TestCluster, key: { namespace: string; name: string }) =>
  cluster.client.api<Lease>(LEASES).find(key, within(5_000));

Deno.test("two candidates at a real API server take turns", async () => {
  using cluster = await provider();
  await using namespace = await cluster.namespace("lease");
  const key = { namespace: namespace.name, name: "turns" };
  await using a = candidate(cluster, { ...key, identity: "a" });
  await eventually("a leads", () => a.leadership.isHeld);
  await using b = candidate(cluster, { ...key, identity: "b" });
  const { spec } = (await readLease(cluster, key))!;
  assert.equal(spec?.holderIdentity, "a");
  assert.equal(spec?.leaseDurationSeconds, LEASE_MS / 1000);
  assert.match(spec?.renewTime ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  await eventually("a renews", async () => (await readLease(cluster, key))?.spec?.renewTime !== spec?.renewTime);
  assert.equal(b.leadership.isHeld, false);
  await a.stop();
  await eventually("b leads", () => b.leadership.isHeld, { timeoutMs: LEASE_MS - 2_000 }); // released, not expired
  assert.equal((await readLease(cluster, key))?.spec?.leaseTransitions, 1);
  assert.equal(a.leadership.isHeld, false);
});

Deno.test("a leader that wakes up from SIGSTOP writes nothing any more", async () => {
  using cluster = await provider();
  await using namespace = await cluster.namespace("lease");
  const worker = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-all",
      "--no-check",
      fileURLToPath(new URL("lease_worker.ts", import.meta.url)),
      cluster.kubeconfigPath,
      namespace.name,
    ],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  let isOver = false;
  worker.status.then(() => isOver = true);
  const lines = readLines(worker.stdout, () => {});
  try {
    assert.equal((await lines.next()).value, "before: allowed");
    await using other = candidate(cluster, { namespace: namespace.name, name: "suspended", identity: "other" });
    await eventually("the other one leads", () => other.leadership.isHeld);
    worker.kill("SIGCONT");
    assert.equal((await lines.next()).value, "after: refused by LeaseLostError");
    assert.equal((await lines.next()).value, "told to stop by LeaseLostError");
    assert.equal((await worker.status).code, 0);
    assert.equal(other.leadership.isHeld, true);
  } finally {
    await lines.return(undefined);
    if (!isOver) worker.kill("SIGKILL");
    await worker.status;
  }
});

Deno.test("our election and client-go's take turns with one Lease", async () => {
  using cluster = await provider();
  await using namespace = await cluster.namespace("lease");
  const key = { namespace: namespace.name, name: "shared" };
  const holder = async () => (await readLease(cluster, key))?.spec?.holderIdentity ?? "";
  const ours = candidate(cluster, { ...key, identity: "ours" });
  await eventually("we lead", () => ours.leadership.isHeld);

  await using directory = await makeOwnedDirectory();
  const { kubeControllerManager } = await findBinaries({ env }, within(30_000));
  await using theirs = await startGuarded({
    name: "kube-controller-manager",
    logPath: join(directory.path, "log"),
    command: [
      ...kubeControllerManager,
      `--kubeconfig=${cluster.kubeconfigPath}`,
      "--controllers=ttl-after-finished-controller", // needs little, and does nothing here
      "--secure-port=0",
      "--leader-elect=true",
      `--leader-elect-resource-namespace=${key.namespace}`,
      `--leader-elect-resource-name=${key.name}`,
      `--leader-elect-lease-duration=${LEASE_MS / 1000}s`,
      `--leader-elect-renew-deadline=${RENEW_DEADLINE_MS / 1000}s`,
      "--leader-elect-retry-period=500ms",
    ],
  });
  await eventually("client-go stands by", async () => /attempting to acquire/i.test(await theirs.logTail(50)));
  const longerThanLease = () => new Promise((resolve) => setTimeout(resolve, LEASE_MS + 1_000));
  await longerThanLease(); // it sees that we renew
  assert.equal(await holder(), "ours");

  await ours.stop();
  await eventually("client-go takes what we released", async () => !["", "ours"].includes(await holder()), {
    timeoutMs: LEASE_MS - 2_000,
  });
  assert.equal((await readLease(cluster, key))?.spec?.leaseTransitions, 1);

  await using again = candidate(cluster, { ...key, identity: "ours again" });
  await longerThanLease(); // and we that it does
  assert.equal(again.leadership.isHeld, false);
  await theirs.stop();
  await eventually("we take over from client-go", () => again.leadership.isHeld);
  assert.equal((await readLease(cluster, key))?.spec?.leaseTransitions, 2);
});
