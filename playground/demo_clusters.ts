import { join } from "node:path";
import { KubeClient } from "../kube/client.ts";
import { type BinarySearch, findBinaries } from "./binaries.ts";
import { ControlPlane } from "./control_plane.ts";
import { MANIFESTS } from "./demo_api.ts";
import { makeOwnedDirectory } from "./owned_directory.ts";

export interface DemoCluster {
  /** For people: `control plane cluster`, `app cluster`. */
  title: string;
  plane: ControlPlane;
  client: KubeClient;
  /** As cluster administrator. */
  kubeconfigPath: string;
}

export interface DemoClusters {
  provider: DemoCluster;
  consumer: DemoCluster;
  /** Holds kubectl, kubeconfigs, manifests and logs; removed at the end. */
  directory: string;
  /** A kubectl that remembers nothing of these clusters in the person's home. */
  kubectlPath: string;
}

/** Starts both clusters; everything is stopped and removed with `stack`. */
export async function openClusters(
  stack: AsyncDisposableStack,
  { env, progress: note, counter: tell }: Required<BinarySearch>,
  signal: AbortSignal,
): Promise<DemoClusters> {
  const binaries = await findBinaries({ env, progress: note, counter: tell }, signal);
  const { path: directory } = stack.use(await makeOwnedDirectory());
  const kubectlPath = join(directory, "kubectl");
  await Deno.writeTextFile(kubectlPath, kubectlScript(binaries.kubectl, directory), { mode: 0o755 });
  for (const [name, text] of Object.entries(MANIFESTS)) await Deno.writeTextFile(join(directory, name), text);

  tell("starting etcd, kube-apiserver and kube-controller-manager, twice");
  const open = async (name: string, title: string, side: string, kubeconfig: string): Promise<DemoCluster> => {
    const plane = stack.use(await ControlPlane.start({ name, binaries, progress: tell }, signal));
    const kubeconfigPath = join(directory, kubeconfig);
    await Deno.writeTextFile(kubeconfigPath, plane.kubeconfig, { mode: 0o600 });
    return { title, plane, client: stack.use(new KubeClient(plane.config, { side })), kubeconfigPath };
  };
  // Both are awaited even if one fails, so that nothing starts after the stack is gone.
  const [provider, consumer] = await Promise.allSettled([
    open("control-plane", "control plane cluster", "provider", "control-plane.kubeconfig"),
    open("app", "app cluster", "consumer", "app.kubeconfig"),
  ]);
  if (provider.status === "rejected") throw provider.reason;
  if (consumer.status === "rejected") throw consumer.reason;
  return { provider: provider.value, consumer: consumer.value, directory, kubectlPath };
}

/** What kubectl remembers of a server goes by host and port, and ports come back for other servers. */
const kubectlScript = (kubectl: readonly string[], directory: string) =>
  `#!/bin/sh
export KUBECACHEDIR=${quote(join(directory, "kubectl-cache"))}
exec ${kubectl.map(quote).join(" ")} "$@"
`;

/** An argument as a shell takes it. */
export const quote = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
