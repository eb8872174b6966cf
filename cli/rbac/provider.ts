import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
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

/** Where the rights of a kubeconfig on its provider are not those that its bindings need. */
export async function auditProvider(
  side: ProviderSide,
  views: readonly BindingView[],
  bound: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<RightFinding[]> {
  const { client, contract, clusterNamespace } = side;
  const needed = neededOf(views, bound);
  const everywhere = compare(await grantedToSelf(client, ELSEWHERE, signal), needed.everywhere);
  const findings: RightFinding[] = everywhere;
  const audit = async (namespace: string, rights: Right[]) => {
    const granted = await grantedToSelf(client, namespace, signal);
    const own = compare(granted, [...needed.everywhere, ...rights]).map((one) => ({ ...one, namespace }));
    // What is granted everywhere has been told once.
    findings.push(...own.filter((one) => !everywhere.some((told) => isSame(one, told))));
  };
  await audit(clusterNamespace, [...CONTRACT_RIGHTS]);
  for (const { metadata: { name }, status } of contract.namespaces.list()) {
    if (status?.namespace) await audit(status.namespace, needed.in(name));
  }
  return findings;
}

const compare = (granted: Parameters<typeof compareRights>[0][number]["rules"], needed: readonly Right[]) =>
  compareRights([{ rules: granted }], [{ rules: needed.map(ruleOf) }]);

const isSame = (one: RightFinding, other: RightFinding): boolean =>
  one.finding === other.finding && one.resource === other.resource && one.verbs.join() === other.verbs.join();

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
