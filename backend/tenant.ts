import type { ClusterBinding } from "../crds/cluster_binding.ts";
import {
  API_VERSION,
  BINDER,
  CLUSTER_BINDING_NAME,
  CLUSTER_BINDINGS,
  IDENTITY_ANNOTATION,
  KUBECONFIG,
  PERSON_ANNOTATION,
} from "../crds/names.ts";
import { type Namespace, NAMESPACES, ROLE_BINDINGS, type RoleBinding } from "../kube/resources.ts";
import type { Store } from "../kube/store.ts";
import { annotationOf, isDeleting } from "../kube/types.ts";
import type { Person } from "./admission.ts";
import { type CredentialDeps, ensureCredential } from "./credential.ts";
import type { Credential } from "./credential_plan.ts";
import { createOrGet, ensureObject, ensureRoleBinding } from "./ensure.ts";
import {
  identityText,
  isUsableSubject,
  namespaceCandidates,
  NAMESPACES_BY_IDENTITY,
  type TenantIdentity,
} from "./identity.ts";
import { formatPerson } from "./person.ts";
import { binderRoleBinding } from "./rbac.ts";
import { Refusal } from "./refusal.ts";

export interface TenantDeps extends CredentialDeps {
  /** Indexed by `identityIndexer`, and complete: what it does not know is taken for absent. */
  namespaces: Store<Namespace>;
  namespacePrefix: string;
  prettyName: string;
}

export interface Tenant extends Credential {
  /** The cluster namespace. */
  namespace: string;
}

/**
 * Provides one user's app cluster with all it needs on the provider: namespace, ClusterBinding, ServiceAccount with its
 * rights in that namespace, and a kubeconfig, which the Secret `kubeconfig` holds too. May run any number of times, also
 * at once: all of them end at the same namespace. What exists is taken over, also from the original backend.
 *
 * @throws {Refusal} when the user's name cannot be used, or the namespace is being deleted
 * @throws {KubeError}
 */
export async function ensureTenant(
  deps: TenantDeps,
  user: Person & TenantIdentity,
  signal: AbortSignal,
): Promise<Tenant> {
  const { client } = deps;
  const namespace = await ensureNamespace(deps, user, signal);
  // Rights, too, before the credential is handed out: who uses it at once must not be refused.
  const role = binderRoleBinding(namespace, BINDER, namespace);
  const [binding] = await Promise.all([
    ensureClusterBinding(deps, namespace, signal),
    ensureRoleBinding(client.api<RoleBinding>(ROLE_BINDINGS), undefined, role, signal),
  ]);
  const secret = { namespace, name: binding.spec.kubeconfigSecretRef.name };
  return { namespace, ...await ensureCredential(deps, secret, identityText(user), signal) };
}

async function ensureNamespace(deps: TenantDeps, user: Person & TenantIdentity, signal: AbortSignal): Promise<string> {
  const { client, namespaces, namespacePrefix, log } = deps;
  if (!isUsableSubject(user.subject)) {
    const message = "Your user id at the identity provider is empty or contains '#', and cannot be used here.";
    throw new Refusal(403, "This account cannot bind", message);
  }
  const text = identityText(user);
  const person = { [PERSON_ANNOTATION]: formatPerson(user) };
  const record = async (name: string) => {
    await api.mergePatch({ name }, { metadata: { annotations: person } }, {}, signal);
    return name;
  };
  const api = client.api<Namespace>(NAMESPACES);
  const known = namespaces.by(NAMESPACES_BY_IDENTITY, text).filter((one) => !isDeleting(one)).sort(byAge);
  if (known.length > 1) {
    const names = known.map(({ metadata }) => metadata.name);
    log.warn("one user and app cluster has several namespaces, using the oldest", { namespaces: names });
  }
  if (known[0]) return await record(known[0].metadata.name);

  for (const name of namespaceCandidates(namespacePrefix, text)) {
    const metadata = { name, annotations: { [IDENTITY_ANNOTATION]: text, ...person } };
    const { existing } = await createOrGet(api, { apiVersion: "v1", kind: "Namespace", metadata }, signal);
    if (!existing) {
      log.info("cluster namespace created", { namespace: name });
      return name;
    }
    if (annotationOf(existing, IDENTITY_ANNOTATION) !== text) continue; // the hash of somebody else
    if (!isDeleting(existing)) return await record(name);
    const message = `Your namespace "${name}" on the provider is being deleted. Try again in a minute.`;
    throw new Refusal(503, "Not ready yet", message, { retryAfterSeconds: 60 });
  }
  throw new Error(
    `Cannot name a namespace for a new app cluster: all candidates with prefix "${namespacePrefix}" are taken`,
  );
}

const byAge = ({ metadata: a }: Namespace, { metadata: b }: Namespace): number =>
  `${a.creationTimestamp} ${a.name}` < `${b.creationTimestamp} ${b.name}` ? -1 : 1;

const ensureClusterBinding = ({ client, prettyName }: TenantDeps, namespace: string, signal: AbortSignal) =>
  ensureObject<ClusterBinding>(client.api(CLUSTER_BINDINGS), {
    apiVersion: API_VERSION,
    kind: CLUSTER_BINDINGS.kind,
    metadata: { namespace, name: CLUSTER_BINDING_NAME },
    spec: { kubeconfigSecretRef: { name: KUBECONFIG, key: KUBECONFIG }, providerPrettyName: prettyName },
  }, signal);
