import type { Obstacle } from "../crds/checkpoints.ts";
import { formatKey, isDeleting } from "../kube/types.ts";
import type { View } from "./instance_steps.ts";
import type { Mapping } from "./mapping.ts";

/** The longest name Kubernetes takes. */
const MAX_NAME_LENGTH = 253;

/** Why a living object of the consumer can have no counterpart, until somebody gives it or the other one another name. */
export function refusalOf(
  { consumer, provider, providerKey }: View,
  mapping: Mapping,
): { reason: Obstacle<"Spec">; why: string } | undefined {
  if (!consumer || isDeleting(consumer)) return undefined;
  const { name } = providerKey;
  if (name.length > MAX_NAME_LENGTH) {
    const why = `its name there, "${name}", has ${name.length} characters; ${MAX_NAME_LENGTH} are allowed`;
    return { reason: "NameTooLong", why };
  }
  if (provider && mapping.isForeign(provider)) {
    return { reason: "NameTaken", why: `"${formatKey(providerKey)}" belongs to somebody else there` };
  }
}

/** An object on the provider that is not ours counts as none at all. */
export const withoutForeign = (view: View, mapping: Mapping): View =>
  view.provider && mapping.isForeign(view.provider) ? { ...view, provider: undefined } : view;
