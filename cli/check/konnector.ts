import { KLUTCH_NAMESPACE } from "../../crds/names.ts";
import { judgeClaims } from "../../sync/claim_judgement.ts";
import { definitionOf } from "../../sync/definition.ts";
import { claimRights, instanceRights } from "../../sync/rights.ts";
import { type Finding, passed, stopped } from "../diagnosis/finding.ts";
import type { Deployment } from "../diagnosis/konnector.ts";
import type { Landscape } from "../diagnosis/landscape.ts";
import { readable } from "../diagnosis/readable.ts";
import { missingKonnectorRights } from "../diagnosis/rights.ts";

/** The konnector: its Lease, and where it is a Deployment, its image, pods, and rights for all that is bound. */
export async function konnectorFindings(landscape: Landscape, signal: AbortSignal): Promise<Finding[]> {
  const { konnector: { deployment, finding } } = landscape;
  if (!deployment) return [finding];
  return [finding, podFinding(deployment), ...await rightFindings(landscape, deployment, signal)];
}

function podFinding({ spec, status }: Deployment): Finding {
  const [ready, wanted] = [status?.readyReplicas ?? 0, spec.replicas ?? 1];
  const what = `${spec.template.spec.containers[0]?.image}: ${ready} of ${wanted} replicas are ready`;
  return ready < wanted ? stopped("Konnector", "ReplicasMissing", what) : passed("Konnector", what);
}

async function rightFindings(
  { appCluster, bindings, ...landscape }: Landscape,
  deployment: Deployment,
  signal: AbortSignal,
): Promise<Finding[]> {
  const bound = new Set(bindings.map(({ metadata }) => metadata.name));
  const rights = (await Promise.all(bindings.map(async (binding) => {
    const { exported } = await landscape.look(binding, signal);
    const claims = judgeClaims(binding, bound).effective.flatMap((claim) => claimRights("consumer", claim));
    return exported ? [...instanceRights("consumer", definitionOf(exported)), ...claims] : claims;
  }))).flat();
  const account = deployment.spec.template.spec.serviceAccountName ?? "default";
  const missing = await readable(missingKonnectorRights(appCluster, account, rights, signal));
  if (!missing) return [];
  return [
    missing.length === 0
      ? passed("Rights", `ServiceAccount "${KLUTCH_NAMESPACE}/${account}" may do all that is bound`)
      : stopped(
        "Rights",
        "ConsumerRightsMissing",
        `ServiceAccount "${KLUTCH_NAMESPACE}/${account}" may not ${missing.join(", ")}`,
      ),
  ];
}
