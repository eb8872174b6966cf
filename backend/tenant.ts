import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { API_VERSION, BINDER, CLUSTER_BINDING_NAME, CLUSTER_BINDINGS, KUBECONFIG } from "../crds/names.ts";
import { ROLE_BINDINGS, type RoleBinding } from "../kube/resources.ts";
import type { Person } from "./admission.ts";
import { type CredentialDeps, ensureCredential } from "./credential.ts";
import type { Credential } from "./credential_plan.ts";
import { ensureObject, ensureRoleBinding } from "./ensure.ts";
import { identityText, type TenantIdentity } from "./identity.ts";
import { binderRoleBinding } from "./rbac.ts";
import { ensureTenantNamespace, type TenantNamespaceDeps } from "./tenant_namespace.ts";

export interface TenantDeps extends CredentialDeps, TenantNamespaceDeps {
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
 * @throws {Refusal} when the user cannot have it
 * @throws {KubeError}
 */
export async function ensureTenant(
  deps: TenantDeps,
  user: Person & TenantIdentity,
  signal: AbortSignal,
): Promise<Tenant> {
  const namespace = await ensureTenantNamespace(deps, user, signal);
  const identity = identityText(user);
  // Rights, too, before the credential is handed out: who uses it at once must not be refused.
  const [binding] = await Promise.all([
    ensureClusterBinding(deps, namespace, signal),
    ensureRights(deps, { namespace, identity }, signal),
  ]);
  const secret = { namespace, name: binding.spec.kubeconfigSecretRef.name };
  return { namespace, ...await ensureCredential(deps, secret, identity, signal) };
}

async function ensureRights(
  { client, audit }: TenantDeps,
  whose: { namespace: string; identity: string },
  signal: AbortSignal,
): Promise<void> {
  const { namespace } = whose;
  const wanted = binderRoleBinding(namespace, BINDER, namespace);
  const isWritten = await ensureRoleBinding(client.api<RoleBinding>(ROLE_BINDINGS), undefined, wanted, signal);
  if (isWritten) audit("rights in its namespace granted", whose);
}

const ensureClusterBinding = ({ client, prettyName }: TenantDeps, namespace: string, signal: AbortSignal) =>
  ensureObject<ClusterBinding>(client.api(CLUSTER_BINDINGS), {
    apiVersion: API_VERSION,
    kind: CLUSTER_BINDINGS.kind,
    metadata: { namespace, name: CLUSTER_BINDING_NAME },
    spec: { kubeconfigSecretRef: { name: KUBECONFIG, key: KUBECONFIG }, providerPrettyName: prettyName },
  }, signal);
