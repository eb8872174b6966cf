/** How to call each program: an executable and its first arguments. */
export interface ControlPlaneBinaries {
  etcd: readonly string[];
  kubeApiServer: readonly string[];
  kubeControllerManager: readonly string[];
  kubectl: readonly string[];
}

/** One executable that is all four programs, chosen by its first argument. */
export const allInOne = (path: string): ControlPlaneBinaries => ({
  etcd: [path, "etcd"],
  kubeApiServer: [path, "kube-apiserver"],
  kubeControllerManager: [path, "kube-controller-manager"],
  kubectl: [path, "kubectl"],
});
