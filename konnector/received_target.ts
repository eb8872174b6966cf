import { ConfigError } from "../kube/errors.ts";
import type { ClusterConfig } from "../kube/kubeconfig.ts";
import { parseReceivedKubeconfig } from "../kube/received_kubeconfig.ts";

/**
 * Where a kubeconfig leads that a provider has sent, and which namespace there is ours, as its context says.
 *
 * @throws {ConfigError} when it cannot be used
 */
export function receivedTarget(kubeconfig: string): { config: ClusterConfig; namespace: string } {
  const config = parseReceivedKubeconfig(kubeconfig);
  const { namespace } = config;
  if (!namespace) throw new ConfigError("Cannot use the received kubeconfig: its context has no namespace");
  return { config, namespace };
}
