import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import type { APIServiceExport } from "../crds/api_service_export.ts";
import { type ConditionType, fails, holds, type Reason } from "../crds/reasons.ts";
import type { Condition } from "../crds/shared.ts";
import { type ConditionState, findCondition, setCondition, summarize } from "../kube/conditions.ts";
import { counted } from "../kube/plural.ts";
import { type CustomResourceDefinition, isEstablished } from "../kube/resources.ts";
import { resourceName } from "../kube/types.ts";
import { isOurs, nameConflict, sameSchema } from "../sync/consumer_crd.ts";
import { definitionOf, type SyncDefinition } from "../sync/definition.ts";
import { mayBeBound } from "../sync/protected_apis.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { ReadTrouble } from "./instance_sync.ts";

const KIND = "APIServiceBinding";

/** What is known about one binding, on both clusters. */
export interface BindingView {
  binding: APIServiceBinding;
  /** Key of an older binding of the same API, which therefore has it. */
  rival?: string;
  /** Why the kubeconfig cannot be used; undefined when it can. */
  kubeconfigTrouble?: { reason: "KubeconfigSecretNotFound" | "KubeconfigSecretInvalid"; message: string };
  /** Absent when the kubeconfig cannot be used. */
  connection?: { readonly isSynced: boolean; readonly trouble?: string; readonly heartbeat: Heartbeat };
  /** Why the app cluster does not answer, if it is not the cluster of the binding; what is told of it is from before. */
  consumerTrouble?: string;
  /** The provider's offer; looked up only over a connection that is synced. */
  export?: APIServiceExport;
  /** The CRD of that name on the consumer. */
  crd?: CustomResourceDefinition;
  /** What stands alone on the provider; absent while that is not known. */
  orphans?: string[];
  /** Why objects cannot be read on a cluster that answers. */
  readTrouble?: ReadTrouble;
  /** What the API server said when it refused the CRD. */
  refusal?: { step: CrdStep; message: string };
}

export type CrdStep = "create" | "update";

export interface BindingPlan {
  crd?: CrdStep;
  /** Objects are synced like this; absent while they must not be. */
  sync?: SyncDefinition;
  conditions: Condition[];
  /** What the app cluster's API server has made of the schema that the export has now; absent while that is not known. */
  schema?: SchemaFate;
}

export type SchemaFate = "installed" | "refused";

/** What to write for one binding, whether its objects may be synced, and what to tell about it. */
export function planBinding(view: BindingView, now: Date): BindingPlan {
  let conditions = view.binding.status?.conditions ?? [];
  const set = (condition: ConditionState) => conditions = setCondition(conditions, condition, now);
  const done = (rest: Omit<BindingPlan, "conditions"> = {}): BindingPlan => ({
    ...rest,
    conditions: summarize(conditions, now),
  });

  const refusal = refusalOf(view);
  if (refusal) {
    refusal.forEach(set);
    return done();
  }
  const { kubeconfigTrouble, connection } = view;
  if (kubeconfigTrouble) {
    set(fails(KIND, "SecretValid", kubeconfigTrouble.reason, kubeconfigTrouble.message));
    for (const type of OVER_CONNECTION) if (findCondition(conditions, type)) set(unknown(type));
    return done();
  }
  set(holds(KIND, "SecretValid"));
  const before = findCondition(conditions, "Connected")?.status ?? "Unknown";
  if (before === "Unknown") set(pending("The provider has not been asked yet"));
  if (!connection) return done();
  if (connection.heartbeat.trouble) {
    set(fails(KIND, "Heartbeating", "ClusterBindingUpdateFailed", connection.heartbeat.trouble));
  } else if (connection.heartbeat.sentAt) set(holds(KIND, "Heartbeating"));

  if (!connection.isSynced) {
    if (connection.trouble) set(fails(KIND, "InformersSynced", "InformerSyncTimeout", connection.trouble));
    return done();
  }
  const isAway = connection.trouble ?? view.consumerTrouble;
  set(view.readTrouble && isAway === undefined ? unreadable(view.readTrouble) : holds(KIND, "InformersSynced"));
  const { conditions: own, ...rest } = planCrd(view);
  if (view.consumerTrouble) {
    set(fails(KIND, "Connected", "AppClusterUnreachable", view.consumerTrouble));
    return done({ sync: rest.sync });
  }
  const states = new Map(own.map((state) => [state.type, state]));
  const connected = states.get("Connected") ?? findCondition(conditions, "Connected");
  if (connection.trouble && connected?.status === "True") {
    states.set("Connected", fails(KIND, "Connected", "ProviderUnreachable", connection.trouble));
  }
  states.forEach(set);
  if (view.orphans) set(deletionsSeen(view.orphans));
  return done(rest);
}

/** What nobody can tell without a kubeconfig. */
const OVER_CONNECTION = ["Connected", "Heartbeating", "InformersSynced"] satisfies ConditionType<typeof KIND>[];

const unknown = (type: ConditionType<typeof KIND>): ConditionState => ({
  type,
  status: "Unknown",
  reason: "NotAsked",
  message: "The provider is not asked as long as SecretValid is False.",
});

const unreadable = ({ side, message }: ReadTrouble): ConditionState =>
  fails(KIND, "InformersSynced", side === "consumer" ? "AppClusterNotReadable" : "ProviderNotReadable", message);

/** The conditions with one more of them, and `Ready` as it then is. */
export const withCondition = (conditions: Condition[], state: ConditionState, now: Date): Condition[] =>
  summarize(setCondition(conditions, state, now), now);

/** Why a binding is not served, whatever its provider offers. */
export function refusalOf({ binding, rival }: Pick<BindingView, "binding" | "rival">): ConditionState[] | undefined {
  const { name } = binding.metadata;
  if (!mayBeBound(name.slice(name.indexOf(".") + 1))) return refused("APINotAllowed", `"${name}" may never be bound`);
  if (rival) return refused("AlreadyBound", `"${name}" is bound by APIServiceBinding "${rival}" already`);
}

function deletionsSeen(orphans: string[]): ConditionState {
  if (orphans.length === 0) return holds(KIND, "DeletionsSeen");
  const names = orphans.slice(0, 3).join(", ") + (orphans.length > 3 ? ", …" : "");
  const number = counted(orphans.length, "object on the provider is", "objects on the provider are");
  const what = `${number} missing here, and nobody saw the deletion: ${names}`;
  return fails(KIND, "DeletionsSeen", "OrphansFound", what);
}

/** Without it, `Ready` would say that everything known so far is fine. */
const pending = (what: string) => fails(KIND, "Connected", "Pending", what);

/** The API is not offered on the consumer, or not as the provider has it now. */
const refused = (
  reason: Reason<typeof KIND, "Connected"> & Reason<typeof KIND, "SchemaInSync">,
  what: string,
): ConditionState[] => [
  fails(KIND, "Connected", reason, what),
  fails(KIND, "SchemaInSync", reason, what),
];

/** The part that decides between the provider's export and the CRD on the consumer. */
function planCrd(
  { binding, export: exported, crd, refusal }: BindingView,
): Omit<BindingPlan, "conditions"> & { conditions: ConditionState[] } {
  const { name } = binding.metadata;
  if (!exported) {
    const what = `There is no APIServiceExport "${name}" for this cluster`;
    return { conditions: [fails(KIND, "Connected", "APIServiceExportNotFound", what)] };
  }
  const definition = definitionOf(exported);
  if (resourceName(definition.resource) !== name) {
    const what = `APIServiceExport "${name}" is about "${resourceName(definition.resource)}"`;
    return { conditions: [fails(KIND, "Connected", "APIServiceExportInvalid", what)] };
  }
  if (crd && !isOurs(crd, binding)) {
    const what = `CustomResourceDefinition "${name}" on this cluster belongs to somebody else and is left alone`;
    return { conditions: refused("ForeignCustomResourceDefinition", what) };
  }
  if (refusal) {
    const reason = refusal.step === "create"
      ? "CustomResourceDefinitionCreateFailed"
      : "CustomResourceDefinitionUpdateFailed";
    // Objects of the schema before this one are synced further.
    const sync = crd && isEstablished(crd) ? definition : undefined;
    return { sync, conditions: refused(reason, refusal.message), schema: "refused" };
  }
  const step = !crd ? "create" as const : sameSchema(crd, exported, binding) ? undefined : "update" as const;
  if (!crd || !isEstablished(crd)) {
    const conflict = crd && nameConflict(crd);
    const what = `CustomResourceDefinition "${name}" is not established on this cluster`;
    const condition = conflict
      ? fails(KIND, "Connected", "CustomResourceDefinitionCreateFailed", `${what}: ${conflict}`)
      : pending(`${what} yet`);
    return { crd: step, conditions: [condition] };
  }
  if (step) return { crd: step, sync: definition, conditions: [] };
  return { sync: definition, conditions: [holds(KIND, "Connected"), holds(KIND, "SchemaInSync")], schema: "installed" };
}
