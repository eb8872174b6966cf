import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceExportRequest } from "../crds/api_service_export_request.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { toExportSpec } from "../crds/export_schema.ts";
import {
  API_SERVICE_EXPORT_REQUESTS,
  API_SERVICE_EXPORTS,
  API_VERSION,
  BINDER,
  binderRoleName,
  CLUSTER_BINDING_NAME,
  CLUSTER_BINDINGS,
  IDENTITY_ANNOTATION,
  KUBECONFIG,
  REDEEMED_CODES_ANNOTATION,
} from "../crds/names.ts";
import { setCondition } from "../kube/conditions.ts";
import type { KubeClient } from "../kube/client.ts";
import {
  CLUSTER_ROLES,
  type CustomResourceDefinition,
  NAMESPACES,
  type Role,
  ROLE_BINDINGS,
  type RoleBinding,
  type Secret,
  SECRETS,
  SERVICE_ACCOUNTS,
} from "../kube/resources.ts";
import { requestToken } from "../kube/service_account_token.ts";

const RBAC = "rbac.authorization.k8s.io";
const TOKEN_SECONDS = 3600;

/** What an app cluster is given. */
export interface Onboarded {
  /** The cluster namespace. */
  namespace: string;
  /** The one API that it has. */
  crd: CustomResourceDefinition;
  /** With the rest of a kubeconfig around its token. */
  kubeconfigFor: (user: { token: string }, context: { namespace: string }) => string;
}

/** The least that anybody has to write for a new app cluster with one API, in the order in which it has to happen. */
export async function writeOnboarding(client: KubeClient, onboarded: Onboarded, signal: AbortSignal): Promise<void> {
  await writeContract(client, onboarded, signal);
  await writeExport(client, onboarded, signal);
}

async function writeContract(client: KubeClient, { namespace, kubeconfigFor }: Onboarded, signal: AbortSignal) {
  const namespaces = client.api(NAMESPACES);
  const annotations = { [IDENTITY_ANNOTATION]: `bench#${namespace}` };
  await namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, annotations } }, signal);
  await client.api<ClusterBinding>(CLUSTER_BINDINGS).create({
    apiVersion: API_VERSION,
    kind: CLUSTER_BINDINGS.kind,
    metadata: { namespace, name: CLUSTER_BINDING_NAME },
    spec: { kubeconfigSecretRef: { name: KUBECONFIG, key: KUBECONFIG }, providerPrettyName: "Bench" },
  }, signal);
  await client.api<RoleBinding>(ROLE_BINDINGS).create({
    apiVersion: `${RBAC}/v1`,
    kind: "RoleBinding",
    metadata: { namespace, name: BINDER },
    subjects: [{ kind: "ServiceAccount", namespace, name: BINDER }],
    roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: BINDER },
  }, signal);
  const account = { namespace, name: BINDER };
  await client.api(SERVICE_ACCOUNTS).create({ apiVersion: "v1", kind: "ServiceAccount", metadata: account }, signal);
  const secrets = client.api<Secret>(SECRETS);
  const key = { namespace, name: KUBECONFIG };
  const { metadata: { uid } } = await secrets.create({ apiVersion: "v1", kind: "Secret", metadata: key }, signal);
  const secret = { name: KUBECONFIG, uid: uid! };
  const token = await requestToken(client, account, { lifetimeSeconds: TOKEN_SECONDS, secret }, signal);
  const data = { [KUBECONFIG]: btoa(kubeconfigFor({ token }, { namespace })) };
  await secrets.mergePatch(key, { data }, {}, signal);
  const redeemed = { [REDEEMED_CODES_ANNOTATION]: `${crypto.randomUUID()}=0` };
  await namespaces.mergePatch({ name: namespace }, { metadata: { annotations: redeemed } }, {}, signal);
}

async function writeExport(client: KubeClient, { namespace, crd }: Onboarded, signal: AbortSignal): Promise<void> {
  const { group, names: { plural: resource } } = crd.spec;
  const status = { subresource: "status" } as const;
  const requests = client.api<APIServiceExportRequest>(API_SERVICE_EXPORT_REQUESTS);
  const request = { namespace, name: "bench" };
  await requests.create({
    apiVersion: API_VERSION,
    kind: API_SERVICE_EXPORT_REQUESTS.kind,
    metadata: request,
    spec: { resources: [{ group, resource }] },
  }, signal);
  const exports = client.api<APIServiceExport>(API_SERVICE_EXPORTS);
  const { metadata } = await exports.create({
    apiVersion: API_VERSION,
    kind: API_SERVICE_EXPORTS.kind,
    metadata: { namespace, name: crd.metadata.name },
    spec: { ...toExportSpec(crd), informerScope: "Namespaced" },
  }, signal);
  await client.api<Role>(CLUSTER_ROLES).create({
    apiVersion: `${RBAC}/v1`,
    kind: "ClusterRole",
    metadata: { name: binderRoleName(namespace) },
    rules: [{
      apiGroups: [group],
      resources: [resource],
      verbs: ["get", "list", "watch", "create", "patch", "delete"],
    }],
  }, signal);
  const conditionsOf = (type: string) => ({ conditions: setCondition([], { type, status: "True" }, new Date()) });
  await exports.mergePatch(metadata, { status: conditionsOf("ProviderInSync") }, status, signal);
  const succeeded = { phase: "Succeeded", ...conditionsOf("ExportsReady") };
  await requests.mergePatch(request, { status: succeeded }, status, signal);
  const binding = { namespace, name: CLUSTER_BINDING_NAME };
  await client.api(CLUSTER_BINDINGS).mergePatch(binding, { status: conditionsOf("Healthy") }, status, signal);
}
