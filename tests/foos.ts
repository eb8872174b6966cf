import type { CustomResourceDefinition } from "../kube/resources.ts";
import type { DynamicObject, Resource } from "../kube/types.ts";

/** The cluster-scoped API that the original's tests bind: a deployment and its phase. */
export function fooCrd(group: string, scope: "Cluster" | "Namespaced" = "Cluster"): CustomResourceDefinition {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `foos.${group}` },
    spec: {
      group,
      names: { kind: "Foo", listKind: "FooList", plural: "foos", singular: "foo" },
      scope,
      versions: [{
        name: "v1alpha1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: "object",
            required: ["spec"],
            properties: {
              spec: {
                type: "object",
                properties: {
                  deploymentName: { type: "string" },
                  replicas: { type: "integer", format: "int32", minimum: 1, maximum: 10 },
                },
              },
              status: { type: "object", properties: { phase: { type: "string" } } },
            },
          },
        },
        subresources: { status: {} },
      }],
    },
  };
}

export const fooResource = (group: string): Resource => ({
  group,
  version: "v1alpha1",
  plural: "foos",
  kind: "Foo",
  namespaced: false,
});

export const foo = (group: string, name: string, spec: Record<string, unknown> = {}): DynamicObject => ({
  apiVersion: `${group}/v1alpha1`,
  kind: "Foo",
  metadata: { name },
  spec: { deploymentName: name, replicas: 1, ...spec },
});
