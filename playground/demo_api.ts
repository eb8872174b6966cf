import type { KubeObject, Resource } from "../kube/types.ts";
import crd from "./manifests/postgresqlinstances.yaml" with { type: "text" };
import instance from "./manifests/orders_db.yaml" with { type: "text" };
import template from "./manifests/template.yaml" with { type: "text" };

/** The files a person would apply, by name. */
export const MANIFESTS = {
  "postgresqlinstances.yaml": crd,
  "template.yaml": template,
  "orders-db.yaml": instance,
} as const;

/** The API of the demo, on both sides. */
export const POSTGRESQL_INSTANCES: Resource = {
  group: "anynines.com",
  version: "v1",
  plural: "postgresqlinstances",
  kind: "PostgresqlInstance",
  namespaced: true,
};

/** The instance in `orders-db.yaml`, on the consumer. */
export const ORDERS_DB = { namespace: "default", name: "orders-db" };

export interface PostgresqlCondition {
  type: string;
  status: "True" | "False" | "Unknown";
  reason?: string;
  message?: string;
  observedGeneration?: number;
  lastTransitionTime: string;
}

export interface PostgresqlInstance extends KubeObject {
  spec: { service: string; plan: string };
  status?: {
    connection?: { host: string; port: number; database: string };
    conditions?: PostgresqlCondition[];
  };
}

/** The condition that says whether a database can be used. */
export const readyCondition = ({ status }: PostgresqlInstance): PostgresqlCondition | undefined =>
  status?.conditions?.find(({ type }) => type === "Ready");
