import type { AppClusterBinding } from "../crds/app_cluster_binding.ts";
import { BINDER, KONNECTOR } from "../crds/names.ts";
import { fails, holds } from "../crds/reasons.ts";
import type { ConditionState } from "../kube/conditions.ts";
import type { KubeObject } from "../kube/types.ts";
import { keyOf } from "../kube/types.ts";
import { konnectorPod } from "../konnector_pod.ts";
import { ownerLabels } from "./app_cluster_objects.ts";
import { boundedName } from "./bounded_name.ts";
import { mergeContainer } from "./container_merge.ts";

type Container = ReturnType<typeof konnectorPod>["containers"][number];

export interface Deployment extends KubeObject {
  spec: {
    replicas: number;
    selector: { matchLabels: Record<string, string> };
    template: {
      metadata: { labels: Record<string, string> };
      spec: Omit<ReturnType<typeof konnectorPod>, "containers"> & { containers: Container[] };
    };
  };
  status?: {
    observedGeneration?: number;
    availableReplicas?: number;
    conditions?: { type: string; status: string; message?: string }[];
  };
}

/** Names of ReplicaSets and pods are longer than that of their Deployment. */
const LONGEST_DEPLOYMENT = 240;

export const konnectorName = (binding: AppClusterBinding): string =>
  boundedName(`${KONNECTOR}-${binding.metadata.name}`, LONGEST_DEPLOYMENT);

/** The konnector of one app cluster, on the control plane. */
export function konnectorDeployment(binding: AppClusterBinding, root: string, image: string): Deployment {
  const { kubeconfigSecretRef: { name, key }, konnector } = binding.spec;
  const labels = { app: KONNECTOR, ...ownerLabels(keyOf(binding)) };
  const { containers: [container], ...pod } = konnectorPod({
    name: KONNECTOR,
    serviceAccountName: BINDER,
    labels,
    image,
    args: [
      "--control-plane-mode",
      `--app-cluster-kubeconfig-secret-name=${name}`,
      `--app-cluster-kubeconfig-secret-namespace=${root}`,
      `--app-cluster-kubeconfig-secret-key=${key}`,
      `--binding-root-namespace=${root}`,
      "--lease-namespace=$(POD_NAMESPACE)",
    ],
  });
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { namespace: root, name: konnectorName(binding), labels },
    spec: {
      replicas: 2, // one works, the other one waits to take over
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { ...pod, containers: [mergeContainer(container!, konnector?.overrides ?? {})] },
      },
    },
  };
}

/** Whether the konnector runs: at least one pod does its work, or stands by. */
export function konnectorCondition({ metadata, status = {} }: Deployment): ConditionState {
  const { observedGeneration = 0, availableReplicas = 0, conditions = [] } = status;
  if (observedGeneration >= (metadata.generation ?? 0) && availableReplicas > 0) {
    return holds("AppClusterBinding", "KonnectorDeployed");
  }
  const why = (["ReplicaFailure", "Progressing", "Available"] as const)
    .map((type) =>
      conditions.find((one) => one.type === type && (one.status === "True") === (type === "ReplicaFailure"))
    )
    .find((one) => one?.message)?.message;
  const what = `Deployment "${metadata.namespace}/${metadata.name}" has no pod that is ready${why ? `: ${why}` : ""}`;
  return fails("AppClusterBinding", "KonnectorDeployed", "KonnectorNotReady", what.replace(/\.$/, ""));
}
