import type { CustomResourceDefinition } from "../kube/resources.ts";
import { type CrdPart, exportCrdJson } from "./go_json.ts";

type Spec = CustomResourceDefinition["spec"];

/**
 * Whether a CRD on a cluster already is what it should be: what an API server adds (names, empty conversion) or leaves
 * out when it stores a CRD (empty lists, `false`) makes no difference, so that nothing is written in vain.
 */
export const sameCrdSpec = (actual: Spec, wanted: Spec): boolean =>
  (actual.conversion?.strategy ?? "None") === (wanted.conversion?.strategy ?? "None") &&
  exportCrdJson(withDefaults(actual)) === exportCrdJson(withDefaults(wanted));

function withDefaults({ group, names, scope, versions }: Spec): CrdPart {
  const { singular, listKind, ...rest } = names;
  const filled = { singular: singular || names.kind.toLowerCase(), listKind: listKind || `${names.kind}List` };
  return { group, names: { ...rest, ...filled }, scope, versions };
}
