import type { KubeClient } from "../../kube/client.ts";
import { findBindingApi } from "../api_service_binding.ts";
import { type Finding, passed, stopped } from "../diagnosis/finding.ts";
import { isSkewed } from "../diagnosis/skew.ts";
import { missingRights } from "../diagnosis/rights.ts";
import { formatAge } from "../duration.ts";
import { BIND_RIGHTS } from "./own_rights.ts";

/** Rules in CRDs came with it. */
const OLDEST = { major: 1, minor: 25 };

/** The app cluster itself: its version and clock, what it serves, and what the person may do there. */
export async function clusterFindings(appCluster: KubeClient, signal: AbortSignal): Promise<Finding[]> {
  const [{ version, time }, bindingApi, missing] = await Promise.all([
    appCluster.serverInfo(signal),
    findBindingApi(appCluster, signal),
    missingRights(appCluster, BIND_RIGHTS, {}, signal),
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
