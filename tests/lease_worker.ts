// A leader that stops itself as a debugger or an overloaded machine would: `deno run lease_worker.ts KUBECONFIG NAMESPACE`.
import { env } from "node:process";
import { KubeClient } from "../kube/client.ts";
import { loadKubeconfig } from "../kube/kubeconfig.ts";
import { runAsLeader } from "../kube/lease.ts";
import { Leadership } from "../kube/leadership.ts";
import { silentLog } from "../kube/log.ts";

const [path, namespace] = Deno.args;
using client = new KubeClient(await loadKubeconfig({ path, env }), { side: "provider" });
const leadership = new Leadership({ leaseMs: 3_000 });
const own = new AbortController();

function mayWrite(): string {
  try {
    leadership.assertHeld();
    return "allowed";
  } catch (error) {
    return `refused by ${(error as Error).name}`;
  }
}

await runAsLeader({
  client,
  namespace: namespace!,
  name: "suspended",
  identity: "worker",
  log: silentLog,
  leadership,
  renewDeadlineMs: 2_000,
  retryMs: 500,
}, (signal) =>
  new Promise((resolve) => {
    signal.addEventListener("abort", () => {
      console.log(`told to stop by ${signal.reason.name}`);
      resolve();
      own.abort();
    });
    console.log(`before: ${mayWrite()}`);
    Deno.kill(Deno.pid, "SIGSTOP");
    console.log(`after: ${mayWrite()}`); // the very next thing it does
  }), own.signal);
