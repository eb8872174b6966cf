import type { KubeClient } from "../kube/client.ts";
import type { Resource } from "../kube/types.ts";
import { within } from "./clusters.ts";

export interface AdmissionPolicy {
  name: string;
  /** Whether it changes objects, instead of judging them. */
  isMutating?: boolean;
  rule: { apiGroups: string[]; resources: string[]; operations: ("CREATE" | "UPDATE")[] };
  /** The rest of the spec, e.g. `validations`. */
  [field: string]: unknown;
}

const resource = (kind: string, plural: string): Resource => ({
  group: "admissionregistration.k8s.io",
  version: "v1",
  plural,
  kind,
  namespaced: false,
});

/** Installs an admission policy until it is disposed of; it takes a moment until an API server minds it. */
export async function installPolicy(
  client: KubeClient,
  { name, isMutating = false, rule, ...spec }: AdmissionPolicy,
): Promise<AsyncDisposable> {
  const kind = isMutating ? "MutatingAdmissionPolicy" : "ValidatingAdmissionPolicy";
  const policies = client.api(resource(kind, `${kind.toLowerCase().slice(0, -1)}ies`));
  const bindings = client.api(resource(`${kind}Binding`, `${kind.toLowerCase()}bindings`));
  const apiVersion = "admissionregistration.k8s.io/v1";
  const metadata = { name };
  const matchConstraints = { resourceRules: [{ ...rule, apiVersions: ["*"] }] };
  await policies.create({ apiVersion, kind, metadata, spec: { matchConstraints, ...spec } }, within(5_000));
  await bindings.create({
    apiVersion,
    kind: `${kind}Binding`,
    metadata,
    spec: { policyName: name, ...(!isMutating && { validationActions: ["Deny"] }) },
  }, within(5_000));
  return {
    async [Symbol.asyncDispose]() {
      for (const api of [bindings, policies]) await api.delete(metadata, {}, within(5_000));
    },
  };
}
