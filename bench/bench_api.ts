import type { CustomResourceDefinition, OpenApiSchema } from "../kube/resources.ts";
import { apiVersionOf, type DynamicObject, type ObjectKey, type Resource, resourceName } from "../kube/types.ts";

/** The bound API of the bench: a service with about as many fields as services have. */
export const DATABASES: Resource = {
  group: "bench.example.com",
  version: "v1",
  plural: "databases",
  kind: "Database",
  namespaced: true,
};

const text: OpenApiSchema = { type: "string" };
const object = (properties: Record<string, OpenApiSchema>): OpenApiSchema => ({ type: "object", properties });
const list = (items: OpenApiSchema): OpenApiSchema => ({ type: "array", items });

export function databaseCrd(): CustomResourceDefinition {
  const { group, version, plural, kind } = DATABASES;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: resourceName(DATABASES) },
    spec: {
      group,
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      scope: "Namespaced",
      versions: [{
        name: version,
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: object({
            spec: object({
              plan: text,
              region: text,
              version: text,
              sizeBytes: { type: "integer", format: "int64" },
              backup: { type: "boolean" },
              networks: list(text),
              maintenance: object({ day: text, hour: { type: "integer" } }),
              users: list(object({ name: text, roles: list(text) })),
              parameters: { type: "object", additionalProperties: text },
            }),
            status: object({ phase: text, endpoint: text, observedPlan: text }),
          }),
        },
        subresources: { status: {} },
      }],
    },
  };
}

/** A database as its user writes it: 1.6 KB of JSON. */
export const database = ({ namespace, name }: ObjectKey): DynamicObject => ({
  apiVersion: apiVersionOf(DATABASES),
  kind: DATABASES.kind,
  metadata: { namespace, name },
  spec: {
    plan: "standard",
    region: "eu-central-1",
    version: "16.3",
    sizeBytes: 53_687_091_200,
    backup: true,
    networks: ["10.0.0.0/16", "10.1.0.0/16", "192.168.12.0/24"],
    maintenance: { day: "Sunday", hour: 3 },
    users: ["application", "migrations", "reporting", "monitoring"].map((user) => ({
      name: `${user}-of-${name}`,
      roles: ["connect", `${user}-read`, `${user}-write`],
    })),
    parameters: Object.fromEntries(
      Array.from({ length: 16 }, (_, index) => [`setting-${index}`, `value ${index} of ${name} `.padEnd(38, ".")]),
    ),
  },
});

/** A status as an operator would write it. */
export const databaseStatus = (name: string, phase: string): Record<string, string> => ({
  phase,
  endpoint: `${name}.databases.example.com:5432`,
  observedPlan: "standard",
});

/** Names that sort in the order of their numbers. */
export const numbered = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}-${String(index).padStart(5, "0")}`);
