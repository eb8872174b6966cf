import { type BindingView, heartbeatAgeMs } from "../diagnosis/binding.ts";
import { byVerdict, type Finding, type Verdict, worstOf } from "../diagnosis/finding.ts";
import type { KonnectorView } from "../diagnosis/konnector.ts";
import { printable } from "../../printable.ts";

/** What `status` says; `-o json` prints it as it is. */
export interface Status {
  /** The worst of the bindings; `OK` where nothing is bound, which needs no konnector. */
  verdict: Verdict;
  /** Only bindings of this one were looked at. */
  namespace?: string;
  konnector: Finding;
  /** The worst first. */
  bindings: BindingStatus[];
}

export interface BindingStatus {
  name: string;
  namespace?: string;
  verdict: Verdict;
  provider?: string;
  /** Of the bound kind, on this cluster. */
  objects?: number;
  /** On both clusters because of claims. */
  claimedObjects: number;
  /** As the provider knows it. */
  konnectorVersion?: string;
  heartbeatAgeSeconds?: number;
  /** All that does not hold; of several that fail, the first is the cause. */
  findings: Finding[];
}

/** @param counts of objects on the app cluster, by the binding's name */
export function statusOf(
  konnector: KonnectorView,
  views: readonly BindingView[],
  counts: ReadonlyMap<string, number>,
  namespace?: string,
): Status {
  const bindings = views.map((view) => statusOfBinding(view, counts))
    .toSorted((a, b) => byVerdict(a, b) || a.name.localeCompare(b.name));
  const verdict = bindings[0]?.verdict ?? "OK";
  return { verdict, namespace, konnector: konnector.finding, bindings };
}

function statusOfBinding({ binding, provider, findings }: BindingView, counts: ReadonlyMap<string, number>) {
  const { metadata: { namespace, name }, status } = binding;
  const { clusterBinding, now } = provider.contract ?? {};
  const ageMs = clusterBinding && now && heartbeatAgeMs(clusterBinding, now);
  const shown = (text: string | undefined) => text && printable(text, 100);
  return {
    name,
    namespace,
    verdict: worstOf(findings)?.verdict ?? "OK",
    provider: shown(clusterBinding?.spec.providerPrettyName ?? status?.providerPrettyName),
    objects: counts.get(name),
    claimedObjects: (status?.claims ?? []).reduce((sum, { objects }) => sum + objects, 0),
    konnectorVersion: shown(clusterBinding?.status?.konnectorVersion),
    heartbeatAgeSeconds: ageMs === undefined ? undefined : Math.round(ageMs / 1000),
    findings: findings.filter(({ verdict }) => verdict !== "OK").toSorted(byVerdict),
  } satisfies BindingStatus;
}
