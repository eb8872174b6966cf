import { type ClusterConfig, staticConfig } from "../kube/kubeconfig.ts";
import { CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS, type RoleBinding, SERVICE_ACCOUNTS } from "../kube/resources.ts";
import { type TestCluster, uniqueName, within } from "./clusters.ts";

/** Somebody who may do nothing yet, and does it with a token of his own. */
export interface Account {
  name: string;
  config: ClusterConfig;
  /** Binds a ClusterRole in one namespace, or in all; what is granted in all has to be taken back. */
  grant(role: string, where?: string): Promise<AsyncDisposable>;
  /** Takes the token away. */
  dismiss(): Promise<void>;
}

/** @param namespace where the account lives; it ends with it */
export async function openAccount(
  { client, config: { server, caData } }: TestCluster,
  namespace: string,
  name = uniqueName("account"),
): Promise<Account> {
  const accounts = client.api(SERVICE_ACCOUNTS);
  await accounts.create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace, name } }, within(5_000));
  const { status } = await client.request<{ status: { token: string } }>(
    "POST",
    `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
    { body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} } },
    within(5_000),
  );
  return {
    name,
    config: staticConfig({ server, caData, token: status.token }),
    async grant(role, where) {
      const bindings = client.api<RoleBinding>(where ? ROLE_BINDINGS : CLUSTER_ROLE_BINDINGS);
      const metadata = { name: uniqueName(name), ...(where && { namespace: where }) };
      await bindings.create({
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: where ? "RoleBinding" : "ClusterRoleBinding",
        metadata,
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
        subjects: [{ kind: "ServiceAccount", namespace, name }],
      }, within(5_000));
      return { [Symbol.asyncDispose]: () => bindings.delete(metadata, {}, within(5_000)) };
    },
    dismiss: () => accounts.delete({ namespace, name }, {}, within(5_000)),
  };
}
