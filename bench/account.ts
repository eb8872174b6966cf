import type { KubeClient } from "../kube/client.ts";
import { CLUSTER_ROLE_BINDINGS, type RoleBinding, SERVICE_ACCOUNTS } from "../kube/resources.ts";
import type { ObjectKey } from "../kube/types.ts";

const TOKEN_SECONDS = 24 * 3600;

/**
 * Makes a service account that may do everything. Konnectors run as one in real life too, and unlike administrators it
 * passes through authorization and through the server's flow control.
 *
 * @returns its token
 */
export async function makeAccount(client: KubeClient, key: Required<ObjectKey>, signal: AbortSignal): Promise<string> {
  const { namespace, name } = key;
  await client.api(SERVICE_ACCOUNTS).create({ apiVersion: "v1", kind: "ServiceAccount", metadata: key }, signal);
  await client.api<RoleBinding>(CLUSTER_ROLE_BINDINGS).create({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name },
    subjects: [{ kind: "ServiceAccount", namespace, name }],
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
  }, signal);
  const { status } = await client.request<{ status: { token: string } }>(
    "POST",
    `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
    {
      body: {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { expirationSeconds: TOKEN_SECONDS },
      },
    },
    signal,
  );
  return status.token;
}
