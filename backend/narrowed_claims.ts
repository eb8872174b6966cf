import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import { CLAIMED_FOR_LABEL, NARROWED_CLAIMS_ANNOTATION } from "../crds/names.ts";
import type { PermissionClaim } from "../crds/shared.ts";
import type { Api, List, ListOptions } from "../kube/api.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Outcome } from "../kube/controller.ts";
import { isNotFound } from "../kube/errors.ts";
import type { Informer } from "../kube/informer.ts";
import { deepEqual } from "../kube/json.ts";
import type { Log } from "../kube/log.ts";
import { BY_NAMESPACE } from "../kube/store.ts";
import { annotationOf, type DynamicObject, isDeleting, keyOf } from "../kube/types.ts";
import { type ClaimTerms, isOurCopy } from "../sync/claim_plan.ts";
import { isSelected, ownersOf } from "../sync/claim_rules.ts";

// A konnector may touch on the provider what is claimed, and nothing else: when a claim is narrowed, it cannot take away
// what it has copied before. Therefore the backend does.

type ClaimedKind = Pick<PermissionClaim, "group" | "resource" | "version">;

const kindText = ({ resource, version, group }: ClaimedKind): string =>
  [resource, version, ...(group ? [group] : [])].join(".");

/** As in the annotation, each kind once. */
export const formatKinds = (kinds: ClaimedKind[]): string => [...new Set(kinds.map(kindText))].sort().join(" ");

/** Kinds of which copies may be left that nobody claims any more. */
export function readKinds(serviceExport: APIServiceExport): ClaimedKind[] {
  const text = annotationOf(serviceExport, NARROWED_CLAIMS_ANNOTATION) ?? "";
  return text.split(" ").filter(Boolean).map((kind) => {
    const [resource = "", version = "", ...group] = kind.split(".");
    return { resource, version, group: group.join(".") };
  });
}

/** Of the claims on the consumer's own objects, the kinds of those that are not the same any more. */
export const narrowedKinds = (before: PermissionClaim[], after: PermissionClaim[]): ClaimedKind[] =>
  before.filter((claim) => ownersOf(claim).includes("Consumer") && !after.some((one) => deepEqual(one, claim)));

export interface NarrowedClaimsDeps {
  client: KubeClient;
  /** Indexed by `namespaceIndexer`, as the next one. */
  exports: Informer<APIServiceExport>;
  serviceNamespaces: Informer<APIServiceNamespace>;
  log: Log;
}

/** A konnector that was quicker than the loss of its rights may have made a copy again. */
const SECOND_LOOK_MS = 60_000;

/** Deletes what a konnector has copied to the provider for claims that this export does not have any more. */
export async function removeNarrowedCopies(
  deps: NarrowedClaimsDeps,
  serviceExport: APIServiceExport,
  signal: AbortSignal,
): Promise<Outcome> {
  if (annotationOf(serviceExport, NARROWED_CLAIMS_ANNOTATION) === undefined) return;
  const key = keyOf(serviceExport);
  let count = 0;
  for (const kind of readKinds(serviceExport)) {
    const api = deps.client.api({ ...kind, plural: kind.resource, kind: "", namespaced: true });
    for (const { metadata } of await unclaimedCopies(deps, api, key.namespace!, signal)) {
      await api.delete(metadata, { uid: metadata.uid }, signal);
      count++;
    }
  }
  if (count > 0) {
    deps.log.info("copies removed that nothing claims any more", { export: key, count });
    return { requeueAfterMs: SECOND_LOOK_MS };
  }
  const { uid, resourceVersion } = serviceExport.metadata;
  const annotations = { [NARROWED_CLAIMS_ANNOTATION]: null };
  await deps.exports.api.mergePatch(key, { metadata: { uid, resourceVersion, annotations } }, {}, signal);
}

async function unclaimedCopies(
  { exports, serviceNamespaces }: NarrowedClaimsDeps,
  api: Api,
  clusterNamespace: string,
  signal: AbortSignal,
): Promise<DynamicObject[]> {
  const { group, plural } = api.resource;
  const claims = exports.store.by(BY_NAMESPACE, clusterNamespace)
    .flatMap(({ spec }) => spec.permissionClaims ?? [])
    .filter((claim) => claim.group === group && claim.resource === plural && ownersOf(claim).includes("Consumer"));
  const terms: ClaimTerms = { owner: "Consumer", claims, clusterNamespace };
  const labelSelector = `${CLAIMED_FOR_LABEL}=${clusterNamespace}`;
  const unclaimed: DynamicObject[] = [];
  for (const { metadata, status } of serviceNamespaces.store.by(BY_NAMESPACE, clusterNamespace)) {
    if (!status?.namespace) continue;
    const { items } = await listIfServed(api, { namespace: status.namespace, labelSelector }, signal);
    unclaimed.push(...items.filter((copy) => {
      const key = { namespace: metadata.name, name: copy.metadata.name };
      return isOurCopy(copy, terms) && !isDeleting(copy) && !claims.some((claim) => isSelected(claim, key, copy));
    }));
  }
  return unclaimed;
}

/** Objects of a kind that is not served any more are gone. */
async function listIfServed(
  api: Api,
  options: ListOptions,
  signal: AbortSignal,
): Promise<Pick<List<DynamicObject>, "items">> {
  try {
    return await api.list(options, signal);
  } catch (error) {
    if (isNotFound(error)) return { items: [] };
    throw error;
  }
}
