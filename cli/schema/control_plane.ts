import { KubeClient } from "../../kube/client.ts";
import { loadKubeconfig } from "../../kube/kubeconfig.ts";
import type { ProgramContext } from "../../program.ts";

/** Flags that say which control plane is meant. */
export interface ControlPlaneFlags {
  kubeconfig?: string;
  context?: string;
}

/** A client of that control plane. @throws {ConfigError} for a kubeconfig that cannot be used */
export async function openControlPlane(
  { kubeconfig: path, context }: ControlPlaneFlags,
  { env, version }: Pick<ProgramContext, "env" | "version">,
): Promise<KubeClient> {
  const config = await loadKubeconfig({ path, context, env });
  return new KubeClient(config, { side: "control plane", userAgent: `kubectl-klutch/${version}` });
}
