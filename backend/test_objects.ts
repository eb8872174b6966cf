import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceExportRequest } from "../crds/api_service_export_request.ts";
import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import type { AppClusterBinding } from "../crds/app_cluster_binding.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import {
  API_SERVICE_NAMESPACE_ANNOTATION,
  API_VERSION,
  BACKEND_GROUP,
  CLUSTER_BINDING_NAME,
  KUBECONFIG,
  VERSION,
} from "../crds/names.ts";
import type { PermissionClaim } from "../crds/shared.ts";
import type { CustomResourceDefinition, Namespace } from "../kube/resources.ts";
import { Store } from "../kube/store.ts";
import { keyOf, type ObjectMeta } from "../kube/types.ts";
import { Catalogue, type ServedApi, templateIndexers, toServedApi } from "./catalogue.ts";
import type { ConsumerScope } from "./options.ts";

// Objects for tests: valid, small, and with just what a test names being different.

export const CREATED = "2026-06-01T12:00:00Z";

const meta = (namespace: string | undefined, name: string, rest: Partial<ObjectMeta> = {}): ObjectMeta => ({
  ...(namespace && { namespace }),
  name,
  uid: `uid-of-${name}`,
  resourceVersion: "1",
  creationTimestamp: CREATED,
  ...rest,
});

export const clusterBinding = (namespace: string, status?: ClusterBinding["status"]): ClusterBinding => ({
  apiVersion: API_VERSION,
  kind: "ClusterBinding",
  metadata: meta(namespace, CLUSTER_BINDING_NAME),
  spec: { kubeconfigSecretRef: { name: KUBECONFIG, key: KUBECONFIG }, providerPrettyName: "Example" },
  ...(status && { status }),
});

/** An AppClusterBinding `<namespace>/<name>` that binds nothing, unless told otherwise. */
export const appClusterBinding = (
  namespace: string,
  name: string,
  spec: Partial<AppClusterBinding["spec"]> = {},
): AppClusterBinding => ({
  apiVersion: API_VERSION,
  kind: "AppClusterBinding",
  metadata: meta(namespace, name),
  spec: { kubeconfigSecretRef: { namespace, name: "app-cluster", key: KUBECONFIG }, ...spec },
});

export const claim = (resource: string, rest: Partial<PermissionClaim> = {}): PermissionClaim => ({
  group: "",
  resource,
  version: "v1",
  selector: { namespaces: ["*"], owner: "Provider" },
  ...rest,
});

/** A CRD `<plural>.<group>` with one version. */
export function crd(
  plural: string,
  group: string,
  { scope = "Namespaced", properties = {} }: {
    scope?: "Namespaced" | "Cluster";
    properties?: Record<string, { type: string }>;
  } = {},
): CustomResourceDefinition {
  const singular = plural.replace(/s$/, "");
  const kind = singular.replace(/^./, (letter) => letter.toUpperCase());
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: meta(undefined, `${plural}.${group}`, { generation: 1 }),
    spec: {
      group,
      names: { plural, singular, kind, listKind: `${kind}List` },
      scope,
      versions: [{
        name: "v1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: "object",
            description: `A ${singular}.`,
            properties: { spec: { type: "object", properties }, status: { type: "object" } },
          },
        },
      }],
    },
  };
}

export const template = (
  name: string,
  [resource, group]: [resource: string, group: string],
  { namespace = "default", claims, created = CREATED, version, ...rest }: {
    namespace?: string;
    claims?: PermissionClaim[];
    created?: string;
    version?: string;
  } & Partial<APIServiceExportTemplate["spec"]> = {},
): APIServiceExportTemplate => ({
  apiVersion: `${BACKEND_GROUP}/${VERSION}`,
  kind: "APIServiceExportTemplate",
  metadata: meta(namespace, name, { creationTimestamp: created }),
  spec: {
    APIServiceSelector: { group, resource, ...(version && { version }) },
    ...(claims && { permissionClaims: claims }),
    ...rest,
  },
});

/** A catalogue of nothing but these. */
export function catalogue(
  crds: CustomResourceDefinition[],
  templates: APIServiceExportTemplate[],
  scope: ConsumerScope = "Namespaced",
): Catalogue {
  const apis = new Store<ServedApi>(), offered = new Store<APIServiceExportTemplate>(templateIndexers);
  for (const one of crds) apis.set(keyOf(one), toServedApi(one));
  for (const one of templates) offered.set(keyOf(one), one);
  return new Catalogue(apis, offered, scope);
}

export const serviceExport = (
  namespace: string,
  [plural, group]: [plural: string, group: string],
  rest: Partial<APIServiceExport["spec"]> = {},
): APIServiceExport => ({
  apiVersion: API_VERSION,
  kind: "APIServiceExport",
  metadata: meta(namespace, `${plural}.${group}`),
  spec: {
    group,
    names: { plural, kind: plural },
    scope: "Namespaced",
    informerScope: "Namespaced",
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
    ...rest,
  },
});

export const exportRequest = (
  namespace: string,
  name: string,
  resources: APIServiceExportRequest["spec"]["resources"],
  status?: APIServiceExportRequest["status"],
): APIServiceExportRequest => ({
  apiVersion: API_VERSION,
  kind: "APIServiceExportRequest",
  metadata: meta(namespace, name),
  spec: { resources },
  ...(status && { status }),
});

export const serviceNamespace = (namespace: string, name: string, mapped?: string): APIServiceNamespace => ({
  apiVersion: API_VERSION,
  kind: "APIServiceNamespace",
  metadata: meta(namespace, name),
  ...(mapped && { status: { namespace: mapped } }),
});

/** A namespace; `owner` is the `<cluster namespace>/<consumer namespace>` it belongs to. */
export const namespace = (name: string, owner?: string, rest: Partial<ObjectMeta> = {}): Namespace => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: meta(undefined, name, {
    ...(owner && { annotations: { [API_SERVICE_NAMESPACE_ANNOTATION]: owner } }),
    ...rest,
  }),
});
