import type { KubeClient } from "../../kube/client.ts";
import type { Right } from "../../sync/rights.ts";
import { findBindingApi } from "../api_service_binding.ts";
import { type Finding, passed, stopped } from "../diagnosis/finding.ts";
import { isSkewed } from "../diagnosis/skew.ts";
import { missingRights } from "../diagnosis/rights.ts";
import { formatAge } from "../duration.ts";

/** Rules in CRDs came with it. */
const OLDEST = { major: 1, minor: 25 };
/** What `bind` writes on the app cluster. */
const NEEDED: Right[] = [
  { group: "", resource: "namespaces", verbs: ["get", "create"] },
  { group: "", resource: "secrets", verbs: ["list", "create", "patch"] },
  { group: "", resource: "serviceaccounts", verbs: ["create", "patch"] },
  { group: "apps", resource: "deployments", verbs: ["get", "create", "patch"] },
  { group: "rbac.authorization.k8s.io", resource: "clusterroles", verbs: ["create", "patch", "escalate"] },
  { group: "rbac.authorization.k8s.io", resource: "clusterrolebindings", verbs: ["create", "patch"] },
  { group: "klutch.anynines.com", resource: "apiservicebindings", verbs: ["get", "list", "watch", "create"] },
];

/** The app cluster itself: its version and clock, what it serves, and what the person may do there. */
export async function clusterFindings(appCluster: KubeClient, signal: AbortSignal): Promise<Finding[]> {
  const [{ version, time }, bindingApi, missing] = await Promise.all([
    appCluster.serverInfo(signal),
    findBindingApi(appCluster, signal),
    missingRights(appCluster, NEEDED, {}, signal),
  ]);
  const findings = [versionFinding(appCluster.server, version)];
  if (time) findings.push(clockFinding(Date.now() - time.getTime()));
  findings.push(
    bindingApi
      ? passed("Cluster", "APIServiceBindings are served")
      : stopped("Cluster", "BindingsNotServed", "APIServiceBindings are not served yet"),
    missing.length === 0
      ? passed("Cluster", "you may do all that `bind` does")
      : stopped("Cluster", "OwnRightsMissing", `you may not ${missing.join(", ")}`),
  );
  return findings;
}

function versionFinding(server: string, version: string): Finding {
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
  const isOld = Number(major) === OLDEST.major && Number(minor) < OLDEST.minor;
  const what = `${server}, version ${version}`;
  return isOld ? stopped("Cluster", "VersionTooOld", what) : passed("Cluster", what);
}

function clockFinding(skewMs: number): Finding {
  return isSkewed(skewMs)
    ? stopped(
      "Cluster",
      "LocalClockSkewed",
      `the clock of this machine is ${formatAge(Math.abs(skewMs))} off the cluster's`,
    )
    : passed("Cluster", "its clock and that of this machine agree");
}
