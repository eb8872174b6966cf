import { IDENTITY_ANNOTATION, PERSON_ANNOTATION } from "../crds/names.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Log } from "../kube/log.ts";
import { type Namespace, NAMESPACES } from "../kube/resources.ts";
import type { Store } from "../kube/store.ts";
import { annotationOf, isDeleting } from "../kube/types.ts";
import type { Person } from "./admission.ts";
import { createOrGet } from "./ensure.ts";
import {
  identityText,
  isUsableSubject,
  namespaceCandidates,
  NAMESPACES_BY_IDENTITY,
  NAMESPACES_BY_SUBJECT,
  type TenantIdentity,
} from "./identity.ts";
import { formatPerson } from "./person.ts";
import { Refusal } from "./refusal.ts";

export interface TenantNamespaceDeps {
  client: KubeClient;
  /** Indexed by `identityIndexer`, and complete: what it does not know is taken for absent. */
  namespaces: Store<Namespace>;
  namespacePrefix: string;
  /** How many app clusters one user may have; absent for any number. */
  appClustersPerUser?: number;
  log: Log;
}

/**
 * The cluster namespace of one user's app cluster, which says what is known of that user. May run any number of times,
 * also at once: all of them end at the same namespace.
 *
 * @returns its name
 * @throws {Refusal} when the user's name cannot be used, or has enough app clusters, or the namespace is being deleted
 * @throws {KubeError}
 */
export async function ensureTenantNamespace(
  deps: TenantNamespaceDeps,
  user: Person & TenantIdentity,
  signal: AbortSignal,
): Promise<string> {
  checkSubject(user);
  const person = { [PERSON_ANNOTATION]: formatPerson(user) };
  const found = findNamespace(deps, user);
  if (!found) checkNumber(deps, user);
  const { name, isNew } = found ?? await createNamespace(deps, user, person, signal);
  if (!isNew) await deps.client.api(NAMESPACES).mergePatch({ name }, { metadata: { annotations: person } }, {}, signal);
  return name;
}

interface Found {
  name: string;
  /** Made just now, with all annotations. */
  isNew: boolean;
}

function checkSubject({ subject }: TenantIdentity): void {
  if (isUsableSubject(subject)) return;
  const message = "Your user id at the identity provider is empty or contains '#', and cannot be used here.";
  throw new Refusal(403, "This account cannot bind", message);
}

/** By what the cache knows: of those that come at the same moment, as many pass as one identity may bind in a row. */
function checkNumber({ namespaces, appClustersPerUser: most = Infinity }: TenantNamespaceDeps, user: TenantIdentity) {
  const count = namespaces.by(NAMESPACES_BY_SUBJECT, user.subject).filter((one) => !isDeleting(one)).length;
  if (count < most) return;
  const message =
    `You have ${count} app clusters here, and may have no more than ${most}. Those that are bound go on ` +
    "working. Ask whoever runs this provider to delete the cluster namespaces of those that are gone, or to allow more " +
    "(--app-clusters-per-user).";
  throw new Refusal(403, "You have too many app clusters", message);
}

function findNamespace({ namespaces, log }: TenantNamespaceDeps, user: TenantIdentity): Found | undefined {
  const alive = namespaces.by(NAMESPACES_BY_IDENTITY, identityText(user)).filter((one) => !isDeleting(one));
  const [name, ...others] = alive.sort(byAge).map(({ metadata }) => metadata.name);
  if (name === undefined) return undefined;
  if (others.length > 0) {
    log.warn("one user and app cluster has several namespaces, using the oldest", { namespaces: [name, ...others] });
  }
  return { name, isNew: false };
}

async function createNamespace(
  { client, namespacePrefix, log }: TenantNamespaceDeps,
  user: TenantIdentity,
  person: Record<string, string>,
  signal: AbortSignal,
): Promise<Found> {
  const text = identityText(user);
  const api = client.api<Namespace>(NAMESPACES);
  for (const name of namespaceCandidates(namespacePrefix, text)) {
    const metadata = { name, annotations: { [IDENTITY_ANNOTATION]: text, ...person } };
    const { existing } = await createOrGet(api, { apiVersion: "v1", kind: "Namespace", metadata }, signal);
    if (!existing) {
      log.info("cluster namespace created", { namespace: name });
      return { name, isNew: true };
    }
    if (annotationOf(existing, IDENTITY_ANNOTATION) !== text) continue; // the hash of somebody else
    if (!isDeleting(existing)) return { name, isNew: false };
    const message = `Your namespace "${name}" on the provider is being deleted. Try again in a minute.`;
    throw new Refusal(503, "Not ready yet", message, { retryAfterSeconds: 60 });
  }
  throw new Error(
    `Cannot name a namespace for a new app cluster: all candidates with prefix "${namespacePrefix}" are taken`,
  );
}

const byAge = ({ metadata: a }: Namespace, { metadata: b }: Namespace): number =>
  `${a.creationTimestamp} ${a.name}` < `${b.creationTimestamp} ${b.name}` ? -1 : 1;
