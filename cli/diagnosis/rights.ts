import { KLUTCH_NAMESPACE } from "../../crds/names.ts";
import { reviewAccess } from "../../kube/access.ts";
import type { KubeClient } from "../../kube/client.ts";
import type { Right } from "../../sync/rights.ts";
import { absentNamespaces } from "../konnector/update_rights.ts";

/**
 * As `missingRights`, for what the konnector has to be allowed on this cluster; in a namespace that is not there nothing
 * can be granted yet.
 *
 * @param account its ServiceAccount
 */
export async function missingKonnectorRights(
  appCluster: KubeClient,
  account: string,
  rights: readonly Right[],
  signal: AbortSignal,
): Promise<string[]> {
  const listed = rights.flatMap(({ namespaces = [] }) => namespaces);
  const absent = new Set(await absentNamespaces(appCluster, listed, signal));
  const grantable = rights.map((right) => ({
    ...right,
    namespaces: right.namespaces?.filter((name) => !absent.has(name)),
  }));
  const user = `system:serviceaccount:${KLUTCH_NAMESPACE}:${account}`;
  return await missingRights(appCluster, grantable, { user }, signal);
}

/** `create mangodbs.mangodb.com`, or `get secrets "db" in namespace shop`, for each of the rights that is not there. */
export async function missingRights(
  client: KubeClient,
  rights: readonly Right[],
  { user, namespace }: { user?: string; namespace?: string },
  signal: AbortSignal,
): Promise<string[]> {
  const asked = rights.flatMap(({ verbs, namespaces = [undefined], names = [undefined], ...right }) =>
    verbs.flatMap((verb) =>
      (namespace ? [namespace] : namespaces).flatMap((namespace) =>
        names.map((name) => ({ verb, ...right, namespace, name }))
      )
    )
  );
  const answers = await Promise.all(asked.map((access) => reviewAccess(client, access, { user }, signal)));
  const missing = asked.filter((_, index) => !answers[index]!.isAllowed)
    .map(({ verb, group, resource, name, namespace }) =>
      `${verb} ${group ? `${resource}.${group}` : resource}${name ? ` "${name}"` : ""}` +
      (namespace ? ` in namespace ${namespace}` : "")
    );
  return [...new Set(missing)];
}
