import { CLAIMED_FOR_LABEL, RESOURCE_OWNER_ANNOTATION } from "../crds/names.ts";
import type { PermissionClaim } from "../crds/shared.ts";
import { deepEqual } from "../kube/json.ts";
import { appliedFields, ownsMoreThan } from "../kube/managed_fields.ts";
import { annotationOf, type DynamicObject, isDeleting, type ObjectKey } from "../kube/types.ts";
import { deletesSources, isSelected, type Owner, reachesKey } from "./claim_rules.ts";
import { covers, OWNER, travelling } from "./instance_plan.ts";

/** Claims of one kind and one owner, taken together: several bindings may claim the same objects. */
export interface ClaimTerms {
  owner: Owner;
  claims: readonly PermissionClaim[];
  /** The provider's namespace that belongs to this app cluster; every copy names it. */
  clusterNamespace: string;
  /** Objects of the consumer that no claim reaches, e.g. Secrets that bindings use. */
  isReserved?: (key: ObjectKey) => boolean;
}

/** One claimed object: the owner's, and what is at the place of its copy on the other cluster. */
export interface ClaimView {
  /** On the consumer. */
  key: ObjectKey;
  source?: DynamicObject;
  copy?: DynamicObject;
  /** Whether the consumer's source, where there is none, is known to have been deleted: see `Sides`. */
  isDeletionKnown?: boolean;
  /** Somebody has just deleted our copy. */
  isCopyDeleted?: boolean;
}

/** One write towards agreement. */
export type ClaimStep = "createCopy" | "updateCopy" | "markSource" | "deleteCopy" | "deleteForeign" | "deleteSource";

/** Steps that must not rest on a cache: what they delete is lost, and where they create nothing may be. */
export const needsLiveView = (step: ClaimStep): boolean => step !== "updateCopy" && step !== "markSource";

export interface ClaimPlan {
  steps: ClaimStep[];
  /** Somebody else's object is where the copy should be. */
  isConflict?: boolean;
  /** The provider's copy has lost its source in a way that nobody saw. */
  isOrphan?: boolean;
}

/** What to write for one claimed object; no steps while only an event can move it on. */
export function planClaim(view: ClaimView, terms: ClaimTerms): ClaimPlan {
  const { source, copy } = view;
  const claims = source ? claimsOn(view.key, source, terms) : [];
  if (!source || claims.length === 0) {
    if (!copy || !isOurCopy(copy, terms) || isDeleting(copy)) return { steps: [] };
    return !source && mayComeBack(view, terms) ? { steps: [], isOrphan: true } : { steps: ["deleteCopy"] };
  }
  if (isDeleting(source)) return { steps: [] }; // until it is really gone
  const mark: ClaimStep[] = annotationOf(source, RESOURCE_OWNER_ANNOTATION) === terms.owner ? [] : ["markSource"];
  if (!copy) {
    return { steps: view.isCopyDeleted && !isRecreated(claims, terms) ? ["deleteSource"] : ["createCopy", ...mark] };
  }
  if (isDeleting(copy)) return { steps: [], isConflict: !isOurCopy(copy, terms) };
  if (!isOrWasOurCopy(copy, terms)) {
    const givesWay = terms.owner === "Provider" && claims.some(({ create }) => create?.replaceExisting);
    return givesWay && !isMarked(copy)
      ? { steps: ["deleteForeign", "createCopy", ...mark] }
      : { steps: [], isConflict: true };
  }
  if (sameCopy(source, copy, terms)) return { steps: mark };
  const change: ClaimStep[] = isImmutable(source, copy, claims) ? ["deleteCopy", "createCopy"] : ["updateCopy"];
  return { steps: [...change, ...mark] };
}

/**
 * Those of the claims that are about an object of the owner's; none for one that belongs to the other side, nor for a
 * copy from which somebody has stripped what says so.
 *
 * @param key on the consumer
 */
export function claimsOn(key: ObjectKey, object: DynamicObject, terms: ClaimTerms): readonly PermissionClaim[] {
  const owner = annotationOf(object, RESOURCE_OWNER_ANNOTATION);
  if (owner ? owner !== terms.owner : appliedFields(object, OWNER)) return [];
  if (labelOf(object) || terms.isReserved?.(key)) return [];
  return terms.claims.filter((claim) => isSelected(claim, key, object));
}

/** What the provider owns may be taken away from the consumer at any time; it can be copied again. */
const mayComeBack = ({ key, isDeletionKnown }: ClaimView, { owner, claims }: ClaimTerms): boolean =>
  owner === "Consumer" && !isDeletionKnown && claims.some((claim) => reachesKey(claim, key));

const isRecreated = (claims: readonly PermissionClaim[], { owner }: ClaimTerms): boolean =>
  owner === "Consumer" || !claims.every(deletesSources);

const labelOf = ({ metadata }: DynamicObject): string | undefined => metadata.labels?.[CLAIMED_FOR_LABEL];

/** Whether anybody like us says whose it is. */
const isMarked = (object: DynamicObject): boolean =>
  !!labelOf(object) || annotationOf(object, RESOURCE_OWNER_ANNOTATION) !== undefined;

/**
 * Whether we made an object and may delete it. Labels and annotations alone do not prove it: people duplicate objects
 * with all they carry.
 */
export const isOurCopy = (object: DynamicObject, { owner, clusterNamespace }: ClaimTerms): boolean =>
  labelOf(object) === clusterNamespace &&
  (annotationOf(object, RESOURCE_OWNER_ANNOTATION) ?? owner) === owner &&
  appliedFields(object, OWNER) !== undefined;

/** Also a copy of the konnector before this one, which knew no label, and one that came out of a backup. */
export const isOrWasOurCopy = (object: DynamicObject, terms: ClaimTerms): boolean =>
  isOurCopy(object, terms) ||
  (annotationOf(object, RESOURCE_OWNER_ANNOTATION) === terms.owner &&
    (labelOf(object) ?? terms.clusterNamespace) === terms.clusterNamespace);

/**
 * What the copy has to be. Of metadata only labels and annotations travel, without kubectl's copy of the whole object
 * and without ours.
 *
 * @param copy the object as it is there, when it is; its uid guards against writing to a later namesake
 */
export function toCopy(
  { apiVersion, kind, metadata, status: _status, ...fields }: DynamicObject,
  { namespace, name }: ObjectKey,
  { owner, clusterNamespace }: Pick<ClaimTerms, "owner" | "clusterNamespace">,
  copy?: DynamicObject,
): DynamicObject {
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace && { namespace }),
      ...(copy?.metadata.uid && { uid: copy.metadata.uid }),
      labels: { ...travelling(metadata.labels), [CLAIMED_FOR_LABEL]: clusterNamespace },
      annotations: { ...travelling(metadata.annotations), [RESOURCE_OWNER_ANNOTATION]: owner },
    },
    ...fields,
  };
}

/** Whether the copy says what the source says. What others added makes no difference, except among the data. */
function sameCopy(source: DynamicObject, copy: DynamicObject, terms: ClaimTerms): boolean {
  const desired = toCopy(source, copy.metadata, terms, copy);
  return covers(copy, desired) && !ownsMoreThan(copy, desired, OWNER) && sameData(copy, desired);
}

/** Fields that are equal or else not a copy: an application reads all of them. */
export const DATA_FIELDS = ["data", "binaryData"] as const;

export const sameData = (copy: DynamicObject, desired: DynamicObject): boolean =>
  DATA_FIELDS.every((field) => deepEqual(copy[field] ?? {}, desired[field] ?? {}));

/** Whether only another object can become equal to the source. */
const isImmutable = (source: DynamicObject, copy: DynamicObject, claims: readonly PermissionClaim[]): boolean =>
  (copy.immutable === true && (source.immutable !== true || !sameData(source, copy))) ||
  (copy.kind === "Secret" && copy.type !== source.type) ||
  claims.some(({ update }) => update?.alwaysRecreate);
