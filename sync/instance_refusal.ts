import type { Obstacle } from "../crds/checkpoints.ts";
import { isNestedDeeper } from "../kube/json.ts";
import { type DynamicObject, formatKey, isDeleting } from "../kube/types.ts";
import { isBound } from "./instance_plan.ts";
import type { View } from "./instance_steps.ts";
import type { Mapping } from "./mapping.ts";

/** The longest name Kubernetes takes. */
const MAX_NAME_LENGTH = 253;

/**
 * Lists and objects one inside the other, with which the deepest part of us copes by far. API servers take 10,000, and
 * whoever may create objects of a kind without a full schema may nest them as deep.
 */
export const MAX_DEPTH = 500;

/** Whether an object is nested deeper than can be compared or copied. */
export const isTooDeep = (object: DynamicObject | undefined): boolean => isNestedDeeper(object, MAX_DEPTH);

/** Why an object can have no counterpart until somebody changes it, the other one or a name; deletions always go on. */
export function refusalOf(view: View, mapping: Mapping): { reason: Obstacle<"Spec">; why: string } | undefined {
  const { consumer, provider, providerKey } = view;
  if (consumer ? isDeleting(consumer) : !provider || isBound(provider)) return undefined;
  if (isTooDeep(consumer) || isTooDeep(provider)) {
    const side = isTooDeep(consumer) ? "this one is" : "the one there is";
    return { reason: "NestedTooDeeply", why: `${side} nested more than ${MAX_DEPTH} levels deep` };
  }
  if (!consumer) return undefined;
  const { name } = providerKey;
  if (name.length > MAX_NAME_LENGTH) {
    const why = `its name there, "${name}", has ${name.length} characters; ${MAX_NAME_LENGTH} are allowed`;
    return { reason: "NameTooLong", why };
  }
  if (provider && mapping.isForeign(provider)) {
    return { reason: "NameTaken", why: `"${formatKey(providerKey)}" belongs to somebody else there` };
  }
}

/**
 * What of a view can be planned with: an object on the provider that is not ours counts as none at all, and when one
 * side is nested too deeply, both count with their metadata alone, which is all that a deletion needs.
 */
export function plannable(view: View, mapping: Mapping): View {
  const { consumer } = view;
  const provider = view.provider && mapping.isForeign(view.provider) ? undefined : view.provider;
  if (!isTooDeep(consumer) && !isTooDeep(provider)) return { ...view, provider };
  return { ...view, consumer: consumer && withoutContents(consumer), provider: provider && withoutContents(provider) };
}

const withoutContents = ({ apiVersion, kind, metadata }: DynamicObject): DynamicObject => ({
  apiVersion,
  kind,
  metadata: { ...metadata, managedFields: undefined },
});
