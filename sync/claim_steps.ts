import { RESOURCE_OWNER_ANNOTATION } from "../crds/names.ts";
import { applyOver } from "../kube/apply.ts";
import type { Api, JsonPatchOperation } from "../kube/api.ts";
import type { DynamicObject, ObjectKey } from "../kube/types.ts";
import { type ClaimStep, type ClaimTerms, type ClaimView, DATA_FIELDS, sameData, toCopy } from "./claim_plan.ts";
import { OWNER } from "./instance_plan.ts";

/** Whether a step writes to the owner's cluster. */
export const isOnSource = (step: ClaimStep): boolean => step === "markSource" || step === "deleteSource";

/** Where one claimed object is on either cluster. */
export interface ClaimPlace {
  sourceKey: ObjectKey;
  copyKey: ObjectKey;
}

export interface ClaimEnds {
  terms: ClaimTerms;
  source: { api: Api };
  copy: { api: Api };
}

/**
 * Takes one step of a plan.
 *
 * @returns the object as it is now, if there still is one
 * @throws {KubeError} when the cluster refuses it
 */
export async function runClaimStep(
  { source, copy, terms }: ClaimEnds,
  step: ClaimStep,
  { sourceKey, copyKey }: ClaimPlace,
  view: ClaimView,
  signal: AbortSignal,
): Promise<DynamicObject | undefined> {
  switch (step) {
    case "createCopy": {
      // Applying would merge into what somebody else may have made in the meantime.
      const desired = toCopy(view.source!, copyKey, terms);
      return await copy.api.createAs(desired, { fieldManager: OWNER.predecessor }, signal);
    }
    case "updateCopy":
      return await updateCopy(copy.api, view.copy!, toCopy(view.source!, copyKey, terms, view.copy), signal);
    case "markSource": {
      const { uid } = view.source!.metadata;
      const annotations = { [RESOURCE_OWNER_ANNOTATION]: terms.owner };
      return await source.api.mergePatch(sourceKey, { metadata: { uid, annotations } }, {}, signal);
    }
    case "deleteCopy":
    case "deleteForeign":
      await copy.api.delete(copyKey, { uid: view.copy!.metadata.uid }, signal);
      return;
    case "deleteSource":
      await source.api.delete(sourceKey, { uid: view.source!.metadata.uid }, signal);
  }
}

/** @throws {Error} when something on the copy's cluster keeps changing it */
async function updateCopy(api: Api, copy: DynamicObject, desired: DynamicObject, signal: AbortSignal) {
  const how = { fieldManager: OWNER.name, predecessor: OWNER.predecessor, force: true };
  const applied = await applyOver(api, { current: copy, desired }, how, signal);
  if (sameData(applied, desired)) return applied;
  // Applying leaves alone what others added.
  const { uid, resourceVersion } = applied.metadata;
  const patched = await api.jsonPatch(
    desired.metadata,
    [
      { op: "test", path: "/metadata/uid", value: uid },
      { op: "test", path: "/metadata/resourceVersion", value: resourceVersion },
      ...DATA_FIELDS.flatMap((field): JsonPatchOperation[] => {
        if (desired[field] !== undefined) return [{ op: "add", path: `/${field}`, value: desired[field] }];
        return applied[field] === undefined ? [] : [{ op: "remove", path: `/${field}` }];
      }),
    ],
    {},
    signal,
  );
  if (sameData(patched, desired)) return patched;
  throw new Error(
    "Cannot keep the copy equal to its source: something on its cluster changes its data with every write",
  );
}
