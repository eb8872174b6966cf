import type { Json } from "../../kube/types.ts";

/** A CEL rule of a schema. */
export interface CelRule {
  rule: string;
  message?: string;
  messageExpression?: string;
  reason?: string;
  fieldPath?: string;
  optionalOldSelf?: boolean;
}

/**
 * A structural schema of `apiextensions.k8s.io/v1`, as plain JSON.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
 */
export interface SchemaNode {
  type?: string;
  format?: string;
  nullable?: boolean;
  default?: Json;
  enum?: Json[];
  pattern?: string;
  maximum?: number;
  exclusiveMaximum?: boolean;
  minimum?: number;
  exclusiveMinimum?: boolean;
  multipleOf?: number;
  maxLength?: number;
  minLength?: number;
  maxItems?: number;
  minItems?: number;
  maxProperties?: number;
  minProperties?: number;
  required?: string[];
  properties?: Record<string, SchemaNode>;
  additionalProperties?: SchemaNode | boolean;
  items?: SchemaNode;
  allOf?: SchemaNode[];
  anyOf?: SchemaNode[];
  oneOf?: SchemaNode[];
  not?: SchemaNode;
  description?: string;
  title?: string;
  example?: Json;
  externalDocs?: Json;
  "x-kubernetes-preserve-unknown-fields"?: boolean;
  "x-kubernetes-embedded-resource"?: boolean;
  "x-kubernetes-int-or-string"?: boolean;
  "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  "x-kubernetes-list-map-keys"?: string[];
  "x-kubernetes-map-type"?: "atomic" | "granular";
  "x-kubernetes-validations"?: CelRule[];
}

export const keepsUnknown = (node: SchemaNode): boolean => node["x-kubernetes-preserve-unknown-fields"] === true;

/** Types of JSON values that a schema takes; undefined when it takes any. */
export function typesOf(node: SchemaNode): string[] | undefined {
  if (node["x-kubernetes-int-or-string"]) return ["integer", "string"];
  return node.type ? [node.type] : undefined;
}

/** The schema of the values of a map; undefined for an object whose fields are named. */
export function valuesOf({ additionalProperties }: SchemaNode): SchemaNode | undefined {
  return additionalProperties === true ? ANYTHING : additionalProperties || undefined;
}

export const ANYTHING: SchemaNode = { "x-kubernetes-preserve-unknown-fields": true };
