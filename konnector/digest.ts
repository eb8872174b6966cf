import { createHash } from "node:crypto";
import { SYNC_FINALIZER } from "../crds/names.ts";
import { appliedPart } from "../kube/managed_fields.ts";
import { type DynamicObject, hasFinalizer, isDeleting } from "../kube/types.ts";
import { isBound, OWNER } from "../sync/instance_plan.ts";
import { isTooDeep } from "../sync/instance_refusal.ts";

/** What a store keeps of an instance: enough to see that both sides agree, not enough to write either. */
export interface Digest {
  uid?: string;
  resourceVersion?: string;
  isDeleting: boolean;
  /** The consumer's: it has our finalizer. The provider's: it carries our mark. */
  isOurs: boolean;
  /** The provider's belongs to somebody else for all its name says. */
  isForeign: boolean;
  /** It can neither be compared nor copied; its hashes say nothing. */
  isTooDeep: boolean;
  /** Hash of what goes up: what the consumer says, or what of it the provider's object says. */
  spec: string;
  /** Hash of what comes down. */
  status: string;
}

export function digestConsumer(object: DynamicObject): Digest {
  return digest(object, (whole) => whole, { isOurs: hasFinalizer(object, SYNC_FINALIZER), isForeign: false });
}

/** What others added on the provider is not part of the digest, so that it changes nothing. */
export function digestProvider(object: DynamicObject, isForeign = false): Digest {
  return digest(object, (whole) => appliedPart(whole, OWNER), { isOurs: isBound(object), isForeign });
}

function digest(
  object: DynamicObject,
  travelling: (object: DynamicObject) => Partial<DynamicObject>,
  owner: Pick<Digest, "isOurs" | "isForeign">,
): Digest {
  const { uid, resourceVersion } = object.metadata;
  const known = { uid, resourceVersion, isDeleting: isDeleting(object), ...owner };
  if (isTooDeep(object)) return { ...known, isTooDeep: true, spec: "", status: "" };
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, status: _status, ...fields } = travelling(object);
  const status = object.status === undefined ? "" : hash(object.status);
  return { ...known, isTooDeep: false, spec: hash(fields), status };
}

/** API servers write fields in one order, so equal values have equal texts. */
export const hash = (value: unknown): string => createHash("sha1").update(JSON.stringify(value)).digest("base64");

/**
 * How far a pair agrees, as far as digests tell: `settled` when there is certainly nothing to do, `statusDiffers` when
 * only the status has to be copied, `awaitsProvider` when both are being deleted. When in doubt, say where a list was
 * reordered, it is `unclear`, and `planInstance` finds out from the objects themselves.
 */
export function compare(
  consumer: Digest | undefined,
  provider: Digest | undefined,
): "settled" | "statusDiffers" | "awaitsProvider" | "unclear" {
  if (!consumer) return !provider || provider.isDeleting || provider.isForeign ? "settled" : "unclear";
  if (consumer.isDeleting && !consumer.isOurs) return "settled";
  if (!provider || provider.isForeign || !consumer.isOurs || consumer.isTooDeep || provider.isTooDeep) return "unclear";
  const isSpecDone = provider.isDeleting ||
    (!consumer.isDeleting && provider.isOurs && consumer.spec === provider.spec);
  if (!isSpecDone) return "unclear";
  if (consumer.status !== provider.status) return "statusDiffers";
  return consumer.isDeleting ? "awaitsProvider" : "settled";
}
