import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { SYNC_FINALIZER } from "../crds/names.ts";
import { fails } from "../crds/reasons.ts";
import type { Api } from "../kube/api.ts";
import type { KubeClient } from "../kube/client.ts";
import type { ConditionState } from "../kube/conditions.ts";
import { isConflict, KubeError, messageOf } from "../kube/errors.ts";
import { removeFinalizer } from "../kube/finalizer.ts";
import type { Log } from "../kube/log.ts";
import { parallel } from "../kube/parallel.ts";
import { counted } from "../kube/plural.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition, isEstablished } from "../kube/resources.ts";
import { type DynamicObject, keyOf } from "../kube/types.ts";
import { isOurs, releasedCrd } from "../sync/consumer_crd.ts";
import { resourceOf } from "../sync/definition.ts";
import { Census, planUnbind, type UnbindMode, unbindStep } from "./unbind_plan.ts";

/** Objects that are written at the same time. */
const CONCURRENCY = 16;

export interface Unbinding {
  binding: APIServiceBinding;
  mode: UnbindMode;
  consumer: KubeClient;
  /** Whether the sync is at work, without which nothing may be deleted: the provider would not hear of it. */
  isSyncing: boolean;
  /** Why deletions cannot be brought to the provider; undefined when they can. */
  obstacle?: string;
  log: Log;
}

/** What is still waited for, in how many objects; nothing when the API has been let go. */
export interface Awaited {
  condition: ConditionState;
  objects: number;
}

/**
 * Lets an API go on the consumer, as far as it can: its objects first, as the mode says, and then the CRD, which stays
 * as long as there are objects. A pass may be cut anywhere and run again.
 *
 * @throws {KubeError} 409 when somebody else changed an object meanwhile
 */
export async function unbind(unbinding: Unbinding, signal: AbortSignal): Promise<Awaited | undefined> {
  try {
    return await letGo(unbinding, signal);
  } catch (error) {
    if (signal.aborted || !(error instanceof KubeError) || isConflict(error)) throw error;
    return failed(`The API cannot be let go: ${messageOf(error)}`);
  }
}

const failed = (what: string, objects = 0): Awaited => ({
  condition: fails("APIServiceBinding", "Unbound", "UnbindFailed", what),
  objects,
});

async function letGo(unbinding: Unbinding, signal: AbortSignal): Promise<Awaited | undefined> {
  const { binding, mode, consumer, obstacle, log } = unbinding;
  const crds: Api<CustomResourceDefinition> = consumer.api(CUSTOM_RESOURCE_DEFINITIONS);
  const { name } = binding.metadata;
  const crd = await crds.find({ name }, signal);
  if (!crd || !isOurs(crd, binding)) return;
  const census = isEstablished(crd)
    ? await takeSteps(consumer.api(resourceOf(crd.spec)), unbinding, signal)
    : new Census();
  const { failures, total } = census;
  if (failures.length > 0) {
    const failure = failures.find((error) => !isConflict(error));
    if (!failure) throw failures[0];
    return failed(`${counted(failures.length, "object")} cannot be let go: ${messageOf(failure)}`, total);
  }
  const plan = planUnbind({ mode, census, obstacle });
  if (plan.condition) return { condition: plan.condition, objects: census.total };
  if (plan.crd === "delete") {
    await crds.delete({ name }, { uid: crd.metadata.uid }, signal);
    log.info("custom resource definition deleted", { crd: name });
    return;
  }
  const released = releasedCrd(crd, binding);
  if (released) await crds.replace(released, signal);
  log.info("custom resource definition left behind with its objects", { crd: name, objects: census.total });
}

async function takeSteps(api: Api, { mode, isSyncing }: Unbinding, signal: AbortSignal): Promise<Census> {
  const census = new Census();
  const takeStep = async (object: DynamicObject) => {
    const step = unbindStep(mode, object);
    if (step === "release") await removeFinalizer(api, object, SYNC_FINALIZER, signal);
    else if (step === "delete" && isSyncing) await api.delete(keyOf(object), { uid: object.metadata.uid }, signal);
  };
  for await (const { items } of api.listPages({}, signal)) {
    await parallel(items, CONCURRENCY, async (object) => {
      census.count(mode, object);
      try {
        await takeStep(object);
      } catch (error) {
        if (signal.aborted) throw error;
        census.failures.push(error);
      }
    }, signal);
  }
  return census;
}
