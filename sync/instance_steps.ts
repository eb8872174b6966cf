import { SYNC_FINALIZER } from "../crds/names.ts";
import { applyOver } from "../kube/apply.ts";
import type { Api } from "../kube/api.ts";
import { addFinalizer, removeFinalizer } from "../kube/finalizer.ts";
import type { DynamicObject, ObjectKey } from "../kube/types.ts";
import { OWNER, type Sides, type Step, toConsumerObject, toProviderObject } from "./instance_plan.ts";
import type { Mapping } from "./mapping.ts";

/** One instance: both objects, and where they are. */
export interface View extends Sides {
  key: ObjectKey;
  providerKey: ObjectKey;
}

/** What writing needs to know besides the objects. */
export interface StepDeps {
  consumer: { api: Api };
  provider: { api: Api };
  mapping: Mapping;
  /** Whether the CRD keeps status apart from the rest of the object. */
  hasStatusSubresource: boolean;
}

/**
 * Takes one step of a plan.
 *
 * @returns the object as it is now, if there still is one
 * @throws {KubeError} when the cluster refuses it
 */
export async function runStep(
  deps: StepDeps,
  step: Step,
  view: View,
  signal: AbortSignal,
): Promise<DynamicObject | undefined> {
  const { consumer, provider } = deps;
  switch (step) {
    case "hold":
      return await addFinalizer(consumer.api, view.consumer!, SYNC_FINALIZER, signal);
    case "applySpec":
      return await applySpec(deps, view.consumer!, view, signal);
    case "copyStatus":
      return await copyStatus(deps, view.consumer!.metadata, view.provider!.status, signal);
    case "adopt":
      return await consumer.api.create(toConsumerObject(view.provider!, view.key), signal);
    case "deleteProvider": {
      const { uid } = view.provider!.metadata;
      return await provider.api.beginDelete(view.providerKey, { uid }, signal);
    }
    case "release":
      await removeFinalizer(consumer.api, view.consumer!, SYNC_FINALIZER, signal);
      return;
  }
}

/** A plain create costs the API server less than an apply; the first apply then takes over what it set. */
function applySpec(
  { provider: { api }, mapping: { marks } }: StepDeps,
  consumer: DynamicObject,
  { provider, providerKey }: View,
  signal: AbortSignal,
): Promise<DynamicObject> {
  const desired = toProviderObject(consumer, providerKey, { provider, marks });
  const { name: fieldManager, predecessor } = OWNER;
  if (!provider) return api.createAs(desired, { fieldManager: predecessor }, signal);
  return applyOver(api, { current: provider, desired }, { fieldManager, predecessor, force: true }, signal);
}

/** The status is replaced as a whole; the test on the uid keeps it off a later namesake. */
export function copyStatus(
  deps: Pick<StepDeps, "consumer" | "hasStatusSubresource">,
  { uid, ...key }: ObjectKey & { uid?: string },
  status: unknown,
  signal: AbortSignal,
): Promise<DynamicObject> {
  const subresource = deps.hasStatusSubresource ? "status" as const : undefined;
  return deps.consumer.api.jsonPatch(
    key,
    [
      { op: "test", path: "/metadata/uid", value: uid },
      status === undefined ? { op: "remove", path: "/status" } : { op: "add", path: "/status", value: status },
    ],
    { subresource },
    signal,
  );
}
