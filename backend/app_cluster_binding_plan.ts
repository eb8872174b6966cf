import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceExportRequest } from "../crds/api_service_export_request.ts";
import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import type { AppClusterBinding, BoundApi } from "../crds/app_cluster_binding.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { APP_CLUSTER_BINDING_ANNOTATION } from "../crds/names.ts";
import { fails, holds, type Reason } from "../crds/reasons.ts";
import { groupResourceName } from "../crds/shared.ts";
import { type ConditionState, findCondition, READY } from "../kube/conditions.ts";
import type { Namespace } from "../kube/resources.ts";
import { annotationOf, isDeleting, keyOf, type KubeObject, type ObjectKey } from "../kube/types.ts";
import { newExportRequest, ownerTerm, ownerTermOf, rootNamespaceNames, serviceBinding } from "./app_cluster_objects.ts";

const KIND = "AppClusterBinding";

/** Who a root namespace says it belongs to. */
export const rootOwner = (namespace: Namespace): string | undefined =>
  annotationOf(namespace, APP_CLUSTER_BINDING_ANNOTATION);

export interface RootView {
  key: ObjectKey;
  /** Namespaces that say they belong to this AppClusterBinding. */
  owned: Namespace[];
  namespaceOf(name: string): Namespace | undefined;
  /** The contract in a namespace. */
  contractIn(namespace: string): ClusterBinding | undefined;
}

export type RootPlan =
  | { do: "use" | "create" | "take over"; name: string }
  | { do: "wait"; condition: ConditionState };

/**
 * Which namespace is the root of an AppClusterBinding. One of a backend before us carries no owner; its contract does.
 * Whatever else has the wanted name belongs to somebody else: `a` + `b-c` and `a-b` + `c` give the same.
 */
export function planRoot({ key, owned, namespaceOf, contractIn }: RootView): RootPlan {
  if (owned[0]) {
    const { name } = owned[0].metadata;
    if (!isDeleting(owned[0])) return { do: "use", name };
    return { do: "wait", condition: unbound("Pending", `Namespace "${name}" is still being deleted`) };
  }
  const names = rootNamespaceNames(key);
  const isOurs = (name: string) => {
    const [namespace, contract] = [namespaceOf(name), contractIn(name)];
    return namespace && !rootOwner(namespace) && contract && ownerTerm(contract) === ownerTermOf(key);
  };
  const before = names.find(isOurs);
  if (before) return { do: "take over", name: before };
  const free = names.find((name) => !namespaceOf(name));
  if (free) return { do: "create", name: free };
  const what = `The names ${names.join(", ")} are taken by namespaces that do not belong to this object`;
  return { do: "wait", condition: unbound("NamespaceTaken", what) };
}

export interface ApisView {
  binding: AppClusterBinding;
  root: string;
  templateOf(api: string): APIServiceExportTemplate | undefined;
  /** In the root namespace. */
  bindings: APIServiceBinding[];
  exports: APIServiceExport[];
  requests: APIServiceExportRequest[];
}

export interface ApisPlan {
  /** As they should be; those that are so already need no write. */
  bindings: APIServiceBinding[];
  newRequests: APIServiceExportRequest[];
  surplus: { bindings: APIServiceBinding[]; exports: APIServiceExport[]; requests: APIServiceExportRequest[] };
  condition: ConditionState;
}

/**
 * What is bound, and asked for, as `apiExports` says. What leaves that list goes in order: its export stays until the
 * konnector has let the binding go. An API whose template has vanished stays as it is.
 */
export function planApis(view: ApisView): ApisPlan {
  const { binding, templateOf, bindings, exports, requests } = view;
  const apis = new Map((binding.spec.apiExports ?? []).map((api) => [groupResourceName(api), api]));
  const isBound = (name: string) => bindings.some(({ metadata }) => metadata.name === name);
  const isOurs = (object: KubeObject) => ownerTerm(object) === ownerTermOf(keyOf(binding));
  const plan: ApisPlan = {
    bindings: [],
    newRequests: [],
    surplus: {
      bindings: bindings.filter((one) => isOurs(one) && !apis.has(one.metadata.name)),
      exports: exports.filter(({ metadata: { name } }) => !apis.has(name) && !isBound(name)),
      requests: requests.filter((one) => isOurs(one) && !apisOf(one).some((name) => apis.has(name))),
    },
    condition: holds(KIND, "APIsBound"),
  };
  const obstacles = [...apis].flatMap(([name, api]) => planApi(plan, view, name, api, templateOf(name)) ?? []);
  plan.condition = obstacles.find(({ severity }) => severity === "Error") ?? obstacles[0] ?? plan.condition;
  return plan;
}

function planApi(
  plan: ApisPlan,
  { binding, root, bindings, exports, requests }: ApisView,
  name: string,
  api: BoundApi,
  template: APIServiceExportTemplate | undefined,
): ConditionState | undefined {
  const bound = bindings.find(({ metadata }) => metadata.name === name);
  if (!template) return unbound("NotOffered", `There is no APIServiceExportTemplate for "${name}"`);
  plan.bindings.push(serviceBinding(binding, root, api, template.spec));
  if (!exports.some(({ metadata }) => metadata.name === name)) {
    const request = requests.find((one) => apisOf(one).includes(name));
    if (!request) {
      const taken = [...requests, ...plan.newRequests].map(({ metadata }) => metadata.name);
      plan.newRequests.push(newExportRequest(binding, root, api, template, taken));
    }
    if (request?.status?.phase === "Failed") return unbound("ExportFailed", request.status.terminalMessage ?? name);
    return unbound("Pending", `"${name}" is not exported yet`);
  }
  const ready = findCondition(bound?.status?.conditions, READY);
  if (ready?.status === "True") return undefined;
  const reason = ready?.reason === "AppClusterUnreachable" ? ready.reason : "Pending";
  return unbound(reason, `"${name}" is not ready: ${ready?.message ?? "no konnector has looked at it yet"}`);
}

const apisOf = ({ spec }: APIServiceExportRequest): string[] => spec?.resources?.map(groupResourceName) ?? [];

const unbound = (reason: Reason<"AppClusterBinding", "APIsBound">, what: string): ConditionState =>
  fails(KIND, "APIsBound", reason, what.replace(/\.$/, ""));
