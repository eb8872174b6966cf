/** Any JSON value as it was on the wire; numbers that a double cannot hold are `JSON.rawJSON` objects (see `json.ts`). */
export type Json = null | boolean | number | string | Json[] | { [field: string]: Json };

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** One entry of `metadata.managedFields`. */
export interface ManagedFields {
  manager?: string;
  operation?: "Apply" | "Update";
  apiVersion?: string;
  time?: string;
  fieldsType?: string;
  fieldsV1?: Record<string, unknown>;
  subresource?: string;
}

export interface ObjectMeta {
  name: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: ManagedFields[];
}

/** An object of any kind, as raw JSON. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** An object whose other top-level fields are of interest, but not known at compile time. */
export type DynamicObject = KubeObject & { [field: string]: unknown };

/** What a new object looks like before the API server has seen it: `generateName` may stand for `name`. */
export type NewObject<T extends KubeObject> = Omit<T, "metadata"> & {
  metadata: Omit<ObjectMeta, "name"> & ({ name: string } | { generateName: string });
};

/** Names one object of a known resource, e.g. `{ namespace: "default", name: "db" }`. */
export interface ObjectKey {
  namespace?: string;
  name: string;
}

/** One kind of object as an API server serves it. */
export interface Resource {
  /** Empty for the core group. */
  group: string;
  version: string;
  /** Lower case, as in URLs: `configmaps`. */
  plural: string;
  kind: string;
  namespaced: boolean;
}

export const keyOf = ({ metadata: { namespace, name } }: KubeObject): ObjectKey =>
  namespace ? { namespace, name } : { name };

/** `default/db`, or `db` for objects without a namespace: for maps, queues, logs and messages. */
export const formatKey = ({ namespace, name }: ObjectKey): string => namespace ? `${namespace}/${name}` : name;

/** The inverse of `formatKey`; names never contain a slash. */
export function parseKey(text: string): ObjectKey {
  const slash = text.indexOf("/");
  return slash < 0 ? { name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

/** `apps/v1`, or `v1` for the core group. */
export const apiVersionOf = ({ group, version }: Pick<Resource, "group" | "version">): string =>
  group ? `${group}/${version}` : version;

/** `deployments.apps`, or `pods` for the core group: the name under which CRDs, bindings and exports go. */
export const resourceName = ({ group, plural }: Pick<Resource, "group" | "plural">): string =>
  group ? `${plural}.${group}` : plural;

export const isDeleting = (object: KubeObject): boolean => object.metadata.deletionTimestamp !== undefined;

export const hasFinalizer = (object: KubeObject, finalizer: string): boolean =>
  object.metadata.finalizers?.includes(finalizer) ?? false;

export const annotationOf = (object: KubeObject, name: string): string | undefined =>
  object.metadata.annotations?.[name];
