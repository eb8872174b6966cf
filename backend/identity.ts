import { createHash } from "node:crypto";
import { IDENTITY_ANNOTATION } from "../crds/names.ts";
import type { Namespace } from "../kube/resources.ts";
import { annotationOf } from "../kube/types.ts";

/** Who a contract is with: one user and one app cluster. */
export interface TenantIdentity {
  /** As the issuer calls the user. */
  subject: string;
  /** As the command line names the app cluster. */
  clusterId: string;
}

/** Whether a subject can be told apart from the cluster id that follows it. */
export const isUsableSubject = (subject: string): boolean => subject !== "" && !subject.includes("#");

/** Value of the annotation by which a cluster namespace says whose it is. */
export const identityText = ({ subject, clusterId }: TenantIdentity): string => `${subject}#${clusterId}`;

/** What `identityText` has written on a cluster namespace; undefined for one that no login made. */
export const identityOf = (namespace: Namespace | undefined): string | undefined =>
  namespace && annotationOf(namespace, IDENTITY_ANNOTATION);

/** Index of namespaces by `identityText`. */
export const NAMESPACES_BY_IDENTITY = "identity";

/** Index of namespaces by the subject in their identity. */
export const NAMESPACES_BY_SUBJECT = "subject";

export const identityIndexer = {
  [NAMESPACES_BY_SUBJECT]: (namespace: Namespace): string[] => identityOf(namespace)?.split("#", 1) ?? [],
  [NAMESPACES_BY_IDENTITY]: (namespace: Namespace): string[] => {
    const identity = identityOf(namespace);
    return identity === undefined ? [] : [identity];
  },
};

const CANDIDATES = 10;

/**
 * Names for the cluster namespace of an identity, in the order in which they are tried. They are the same on every
 * replica, and an API server gives a name away once: this is how one identity gets one namespace without a lock.
 *
 * @returns e.g. `cluster-k3x9q`, as short as the original's, since names of consumer namespaces have to follow
 */
export function namespaceCandidates(prefix: string, identity: string): string[] {
  return Array.from({ length: CANDIDATES }, (_, attempt) => {
    const digest = createHash("sha256").update(`${attempt}#${identity}`).digest("hex");
    return `${prefix}-${BigInt(`0x${digest}`).toString(36).slice(-5)}`;
  });
}
