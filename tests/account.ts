import { type ClusterConfig, staticConfig } from "../kube/kubeconfig.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  type PolicyRule,
  type Role,
  ROLE_BINDINGS,
  type RoleBinding,
  type RoleSubject,
  SERVICE_ACCOUNTS,
} from "../kube/resources.ts";
import { apiVersionOf } from "../kube/types.ts";
import { type TestCluster, uniqueName, within } from "./clusters.ts";

/** Somebody who may do nothing yet, and does it with a token of his own. */
export interface Account {
  /** As role bindings name it. */
  subject: RoleSubject;
  token: string;
  config: ClusterConfig;
  /** Binds a ClusterRole in one namespace, or in all; what is granted in all has to be taken back. */
  grant(role: string, where?: string): Promise<AsyncDisposable>;
  /** Lets it do what the rules say in one namespace, or in all, until that is taken back. */
  allow(rules: PolicyRule[], where?: string): Promise<Allowance>;
  /** Deletes it, and its token is worth nothing any more. */
  dismiss(): Promise<void>;
}

export interface Allowance extends AsyncDisposable {
  change(rules: PolicyRule[]): Promise<unknown>;
}

/** @param namespace where the account lives; it ends with it */
export async function openAccount(
  { client, config: { server, caData } }: Pick<TestCluster, "client" | "config">,
  namespace: string,
): Promise<Account> {
  const name = uniqueName("account");
  const subject: RoleSubject = { kind: "ServiceAccount", namespace, name };
  const accounts = client.api(SERVICE_ACCOUNTS);
  await accounts.create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace, name } }, within(5_000));
  const { status } = await client.request<{ status: { token: string } }>(
    "POST",
    `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
    { body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} } },
    within(5_000),
  );
  const grant = async (role: string, where?: string): Promise<AsyncDisposable> => {
    const bindings = client.api<RoleBinding>(where ? ROLE_BINDINGS : CLUSTER_ROLE_BINDINGS);
    const metadata = { name: uniqueName(name), ...(where && { namespace: where }) };
    await bindings.create({
      apiVersion: apiVersionOf(CLUSTER_ROLE_BINDINGS),
      kind: where ? "RoleBinding" : "ClusterRoleBinding",
      metadata,
      roleRef: { apiGroup: CLUSTER_ROLES.group, kind: "ClusterRole", name: role },
      subjects: [subject],
    }, within(5_000));
    return { [Symbol.asyncDispose]: () => bindings.delete(metadata, {}, within(5_000)) };
  };
  return {
    subject,
    token: status.token,
    config: staticConfig({ server, caData, token: status.token }),
    grant,
    async allow(rules, where) {
      const roles = client.api<Role>(CLUSTER_ROLES);
      const role = { name: uniqueName(name) };
      const { kind } = CLUSTER_ROLES;
      await roles.create({ apiVersion: apiVersionOf(CLUSTER_ROLES), kind, metadata: role, rules }, within(5_000));
      const granted = await grant(role.name, where);
      return {
        change: (rules) => roles.mergePatch(role, { rules }, {}, within(5_000)),
        async [Symbol.asyncDispose]() {
          await granted[Symbol.asyncDispose]();
          await roles.delete(role, {}, within(5_000));
        },
      };
    },
    dismiss: () => accounts.delete({ namespace, name }, {}, within(5_000)),
  };
}
