import { RESOURCE_OWNER_ANNOTATION } from "../crds/names.ts";
import { appliedPart } from "../kube/managed_fields.ts";
import { annotationOf, type DynamicObject, isDeleting, type ObjectKey } from "../kube/types.ts";
import { claimsOn, type ClaimTerms, DATA_FIELDS, isOurCopy } from "../sync/claim_plan.ts";
import { OWNER, travelling } from "../sync/instance_plan.ts";
import { isTooDeep } from "../sync/instance_refusal.ts";
import { hash } from "./digest.ts";

/** What a store keeps of one end of a claimed pair: enough to see that both agree, not enough to write either. */
export interface ClaimDigest {
  resourceVersion?: string;
  isDeleting: boolean;
  /** The source's: a claim is about it. The copy's: we made it. */
  counts: boolean;
  /** It says whose it is. */
  isMarked: boolean;
  /** Hash of what travels; absent where that is nested too deeply to be compared. */
  content?: string;
}

/** @param key on the consumer; undefined while its namespace is mapped no longer */
export function digestSource(object: DynamicObject, key: ObjectKey | undefined, terms: ClaimTerms): ClaimDigest {
  return digest(object, (whole) => whole, key !== undefined && claimsOn(key, object, terms).length > 0, terms);
}

/** What others added to the copy is not part of the digest, except among the data. */
export function digestCopy(object: DynamicObject, terms: ClaimTerms): ClaimDigest {
  const data = DATA_FIELDS.flatMap((field) => object[field] === undefined ? [] : [[field, object[field]]]);
  const part = (whole: DynamicObject) => ({ ...appliedPart(whole, OWNER), ...Object.fromEntries(data) });
  return digest(object, part, isOurCopy(object, terms), terms);
}

function digest(
  object: DynamicObject,
  part: (object: DynamicObject) => Partial<DynamicObject>,
  counts: boolean,
  { owner }: ClaimTerms,
): ClaimDigest {
  return {
    resourceVersion: object.metadata.resourceVersion,
    isDeleting: isDeleting(object),
    counts,
    isMarked: annotationOf(object, RESOURCE_OWNER_ANNOTATION) === owner,
    content: isTooDeep(object) ? undefined : hash(contentOf(part(object))),
  };
}

const contentOf = (
  { apiVersion: _apiVersion, kind: _kind, metadata, status: _status, ...fields }: Partial<DynamicObject>,
) => [
  travelling(metadata?.labels),
  travelling(metadata?.annotations),
  Object.entries(fields).sort(([a], [b]) => a < b ? -1 : 1),
];

/** Whether there is certainly nothing to do; when in doubt `planClaim` finds out from the objects themselves. */
export function isClaimSettled(source: ClaimDigest | undefined, copy: ClaimDigest | undefined): boolean {
  if (!source?.counts) return !copy || !copy.counts || copy.isDeleting;
  if (source.isDeleting) return true;
  if (!copy?.counts) return false;
  if (copy.isDeleting) return true;
  return source.isMarked && copy.isMarked && source.content !== undefined && source.content === copy.content;
}
