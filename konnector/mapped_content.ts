import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import type { Api } from "../kube/api.ts";
import { discover } from "../kube/discovery.ts";
import type { DynamicObject } from "../kube/types.ts";
import { isOrWasOurCopy } from "../sync/claim_plan.ts";
import { ownersOf, reachesNamespace } from "../sync/claim_rules.ts";
import { resourceOf } from "../sync/definition.ts";
import type { Connection } from "./connection.ts";

/**
 * Whether the provider's namespace for one of the app cluster may hold objects of an exported API, or copies of what the
 * app cluster owns; asked live. True as well where that cannot be known.
 *
 * @throws {KubeError} when the provider does not let us look
 */
export async function mayHoldObjects(
  { client, namespace: clusterNamespace, exports }: Pick<Connection, "client" | "namespace" | "exports">,
  { metadata: { name }, status }: APIServiceNamespace,
  signal: AbortSignal,
): Promise<boolean> {
  const mapped = status?.namespace;
  const specs = Array.from(exports.store.list(), ({ spec }) => spec);
  if (!mapped || specs.length === 0) return true;
  for (const spec of specs) {
    if (spec.scope === "Namespaced" && await holds(client.api(resourceOf(spec)), mapped, () => true, signal)) {
      return true;
    }
  }
  const claims = specs.flatMap(({ permissionClaims = [] }) => permissionClaims)
    .filter((claim) => ownersOf(claim).includes("Consumer") && reachesNamespace(claim, name));
  if (claims.length === 0) return false;
  const terms = { owner: "Consumer", claims, clusterNamespace } as const;
  const served = await discover(client, signal);
  for (const { group, resource: plural } of claims) {
    const kind = served.find({ group, plural });
    const isCopy = (object: DynamicObject) => isOrWasOurCopy(object, terms);
    if (kind?.namespaced && await holds(client.api(kind), mapped, isCopy, signal)) return true;
  }
  return false;
}

async function holds(
  api: Api,
  namespace: string,
  isMeant: (object: DynamicObject) => boolean,
  signal: AbortSignal,
): Promise<boolean> {
  for await (const { items } of api.listPages({ namespace }, signal)) {
    if (items.some(isMeant)) return true;
  }
  return false;
}
