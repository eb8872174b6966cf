import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import { deepEqual } from "../../kube/json.ts";
import { judgeClaims } from "../../sync/claim_judgement.ts";
import { reachesNamespace } from "../../sync/claim_rules.ts";
import { definitionOf } from "../../sync/definition.ts";
import { claimRights, CONTRACT_RIGHTS, instanceRights, type Right, ruleOf } from "../../sync/rights.ts";
import type { BindingView } from "../diagnosis/binding.ts";
import type { ProviderSide } from "../diagnosis/provider_side.ts";
import { compareRights, type RightFinding } from "./compare.ts";
import { grantedToSelf } from "./granted.ts";

/** No contract has rights here but those that hold everywhere. */
const ELSEWHERE = "klutch-rights-elsewhere";

/** What came out for one cluster. */
export interface AuditResult {
  findings: RightFinding[];
  /** Why they cannot be told, or not all, if so. */
  problem?: string;
}

/**
 * Where the rights of a kubeconfig on its provider are not those that its bindings need. Where the API server lists some
 * rights only, nothing is called missing.
 */
export async function auditProvider(
  side: ProviderSide,
  views: readonly BindingView[],
  bound: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<AuditResult> {
  const { client, contract, clusterNamespace } = side;
  const needed = neededOf(views, bound);
  let problem: string | undefined;
  const audit = async (namespace: string, rights: readonly Right[]) => {
    const { rules, gap } = await grantedToSelf(client, namespace, signal);
    if (gap) problem ??= `not all rights there are listed: ${gap}`;
    return compareRights([{ rules }], [{ rules: rights.map(ruleOf) }])
      .filter(({ finding }) => !gap || finding !== "missing");
  };
  const everywhere = await audit(ELSEWHERE, needed.everywhere);
  const auditOne = async (namespace: string, rights: readonly Right[]) => {
    const own = await audit(namespace, [...needed.everywhere, ...rights]);
    // What is granted everywhere has been told once.
    return own.filter((one) => !everywhere.some((told) => deepEqual(one, told))).map((one) => ({ ...one, namespace }));
  };
  const findings = [...everywhere, ...await auditOne(clusterNamespace, CONTRACT_RIGHTS)];
  for (const { metadata: { name }, status } of contract.namespaces.list()) {
    if (status?.namespace) findings.push(...await auditOne(status.namespace, needed.in(name)));
  }
  return { findings, problem };
}

interface Needed {
  everywhere: Right[];
  /** In the counterpart of a namespace of the app cluster. */
  in(namespace: string): Right[];
}

function neededOf(views: readonly BindingView[], bound: ReadonlySet<string>): Needed {
  const definitions = views.flatMap(({ exported }) => exported ? [definitionOf(exported)] : []);
  const rightsOf = (wide: boolean) =>
    definitions.filter(({ informerScope }) => (informerScope === "Cluster") === wide)
      .flatMap((definition) => instanceRights("provider", definition));
  const claims = views.flatMap(({ binding }: { binding: APIServiceBinding }) => judgeClaims(binding, bound).effective);
  return {
    everywhere: rightsOf(true),
    in: (namespace) => [
      ...rightsOf(false),
      ...claims.filter((claim) => reachesNamespace(claim, namespace)).flatMap((claim) =>
        claimRights("provider", claim)
      ),
    ],
  };
}
