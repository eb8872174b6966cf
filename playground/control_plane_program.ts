import goMod from "./controlplane/go.mod" with { type: "text" };
import goSum from "./controlplane/go.sum" with { type: "text" };
import mainGo from "./controlplane/main.go" with { type: "text" };
import { type GoProgram, moduleVersion } from "./go_build.ts";

/** etcd, kube-apiserver, kube-controller-manager and kubectl as one executable. */
export const CONTROL_PLANE: GoProgram = {
  title: "control plane",
  about: [
    "building etcd, kube-apiserver, kube-controller-manager and kubectl from Go modules",
    "about 4 minutes and 1.5 GB of downloads the first time; kept in the cache afterwards",
  ],
  sources: { "main.go": mainGo, "go.mod": goMod, "go.sum": goSum },
  package: ".",
  linkerFlags: `-X k8s.io/component-base/version.gitVersion=${moduleVersion(goMod, "k8s.io/kubernetes")}`,
  output: "controlplane",
};
