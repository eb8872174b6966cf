import type { Json, KubeObject, Resource } from "./types.ts";

const core = (kind: string, plural: string, namespaced = true): Resource => ({
  group: "",
  version: "v1",
  plural,
  kind,
  namespaced,
});

const rbac = (kind: string, plural: string, namespaced: boolean): Resource => ({
  group: "rbac.authorization.k8s.io",
  version: "v1",
  plural,
  kind,
  namespaced,
});

// What Kubernetes itself serves and we use.
export const NAMESPACES = core("Namespace", "namespaces", false);
export const SECRETS = core("Secret", "secrets");
export const CONFIG_MAPS = core("ConfigMap", "configmaps");
export const SERVICE_ACCOUNTS = core("ServiceAccount", "serviceaccounts");
export const PODS = core("Pod", "pods");
export const EVENTS = core("Event", "events");
export const ROLES = rbac("Role", "roles", true);
export const ROLE_BINDINGS = rbac("RoleBinding", "rolebindings", true);
export const CLUSTER_ROLES = rbac("ClusterRole", "clusterroles", false);
export const CLUSTER_ROLE_BINDINGS = rbac("ClusterRoleBinding", "clusterrolebindings", false);
export const DEPLOYMENTS: Resource = {
  group: "apps",
  version: "v1",
  plural: "deployments",
  kind: "Deployment",
  namespaced: true,
};
export const CONTROLLER_REVISIONS: Resource = {
  group: "apps",
  version: "v1",
  plural: "controllerrevisions",
  kind: "ControllerRevision",
  namespaced: true,
};
export const POD_DISRUPTION_BUDGETS: Resource = {
  group: "policy",
  version: "v1",
  plural: "poddisruptionbudgets",
  kind: "PodDisruptionBudget",
  namespaced: true,
};
export const NETWORK_POLICIES: Resource = {
  group: "networking.k8s.io",
  version: "v1",
  plural: "networkpolicies",
  kind: "NetworkPolicy",
  namespaced: true,
};
export const LEASES: Resource = {
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
  namespaced: true,
};
export const CUSTOM_RESOURCE_DEFINITIONS: Resource = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};

export interface Namespace extends KubeObject {
  spec?: { finalizers?: string[] };
  status?: { phase?: "Active" | "Terminating" };
}

export interface Secret extends KubeObject {
  type?: string;
  /** Values are base64. */
  data?: Record<string, string>;
  /** Write-only: values as text, merged into `data` by the API server. */
  stringData?: Record<string, string>;
  immutable?: boolean;
}

export interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
  /** Values are base64. */
  binaryData?: Record<string, string>;
  immutable?: boolean;
}

export interface ServiceAccount extends KubeObject {
  secrets?: { name: string }[];
}

export interface PolicyRule {
  nonResourceURLs?: string[];
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
  verbs: string[];
}

export interface Role extends KubeObject {
  rules?: PolicyRule[];
}

export interface RoleSubject {
  kind: "ServiceAccount" | "User" | "Group";
  /** Absent for service accounts. */
  apiGroup?: string;
  namespace?: string;
  name: string;
}

export interface RoleBinding extends KubeObject {
  subjects?: RoleSubject[];
  roleRef: { apiGroup: string; kind: "Role" | "ClusterRole"; name: string };
}

export interface CrdNames {
  plural: string;
  singular?: string;
  shortNames?: string[];
  kind: string;
  listKind?: string;
  categories?: string[];
}

export interface PrinterColumn {
  name: string;
  type: string;
  format?: string;
  description?: string;
  /** 0 (default) is always shown, anything higher only with `-o wide`. */
  priority?: number;
  jsonPath: string;
}

export interface CrdSubresources {
  status?: { [field: string]: Json };
  scale?: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath?: string };
}

/** An OpenAPI v3 schema as CRDs hold it. */
export type OpenApiSchema = { [keyword: string]: Json };

export interface CrdVersion {
  name: string;
  served: boolean;
  storage: boolean;
  deprecated?: boolean;
  deprecationWarning?: string;
  schema?: { openAPIV3Schema?: OpenApiSchema };
  subresources?: CrdSubresources;
  additionalPrinterColumns?: PrinterColumn[];
  selectableFields?: { jsonPath: string }[];
}

/** A condition as Kubernetes' own objects carry it: without the `severity` of Klutch's. */
export interface CrdCondition {
  type: string;
  status: "True" | "False" | "Unknown";
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

export interface CustomResourceDefinition extends KubeObject {
  spec: {
    group: string;
    names: CrdNames;
    scope: "Cluster" | "Namespaced";
    versions: CrdVersion[];
    conversion?: { strategy: "None" | "Webhook"; webhook?: Json };
    preserveUnknownFields?: boolean;
  };
  status?: { conditions?: CrdCondition[]; acceptedNames?: CrdNames; storedVersions?: string[] };
}

/** Whether the API server serves its objects, or will within a moment. */
export const isEstablished = ({ status }: CustomResourceDefinition): boolean =>
  status?.conditions?.some(({ type, status }) => type === "Established" && status === "True") ?? false;

/** A state of something that is kept, to go back to. */
export interface ControllerRevision<Data = unknown> extends KubeObject {
  revision: number;
  /** Cannot be changed. */
  data: Data;
}
