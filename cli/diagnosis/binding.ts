import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import type { APIServiceExport } from "../../crds/api_service_export.ts";
import type { ClusterBinding } from "../../crds/cluster_binding.ts";
import { fails } from "../../crds/reasons.ts";
import { findCondition, READY } from "../../kube/conditions.ts";
import { parseGoDuration } from "../../kube/duration.ts";
import { definitionOf } from "../../sync/definition.ts";
import { formatAge } from "../duration.ts";
import { type Finding, ofCondition, passed } from "./finding.ts";
import type { KonnectorView } from "./konnector.ts";
import type { Contract, ProviderView } from "./provider.ts";

const KIND = "APIServiceBinding";

/** One binding with all that it depends on. */
export interface BindingView {
  binding: APIServiceBinding;
  provider: ProviderView;
  /** The provider's offer, when it is known. */
  exported?: APIServiceExport;
  /** In the order in which things depend on each other: of several that fail, the first is the cause. */
  findings: Finding[];
}

/** What is to be told about one binding; asks nobody. */
export function diagnoseBinding(
  binding: APIServiceBinding,
  konnector: KonnectorView,
  provider: ProviderView,
): BindingView {
  const { contract } = provider;
  const exported = contract?.exports.get(binding.metadata.name);
  const direct = [
    konnector.finding,
    ...provider.findings,
    ...(contract ? [exportFinding(binding, exported), ...heartbeatFindings(contract)] : []),
  ];
  const told = new Set(direct.map(({ reason }) => reason));
  const conditions = conditionFindings(binding).filter(({ reason }) => reason === undefined || !told.has(reason));
  return { binding, provider, exported, findings: [...direct, ...conditions] };
}

/** What is to be told about the provider's offer of what is bound. */
export function exportFinding(
  { metadata: { name } }: APIServiceBinding,
  exported: APIServiceExport | undefined,
): Finding {
  if (!exported) {
    const what = `There is no APIServiceExport "${name}" for this cluster`;
    return ofCondition(KIND, fails(KIND, "Connected", "APIServiceExportNotFound", what), "Export");
  }
  const trouble = findCondition(exported.status?.conditions, "ProviderInSync");
  if (trouble?.status === "False") return ofCondition("APIServiceExport", trouble, "Export");
  const { resource, informerScope } = definitionOf(exported);
  return passed(
    "Export",
    `${name}, version ${resource.version}, ${informerScope === "Cluster" ? "all" : "own"} namespaces`,
  );
}

/** What the backend would say of the last sign of life; judged here too, as there may be no backend left. */
function heartbeatFindings({ clusterBinding, now }: Contract): Finding[] {
  if (!clusterBinding || !now) return [];
  const unhealthy = (reason: Parameters<typeof fails<"ClusterBinding", "Healthy">>[2], what: string) => [
    ofCondition("ClusterBinding", fails("ClusterBinding", "Healthy", reason, what), "Heartbeat"),
  ];
  const ageMs = heartbeatAgeMs(clusterBinding, now);
  if (ageMs === undefined) {
    return unhealthy("FirstHeartbeatPending", "The provider has not heard from the konnector yet");
  }
  if (ageMs < -TOLERATED_DRIFT_MS) {
    return unhealthy("HeartbeatTimeDrift", `The last heartbeat is ${formatAge(-ageMs)} ahead of the provider's clock`);
  }
  const intervalMs = parseGoDuration(clusterBinding.status?.heartbeatInterval ?? "") ?? 0;
  if (intervalMs > 0 && ageMs > 2 * intervalMs) {
    return unhealthy("HeartbeatTimeout", `The provider has not heard from the konnector for ${formatAge(ageMs)}`);
  }
  return [passed("Heartbeat", `reached the provider ${formatAge(ageMs)} ago`)];
}

/** As the backend tolerates it: clocks of two clusters are never the same. */
const TOLERATED_DRIFT_MS = 10_000;

/** How long ago the konnector reported, by the provider's clock; undefined before the first time. */
export function heartbeatAgeMs({ status }: ClusterBinding, now: Date): number | undefined {
  const at = Date.parse(status?.lastHeartbeatTime ?? "");
  return Number.isNaN(at) ? undefined : now.getTime() - at;
}

function conditionFindings({ status }: APIServiceBinding): Finding[] {
  const conditions = status?.conditions ?? [];
  const parts = conditions.filter(({ type }) => type !== READY);
  if (parts.length === 0) {
    const what = "The konnector has not looked at this binding yet";
    return [ofCondition(KIND, fails(KIND, "Ready", "Pending", what), READY)];
  }
  const unmet = parts.filter(({ status }) => status !== "True").map((condition) => ofCondition(KIND, condition));
  return unmet.length > 0 ? unmet : [passed(READY, `all ${parts.length} conditions of the binding hold`)];
}
