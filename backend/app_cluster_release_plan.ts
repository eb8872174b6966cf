import type { AppClusterBinding } from "../crds/app_cluster_binding.ts";
import { ON_UNBIND_ANNOTATION } from "../crds/names.ts";
import { fails, type Reason } from "../crds/reasons.ts";
import { type ConditionState, findCondition } from "../kube/conditions.ts";
import { annotationOf, formatKey, isDeleting, keyOf, type KubeObject } from "../kube/types.ts";

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
  /** Bindings that no konnector will let go. */
  abandoned: KubeObject[];
  condition: ConditionState;
}

interface Stage {
  reason: Reason<"AppClusterBinding", "Released">;
  objects: Objects[];
  /** Those with which the others go, where they are not all. */
  doomed?: KubeObject[];
}

/**
 * What has to go next, in the order in which nobody is left behind: the konnector lets its bindings go and ends; then the
 * services, with their namespaces, and the root namespace with all rights in it. Where services are to be retained, their
 * namespaces and the root namespace stay, and the rights alone go. An app cluster that is gone for good is not asked: its
 * konnector ends first.
 *
 * @returns undefined when nothing remains
 */
export function planRelease(binding: AppClusterBinding, remains: Remains): ReleaseStage | undefined {
  const { bindings, deployments, serviceNamespaces, mappedNamespaces, grants, roots } = remains;
  const isForced = annotationOf(binding, ON_UNBIND_ANNOTATION) === "force";
  const work: Stage[] = [
    { reason: "BindingsRemain", objects: bindings },
    { reason: "KonnectorRemains", objects: deployments },
  ];
  const services: Stage[] = [
    { reason: "ServicesRemain", objects: [...serviceNamespaces, ...mappedNamespaces], doomed: serviceNamespaces },
    { reason: "NamespaceRemains", objects: roots },
  ];
  const stages = [
    ...(isForced ? work.toReversed() : work),
    ...(binding.spec.deletionPolicy === "Retain" ? [{ reason: "GrantsRemain" as const, objects: grants }] : services),
  ];
  const stage: Stage | undefined = stages.find(({ objects }) => objects.length > 0);
  if (!stage) return undefined;
  const { reason, objects, doomed = objects } = stage;
  return {
    doomed: doomed.filter((one) => !isDeleting(one)),
    abandoned: isForced && reason === "BindingsRemain" ? objects.filter(isDeleting) : [],
    condition: fails("AppClusterBinding", "Released", reason, describe(objects)),
  };
}

function describe(objects: Objects[]): string {
  const names = objects.slice(0, 3).map((one) => `${one.kind} ${formatKey(keyOf(one))}`).join(", ");
  const unbound = objects.map(({ status }) => findCondition(status?.conditions, "Unbound")).find((one) => one?.message);
  const what = `Still there: ${names}${objects.length > 3 ? ", …" : ""}${unbound ? `: ${unbound.message}` : ""}`;
  return what.replace(/\.$/, "");
}
