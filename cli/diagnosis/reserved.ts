import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import { KLUTCH_NAMESPACE } from "../../crds/names.ts";
import { formatKey, type ObjectKey } from "../../kube/types.ts";

/** Secrets that bindings use are out of reach of any claim. */
export function reservedBy(bindings: readonly APIServiceBinding[]): (key: ObjectKey) => boolean {
  const used = new Set(
    bindings.map(({ spec: { kubeconfigSecretRef: { namespace, name } } }) => formatKey({ namespace, name })),
  );
  return (key) => key.namespace === KLUTCH_NAMESPACE || used.has(formatKey(key));
}
