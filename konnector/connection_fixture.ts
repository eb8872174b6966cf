import { APIServiceExport } from "../crds/api_service_export.ts";
import { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import { ClusterBinding } from "../crds/cluster_binding.ts";
import { installCrds } from "../crds/install.ts";
import { silentLog } from "../kube/log.ts";
import { openAccount } from "../tests/account.ts";
import { type TestCluster, within } from "../tests/clusters.ts";
import { Connection } from "./connection.ts";
import { openConsumerNamespaces } from "./namespaces.ts";

/** What a connection reads in its cluster namespace. */
export const installProviderCrds = ({ client }: TestCluster) =>
  installCrds(client, [APIServiceExport, APIServiceNamespace, ClusterBinding], silentLog, within(30_000));

/**
 * Connects two clusters as the konnector does, over a cluster namespace of its own, and with an account that may do
 * what it likes there and nothing elsewhere, or else as an administrator.
 *
 * @param opened ends the connection, and fires the signal, when it is disposed of
 */
export async function openTestConnection(
  opened: AsyncDisposableStack,
  app: TestCluster,
  plane: TestCluster,
  isRestricted = false,
) {
  await installProviderCrds(plane);
  const clusterNamespace = opened.use(await plane.namespace("cluster")).name;
  const account = isRestricted ? await openAccount(plane, clusterNamespace) : undefined;
  await account?.grant("cluster-admin", clusterNamespace);
  const stop = new AbortController();
  const namespaces = openConsumerNamespaces(app.client, { log: silentLog });
  const watching = namespaces.watch({}, stop.signal);
  opened.defer(async () => {
    stop.abort();
    await watching;
  });
  const connection = opened.use(
    new Connection(
      { consumer: app.client, namespaces, log: silentLog, version: "v0.0.0" },
      { config: account?.config ?? plane.config, namespace: clusterNamespace },
      () => {},
      stop.signal,
    ),
  );
  return { connection, clusterNamespace, account, signal: stop.signal };
}
