import type { TSchema } from "typebox";
import type { CustomResourceDefinition, OpenApiSchema } from "../kube/resources.ts";
import { resourceName } from "../kube/types.ts";
import type { Kind } from "./kind.ts";
import { isFilledIn, rules } from "./schema.ts";

/** The CRD of a kind, as published and as installed. */
export function toCrd(kind: Kind): CustomResourceDefinition {
  const { resource, description, shortNames, columns, spec, specOptional, status } = kind;
  const { group, version, plural } = resource;
  const openAPIV3Schema = {
    description,
    type: "object",
    properties: {
      apiVersion: { description: "Group and version that this manifest is written for.", type: "string" },
      kind: { description: "Kind of this object, in CamelCase.", type: "string" },
      metadata: { type: "object" },
      spec: toOpenApi(spec),
      status: toOpenApi(status),
    },
    ...(specOptional ? {} : { required: ["spec"] }),
    ...(kind.rules ? rules(...kind.rules) : {}),
  } as OpenApiSchema;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: resourceName(resource) },
    spec: {
      group,
      names: {
        categories: ["kube-bindings"],
        kind: resource.kind,
        listKind: `${resource.kind}List`,
        plural,
        ...(shortNames ? { shortNames } : {}),
        singular: resource.kind.toLowerCase(),
      },
      scope: resource.namespaced ? "Namespaced" : "Cluster",
      versions: [{
        name: version,
        served: true,
        storage: true,
        schema: { openAPIV3Schema },
        subresources: { status: {} },
        additionalPrinterColumns: columns,
      }],
    },
  };
}

interface Node extends TSchema {
  properties?: Record<string, Node>;
  required?: string[];
  items?: Node;
  additionalProperties?: Node;
}

/** What TypeBox made, in the dialect of CRDs: no empty keywords, and what the API server fills in is not required. */
function toOpenApi({ properties, required, items, additionalProperties, ...keywords }: Node): OpenApiSchema {
  const schema = { ...keywords } as OpenApiSchema;
  const demanded = required?.filter((field) => !isFilledIn(properties![field]!)).sort() ?? [];
  if (demanded.length > 0) schema.required = demanded;
  if (properties && Object.keys(properties).length > 0) {
    schema.properties = Object.fromEntries(
      Object.entries(properties).map(([field, inner]) => [field, toOpenApi(inner)]),
    );
  }
  if (items) schema.items = toOpenApi(items);
  if (additionalProperties) schema.additionalProperties = toOpenApi(additionalProperties);
  return schema;
}
