import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { ON_UNBIND_ANNOTATION, SYNC_FINALIZER } from "../crds/names.ts";
import { fails } from "../crds/reasons.ts";
import type { ConditionState } from "../kube/conditions.ts";
import { counted } from "../kube/plural.ts";
import { annotationOf, type DynamicObject, formatKey, hasFinalizer, isDeleting, keyOf } from "../kube/types.ts";

const KIND = "APIServiceBinding";

/**
 * What becomes of the objects of an API whose binding is deleted: they stay on both clusters (`orphan`), they are
 * deleted on both (`drain`), or they stay and nothing is waited for, as the provider is gone for good (`force`).
 */
export type UnbindMode = "orphan" | "drain" | "force";

const MODES: readonly string[] = ["orphan", "drain", "force"] satisfies UnbindMode[];

/** Undefined when the binding asks for something that does not exist. */
export function unbindModeOf(binding: APIServiceBinding): UnbindMode | undefined {
  const mode = annotationOf(binding, ON_UNBIND_ANNOTATION) ?? "orphan";
  return MODES.includes(mode) ? mode as UnbindMode : undefined;
}

/** What has to be done to one object of the API on the consumer before its binding may go. */
export function unbindStep(mode: UnbindMode, object: DynamicObject): "release" | "delete" | undefined {
  if (mode === "drain") return isDeleting(object) ? undefined : "delete";
  const isHeld = hasFinalizer(object, SYNC_FINALIZER);
  return isHeld && (mode === "force" || !isDeleting(object)) ? "release" : undefined;
}

/** The objects of the API on the consumer, after the steps were taken. */
export class Census {
  total = 0;
  /** Keys of objects that are waited for. */
  readonly awaited: string[] = [];
  /** What some of the steps failed with. */
  readonly failures: unknown[] = [];

  count(mode: UnbindMode, object: DynamicObject): void {
    this.total++;
    const isAwaited = mode === "drain" ||
      (mode === "orphan" && isDeleting(object) && hasFinalizer(object, SYNC_FINALIZER));
    if (isAwaited) this.awaited.push(formatKey(keyOf(object)));
  }
}

export interface UnbindView {
  mode: UnbindMode;
  census: Pick<Census, "total" | "awaited">;
  /** Why deletions cannot be brought to the provider; undefined when they can. */
  obstacle?: string;
}

export interface UnbindPlan {
  /** What is still waited for. */
  condition?: ConditionState;
  /** Nothing is waited for any more: objects that remain keep their CRD. */
  crd?: "release" | "delete";
}

/** How the unbinding of an API goes on. */
export function planUnbind({ mode, census: { total, awaited }, obstacle }: UnbindView): UnbindPlan {
  if (awaited.length === 0) return { crd: total > 0 ? "release" : "delete" };
  const names = awaited.slice(0, 3).join(", ") + (awaited.length > 3 ? ", …" : "");
  const number = counted(awaited.length, "object is", "objects are");
  const what = mode === "drain"
    ? `${number} still there: ${names}`
    : `${number} being deleted, and the provider has not confirmed it: ${names}`;
  if (obstacle) return { condition: fails(KIND, "Unbound", "ProviderUnreachable", `${what}; ${obstacle}`) };
  return { condition: fails(KIND, "Unbound", mode === "drain" ? "ObjectsRemain" : "DeletionsPending", what) };
}

/** The condition of a binding that was deleted in a way that nobody knows. */
export function unknownMode(binding: APIServiceBinding): ConditionState {
  const what = `The annotation ${ON_UNBIND_ANNOTATION} is "${annotationOf(binding, ON_UNBIND_ANNOTATION)}"`;
  return fails(KIND, "Unbound", "UnknownMode", what);
}
