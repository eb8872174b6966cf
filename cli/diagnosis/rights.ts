import { reviewAccess } from "../../kube/access.ts";
import type { KubeClient } from "../../kube/client.ts";
import type { Right } from "../../sync/rights.ts";

/** `create mangodbs.mangodb.com`, for each of the rights that is not there. */
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
    .map(({ verb, group, resource, name }) =>
      `${verb} ${group ? `${resource}.${group}` : resource}${name ? ` "${name}"` : ""}`
    );
  return [...new Set(missing)];
}
