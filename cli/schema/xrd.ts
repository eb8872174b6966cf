import type { ApiDefinition } from "../../crds/compatibility/compare_crd.ts";
import type { SchemaNode } from "../../crds/compatibility/node.ts";
import type { CrdNames, CrdVersion, OpenApiSchema, PrinterColumn } from "../../kube/resources.ts";
import type { KubeObject } from "../../kube/types.ts";

/** An API made with Crossplane; what is offered to app clusters is its claim, if it has one. */
export interface CompositeResourceDefinition extends KubeObject {
  spec: {
    group: string;
    names: CrdNames;
    claimNames?: CrdNames;
    scope?: "Cluster" | "Namespaced" | "LegacyCluster";
    versions: {
      name: string;
      served?: boolean;
      referenceable?: boolean;
      deprecated?: boolean;
      deprecationWarning?: string;
      schema?: { openAPIV3Schema?: OpenApiSchema };
      additionalPrinterColumns?: PrinterColumn[];
    }[];
  };
}

/** The API that Crossplane makes of its definition, without the fields that it adds to every one. */
export function toClaimApi({ apiVersion, spec }: CompositeResourceDefinition): ApiDefinition {
  const { group, names, claimNames, versions, scope = apiVersion.endsWith("/v1") ? "LegacyCluster" : "Namespaced" } =
    spec;
  return {
    group,
    names: claimNames ?? names,
    scope: claimNames || scope === "Namespaced" ? "Namespaced" : "Cluster",
    versions: versions.map(({ referenceable = false, served = true, ...version }) => ({
      ...version,
      served,
      storage: referenceable,
      subresources: { status: {} },
    })),
  };
}

const OF_CROSSPLANE = {
  spec: [
    ...["compositeDeletePolicy", "compositionRef", "compositionRevisionRef", "compositionRevisionSelector"],
    ...["compositionSelector", "compositionUpdatePolicy", "crossplane", "publishConnectionDetailsTo", "resourceRef"],
    ...["claimRef", "resourceRefs", "writeConnectionSecretToRef"],
  ],
  status: ["claimConditionTypes", "conditions", "connectionDetails", "crossplane"],
};

const CATEGORIES = ["claim", "composite"];

/** A CRD that Crossplane made, as its definition says it: without what every such CRD has. */
export function withoutCrossplane({ names, versions, ...definition }: ApiDefinition): ApiDefinition {
  const categories = names.categories?.filter((category) => !CATEGORIES.includes(category));
  return { ...definition, names: { ...names, categories }, versions: versions.map(ownPart) };
}

function ownPart({ schema, additionalPrinterColumns: _, ...version }: CrdVersion): CrdVersion {
  const whole = (schema?.openAPIV3Schema ?? {}) as SchemaNode;
  const { metadata: _name, ...properties } = { ...whole.properties }; // it bounds the length of names
  for (const part of ["spec", "status"] as const) {
    const { [part]: node } = properties;
    if (!node) continue;
    const fields = Object.entries(node.properties ?? {}).filter(([name]) => !OF_CROSSPLANE[part].includes(name));
    properties[part] = { ...node, properties: Object.fromEntries(fields) };
  }
  return { ...version, schema: { openAPIV3Schema: { ...whole, properties } as unknown as OpenApiSchema } };
}
