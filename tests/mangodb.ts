import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../kube/resources.ts";
import type { KubeClient } from "../kube/client.ts";
import type { DynamicObject, Resource } from "../kube/types.ts";
import { eventually, within } from "./clusters.ts";

const pluralOf = (kind: string) => `${kind.toLowerCase()}s`;

/**
 * The API that the original's tests bind: a database with a plan, a region and a phase.
 *
 * @param kind another name, where one kind is not enough
 */
export function mangoDbCrd(group: string, kind = "MangoDB"): CustomResourceDefinition {
  const plural = pluralOf(kind);
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      scope: "Namespaced",
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
                required: ["tokenSecret"],
                properties: {
                  tier: { type: "string", enum: ["Dedicated", "Shared"], default: "Shared" },
                  region: { type: "string", default: "us-east-1", minLength: 1 },
                  backup: { type: "boolean", default: false },
                  tokenSecret: { type: "string", minLength: 1 },
                  storage: {
                    type: "object",
                    properties: { sizeBytes: { type: "integer", format: "int64" }, ratio: { type: "number" } },
                  },
                  users: {
                    type: "array",
                    items: {
                      type: "object",
                      properties: { name: { type: "string" }, roles: { type: "array", items: { type: "string" } } },
                    },
                  },
                  resourceRef: { type: "object", properties: { name: { type: "string" } } },
                },
              },
              status: {
                type: "object",
                properties: {
                  phase: { type: "string", enum: ["Pending", "Running", "Succeeded", "Failed", "Unknown"] },
                  endpoint: { type: "string" },
                },
              },
            },
          },
        },
        subresources: { status: {} },
        additionalPrinterColumns: [
          { name: "Tier", type: "string", jsonPath: ".spec.tier" },
          { name: "Phase", type: "string", jsonPath: ".status.phase" },
        ],
      }],
    },
  };
}

export const mangoDbResource = (group: string, kind = "MangoDB"): Resource => ({
  group,
  version: "v1alpha1",
  plural: pluralOf(kind),
  kind,
  namespaced: true,
});

export const mangoDb = (
  group: string,
  { namespace, name }: { namespace: string; name: string },
  spec: Record<string, unknown> = {},
  kind = "MangoDB",
): DynamicObject => ({
  apiVersion: `${group}/v1alpha1`,
  kind,
  metadata: { namespace, name },
  spec: { tokenSecret: "token", ...spec },
});

/** Creates a CRD and waits until its objects can be made; deleted with all its objects at dispose. */
export async function installCrd(client: KubeClient, crd: CustomResourceDefinition): Promise<AsyncDisposable> {
  const crds = client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  await crds.create(crd, within(10_000));
  await eventually(`${crd.metadata.name} is established`, async () => {
    const { status } = await crds.get(crd.metadata, within(5_000));
    return status?.conditions?.some((one) => one.type === "Established" && one.status === "True");
  });
  return { [Symbol.asyncDispose]: () => crds.delete(crd.metadata, {}, within(10_000)) };
}
