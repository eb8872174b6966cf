import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import {
  BOUND_ANNOTATION,
  FIELD_MANAGER,
  FIELD_MANAGER_OF_CREATES,
  GROUP,
  ORPHANS_ANNOTATION,
  SYNC_FINALIZER,
} from "../crds/names.ts";
import { deepEqual, isJsonObject } from "../kube/json.ts";
import { appliedPart, type FieldManager, ownsMoreThan } from "../kube/managed_fields.ts";
import {
  annotationOf,
  type DynamicObject,
  hasFinalizer,
  isDeleting,
  type ObjectKey,
  type ObjectMeta,
} from "../kube/types.ts";

/** One instance as both clusters hold it. */
export interface Sides {
  consumer?: DynamicObject;
  provider?: DynamicObject;
  /**
   * Whether the consumer's object, where there is none, is known to have been deleted. That it is missing is not enough:
   * a cluster that was restored or exchanged misses everything, and would take the provider's data with it.
   */
  isDeletionKnown?: boolean;
}

/** One write towards agreement. */
export type Step = "hold" | "applySpec" | "copyStatus" | "adopt" | "deleteProvider" | "release";

/** Steps that cannot be taken back; they are planned again from live reads first. */
export const isIrreversible = (step: Step): boolean => step === "deleteProvider" || step === "release";

/** The cluster that a step writes to. */
export const isOnProvider = (step: Step): boolean => step === "applySpec" || step === "deleteProvider";

/** The writes that bring one instance closer to agreement, in order; empty when only an event can move it on. */
export function planInstance({ consumer, provider, isDeletionKnown }: Sides): Step[] {
  if (!consumer) {
    if (!provider || isDeleting(provider)) return [];
    if (!isBound(provider)) return ["adopt"]; // made over there
    return isDeletionKnown ? ["deleteProvider"] : [];
  }
  if (isDeleting(consumer)) return planDeletion(consumer, provider);
  const steps: Step[] = [];
  if (!hasFinalizer(consumer, SYNC_FINALIZER)) steps.push("hold");
  if (!provider || (!isDeleting(provider) && !sameSpec(consumer, provider))) steps.push("applySpec");
  if (provider && !sameStatus(consumer, provider)) steps.push("copyStatus");
  return steps;
}

/** The consumer's object stays, and shows the provider's status, until the provider's object is really gone. */
function planDeletion(consumer: DynamicObject, provider: DynamicObject | undefined): Step[] {
  if (!hasFinalizer(consumer, SYNC_FINALIZER)) return [];
  if (!provider) return ["release"];
  const steps: Step[] = sameStatus(consumer, provider) ? [] : ["copyStatus"];
  if (!isDeleting(provider)) steps.push("deleteProvider");
  return steps;
}

/** Who owns what came from the consumer; what an original konnector created before us counts as ours. */
export const OWNER: FieldManager = { name: FIELD_MANAGER, predecessor: FIELD_MANAGER_OF_CREATES };

/** Whether the provider's object has lost its consumer object in a way that nobody saw. */
export const isOrphan = ({ consumer, provider, isDeletionKnown }: Sides): boolean =>
  !consumer && provider !== undefined && !isDeleting(provider) && isBound(provider) && !isDeletionKnown;

/** Whether somebody wants what is missing on the consumer to be taken for deleted, although nobody saw it. */
export const letsOrphansGo = (binding: APIServiceBinding): boolean =>
  annotationOf(binding, ORPHANS_ANNOTATION) === "delete";

export const isBound = (object: DynamicObject): boolean => annotationOf(object, BOUND_ANNOTATION) === "true";

const sameStatus = (consumer: DynamicObject, provider: DynamicObject): boolean =>
  deepEqual(consumer.status, provider.status);

/**
 * Whether the provider's object says what the consumer's says, and holds nothing that the consumer has removed. What
 * others added there (defaults, `resourceRef`, items of lists that are sets or maps, labels) makes no difference.
 */
export function sameSpec(consumer: DynamicObject, provider: DynamicObject): boolean {
  return isBound(provider) && differenceOf(consumer, provider) === undefined &&
    !ownsMoreThan(provider, toProviderObject(consumer, provider.metadata, { provider }), OWNER);
}

/** Where the provider's object does not say what the consumer's says, e.g. `spec.users[0].name`. */
export const differenceOf = (consumer: DynamicObject, provider: DynamicObject): string | undefined =>
  uncovered("", toProviderObject(consumer, provider.metadata, { provider }), [provider, appliedPart(provider, OWNER)]);

/** Whether every field of `part` is in `whole` with the same value; lists have to agree item by item. */
export const covers = (whole: unknown, part: unknown): boolean => uncovered("", part, [whole]) === undefined;

/** The path of the first field of `part` that is in none of the wholes with the same value. */
function uncovered(path: string, part: unknown, wholes: unknown[]): string | undefined {
  if (isJsonObject(part)) {
    const objects = wholes.filter(isJsonObject);
    if (objects.length === 0) return path;
    return first(
      Object.entries(part),
      ([field, value]) => uncovered(path ? `${path}.${field}` : field, value, objects.map((whole) => whole[field])),
    );
  }
  if (Array.isArray(part)) {
    const lists = wholes.filter((whole): whole is unknown[] => Array.isArray(whole) && whole.length === part.length);
    if (lists.length === 0) return path;
    return first(part.entries(), ([at, item]) => uncovered(`${path}[${at}]`, item, lists.map((list) => list[at])));
  }
  return part === undefined || wholes.some((whole) => deepEqual(whole, part)) ? undefined : path;
}

function first<T, R>(items: Iterable<T>, find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
}

/** Labels or annotations but those that mean something on one cluster only. */
export const travelling = (entries: Record<string, string> = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(entries).filter(([name]) =>
      name !== "kubectl.kubernetes.io/last-applied-configuration" && name.split("/", 1)[0] !== GROUP
    ),
  );

const travellingMetadata = ({ labels, annotations }: ObjectMeta): Pick<ObjectMeta, "labels" | "annotations"> => ({
  ...(labels && { labels: travelling(labels) }),
  annotations: travelling(annotations),
});

/** What an object on the provider carries to say whose it is. */
export type Marks = Pick<ObjectMeta, "annotations" | "ownerReferences">;

/**
 * What is applied on the provider: every top-level field but `status`. Labels and annotations go up when the object is
 * made; afterwards they are the provider's, so that an operator's changes there survive the consumer's edits.
 *
 * @param provider the object as it is there, when it is; its uid guards against applying to a later namesake
 * @param marks of a new object
 */
export function toProviderObject(
  { apiVersion, kind, metadata, status: _status, ...fields }: DynamicObject,
  { namespace, name }: ObjectKey,
  { provider, marks }: { provider?: DynamicObject; marks?: Marks } = {},
): DynamicObject {
  const carried: Partial<ObjectMeta> = provider
    ? { ...ownMetadata(provider), uid: provider.metadata.uid }
    : { ...travellingMetadata(metadata), ...(marks?.ownerReferences && { ownerReferences: marks.ownerReferences }) };
  return {
    apiVersion,
    kind,
    metadata: {
      ...carried,
      name,
      ...(namespace && { namespace }),
      annotations: { ...carried.annotations, ...(!provider && marks?.annotations), [BOUND_ANNOTATION]: "true" },
    },
    ...fields,
  };
}

/** The original konnector applied all it found, also the finalizers of others, whom nobody must keep from removing them. */
function ownMetadata(provider: DynamicObject): Partial<ObjectMeta> {
  const { labels, annotations, ownerReferences } = appliedPart(provider, OWNER).metadata ?? {};
  return {
    ...(labels && { labels }),
    ...(annotations && { annotations }),
    ...(ownerReferences && { ownerReferences }),
  };
}

/** What is created on the consumer for an object that was made on the provider; held from the beginning. */
export function toConsumerObject(
  { apiVersion, kind, metadata, status: _status, ...fields }: DynamicObject,
  { namespace, name }: ObjectKey,
): DynamicObject {
  const carried = travellingMetadata(metadata);
  return {
    apiVersion,
    kind,
    metadata: {
      ...carried,
      name,
      ...(namespace && { namespace }),
      annotations: { ...carried.annotations, [BOUND_ANNOTATION]: "true" },
      finalizers: [SYNC_FINALIZER],
    },
    ...fields,
  };
}
