import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import { KONNECTOR } from "../../crds/names.ts";
import type { ObjectKey } from "../../kube/types.ts";
import { judgeClaims } from "../../sync/claim_judgement.ts";
import type { SyncDefinition } from "../../sync/definition.ts";
import { claimRights, instanceRights } from "../../sync/rights.ts";
import { type Finding, passed, stopped } from "../diagnosis/finding.ts";
import { readable } from "../diagnosis/readable.ts";
import type { Landscape } from "../diagnosis/landscape.ts";
import type { ProviderSide } from "../diagnosis/provider_side.ts";
import { missingKonnectorRights, missingRights } from "../diagnosis/rights.ts";

interface Subject {
  definition: SyncDefinition;
  binding: APIServiceBinding;
  /** Where the object is on the provider, if that is known. */
  place?: ObjectKey;
}

/** Whether the konnector may do what it has to do: on this cluster as its ServiceAccount, on the provider as the kubeconfig. */
export async function rightFindings(
  { appCluster, konnector, bindings }: Landscape,
  { client }: ProviderSide,
  { definition, binding, place }: Subject,
  signal: AbortSignal,
): Promise<Finding[]> {
  const bound = new Set(bindings.map(({ metadata }) => metadata.name));
  const { effective } = judgeClaims(binding, bound);
  const ofClaims = (side: "consumer" | "provider") => effective.flatMap((claim) => claimRights(side, claim));
  const { deployment } = konnector;
  const account = deployment?.spec.template.spec.serviceAccountName ?? "default";
  const onConsumer = [...instanceRights("consumer", definition), ...ofClaims("consumer")];
  const isWide = definition.informerScope === "Cluster";
  const mapped = place?.namespace;
  const [here, there, claimed] = await Promise.all([
    deployment && readable(missingKonnectorRights(appCluster, account, onConsumer, signal)),
    isWide || mapped
      ? missingRights(
        client,
        instanceRights("provider", definition),
        { namespace: isWide ? undefined : mapped },
        signal,
      )
      : undefined,
    // Claims stay within mapped namespaces, whatever is watched.
    mapped ? missingRights(client, ofClaims("provider"), { namespace: mapped }, signal) : [],
  ]);
  return [
    ...(here ? [rightFinding("ConsumerRightsMissing", here, `${KONNECTOR} on this cluster`)] : []),
    ...(there ? [rightFinding("ProviderRightsMissing", [...there, ...claimed], ON_PROVIDER)] : []),
  ];
}

const ON_PROVIDER = "the binding's kubeconfig on the provider";

function rightFinding(
  reason: "ConsumerRightsMissing" | "ProviderRightsMissing",
  missing: string[],
  who: string,
): Finding {
  return missing.length === 0
    ? passed("Rights", `${who} may do all it has to`)
    : stopped("Rights", reason, `${who} may not ${missing.join(", ")}`);
}
