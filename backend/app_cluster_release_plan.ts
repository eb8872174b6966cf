import type { AppClusterBinding } from "../crds/app_cluster_binding.ts";
import { fails, type Reason } from "../crds/reasons.ts";
import { type ConditionState, findCondition } from "../kube/conditions.ts";
import { formatKey, isDeleting, keyOf, type KubeObject } from "../kube/types.ts";

type Objects = KubeObject & { status?: { conditions?: ConditionState[] } };

/** What is still there of an AppClusterBinding that is being deleted. */
export interface Remains {
  bindings: Objects[];
  deployments: KubeObject[];
  /** APIServiceNamespaces, with which the mapped namespaces go. */
  serviceNamespaces: KubeObject[];
  mappedNamespaces: KubeObject[];
  /** Credentials, rights and everything else in the root namespace that let a konnector work. */
  grants: KubeObject[];
  roots: KubeObject[];
}

/** One stage of the way back; the next one begins when nothing of it remains. */
export interface ReleaseStage {
  /** Still to be deleted; what is being deleted already needs only time. */
  doomed: KubeObject[];
  condition: ConditionState;
}

/**
 * What has to go next, in the order in which nobody is left behind: the konnector lets its bindings go and ends; then the
 * services, with their namespaces, and the root namespace with all rights in it. Where services are to be retained, their
 * namespaces and the root namespace stay, and the rights alone go.
 *
 * @returns undefined when nothing remains
 */
export function planRelease({ spec }: AppClusterBinding, remains: Remains): ReleaseStage | undefined {
  const { bindings, deployments, serviceNamespaces, mappedNamespaces, grants, roots } = remains;
  const stages: [reason: Reason<"AppClusterBinding", "Released">, objects: Objects[], doomed?: KubeObject[]][] = [
    ["BindingsRemain", bindings],
    ["KonnectorRemains", deployments],
    ...(spec.deletionPolicy === "Retain" ? [["GrantsRemain", grants] as const] : [
      ["ServicesRemain", [...serviceNamespaces, ...mappedNamespaces], serviceNamespaces] as const,
      ["NamespaceRemains", roots] as const,
    ]).map(([reason, objects, doomed]): typeof stages[number] => [reason, [...objects], doomed && [...doomed]]),
  ];
  const stage = stages.find(([, objects]) => objects.length > 0);
  if (!stage) return undefined;
  const [reason, objects, doomed = objects] = stage;
  const names = objects.slice(0, 3).map((one) => `${one.kind} ${formatKey(keyOf(one))}`).join(", ");
  const unbound = objects.map(({ status }) => findCondition(status?.conditions, "Unbound")).find((one) => one?.message);
  const what = `Still there: ${names}${objects.length > 3 ? ", …" : ""}${unbound ? `: ${unbound.message}` : ""}`;
  return {
    doomed: doomed.filter((one) => !isDeleting(one)),
    condition: fails("AppClusterBinding", "Released", reason, what.replace(/\.$/, "")),
  };
}
