import Type, { type TSchema } from "typebox";
import type { ObjectMeta, Resource } from "../kube/types.ts";
import { apiVersionOf } from "../kube/types.ts";
import type { PrinterColumn } from "../kube/resources.ts";
import type { Rule } from "./schema.ts";

/** Everything that is known about one kind; `crd.ts` makes its CRD, `check.ts` its runtime check. */
export interface Kind<Spec extends TSchema = TSchema, Status extends TSchema = TSchema> {
  resource: Resource;
  /** Says what an object of this kind means and where it lives. */
  description: string;
  shortNames?: string[];
  columns: PrinterColumn[];
  spec: Spec;
  /** Whether the API server takes an object without `spec`; our own check never does. */
  specOptional?: boolean;
  status: Status;
  /** CEL rules on the whole object. */
  rules?: Rule[];
}

/** A kind with the schema of a whole object, whose static type is the object's. */
export type DefinedKind<Spec extends TSchema, Status extends TSchema> = Kind<Spec, Status> & {
  schema: Type.TObject<{
    apiVersion: Type.TUnsafe<string>;
    kind: Type.TUnsafe<string>;
    metadata: Type.TUnsafe<ObjectMeta>;
    spec: Spec;
    status: Type.TOptional<Status>;
  }>;
};

/** The type of the objects of a kind, e.g. `type ClusterBinding = ObjectOf<typeof ClusterBinding>`. */
export type ObjectOf<K extends { schema: TSchema }> = Type.Static<K["schema"]>;

export function defineKind<Spec extends TSchema, Status extends TSchema>(
  kind: Kind<Spec, Status>,
): DefinedKind<Spec, Status> {
  const { resource, spec, status } = kind;
  const schema = Type.Object({
    apiVersion: Type.Unsafe<string>({ const: apiVersionOf(resource) }),
    kind: Type.Unsafe<string>({ const: resource.kind }),
    metadata: METADATA,
    spec,
    status: Type.Optional(status),
  }, { title: resource.kind });
  return { ...kind, schema: schema as DefinedKind<Spec, Status>["schema"] };
}

/** Only what our code relies on; the API server has checked the rest. */
const METADATA = Type.Unsafe<ObjectMeta>({
  type: "object",
  required: ["name"],
  properties: { name: { type: "string" } },
  "x-kubernetes-preserve-unknown-fields": true,
});

export const READY_COLUMN: PrinterColumn = {
  name: "Ready",
  type: "string",
  jsonPath: '.status.conditions[?(@.type=="Ready")].status',
};

export const AGE_COLUMN: PrinterColumn = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };
