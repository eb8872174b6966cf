import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import type { APIServiceExportRequest } from "../crds/api_service_export_request.ts";
import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import type { AppClusterBinding, BoundApi } from "../crds/app_cluster_binding.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import {
  API_SERVICE_BINDINGS,
  API_SERVICE_EXPORT_REQUESTS,
  API_VERSION,
  APP_CLUSTER_BINDING_ANNOTATION,
  APP_CLUSTER_BINDING_NAME_LABEL,
  APP_CLUSTER_BINDING_NAMESPACE_LABEL,
  BINDER,
  CLUSTER_BINDING_NAME,
  CLUSTER_BINDINGS,
  CONTROL_PLANE_CONNECTOR,
  GROUP,
  KLUTCH_NAMESPACE,
} from "../crds/names.ts";
import { groupResourceName } from "../crds/shared.ts";
import type { Namespace, Role, RoleBinding, Secret, ServiceAccount } from "../kube/resources.ts";
import { formatKey, keyOf, type KubeObject, type ObjectKey } from "../kube/types.ts";
import { boundedName, namespaceNames } from "./bounded_name.ts";

// What is made on the control plane for one AppClusterBinding, in the namespace that is its own: the root namespace.

/** Names of the root namespace, in the order in which they are tried. */
export const rootNamespaceNames = (key: ObjectKey): string[] =>
  namespaceNames(`${KLUTCH_NAMESPACE}-${key.namespace}-${key.name}`, formatKey(key));

export const newRootNamespace = (name: string, key: ObjectKey): Namespace => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, annotations: { [APP_CLUSTER_BINDING_ANNOTATION]: formatKey(key) } },
});

/** Whose objects carry which labels, as one text. */
export const ownerTermOf = ({ namespace, name }: ObjectKey): string => `${namespace}/${boundedName(name)}`;

/** On all objects made for an AppClusterBinding; what does not fit into a label is cut, and told apart by a hash. */
export const ownerLabels = ({ namespace, name }: ObjectKey): Record<string, string> => ({
  [APP_CLUSTER_BINDING_NAME_LABEL]: boundedName(name),
  [APP_CLUSTER_BINDING_NAMESPACE_LABEL]: namespace!,
});

/** The `ownerTermOf` whom an object was made for; undefined for an object that does not carry both. */
export function ownerTerm({ metadata: { labels } }: KubeObject): string | undefined {
  const namespace = labels?.[APP_CLUSTER_BINDING_NAMESPACE_LABEL];
  const name = labels?.[APP_CLUSTER_BINDING_NAME_LABEL];
  return namespace && name ? `${namespace}/${name}` : undefined;
}

/** The app cluster's kubeconfig, for the konnector: a Secret of any type becomes one of none, which takes any key. */
export const mirroredSecret = (binding: AppClusterBinding, root: string, kubeconfig: string): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { namespace: root, name: binding.spec.kubeconfigSecretRef.name, labels: ownerLabels(keyOf(binding)) },
  data: { [binding.spec.kubeconfigSecretRef.key]: kubeconfig },
});

/** What the konnector acts as on the control plane. */
export const binderAccount = (binding: AppClusterBinding, root: string): ServiceAccount => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { namespace: root, name: BINDER, labels: ownerLabels(keyOf(binding)) },
});

/** Beside what every app cluster may do in its namespace, this konnector has its bindings and its Lease here. */
export const connectorRole = (binding: AppClusterBinding, root: string): Role => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "Role",
  metadata: { namespace: root, name: CONTROL_PLANE_CONNECTOR, labels: ownerLabels(keyOf(binding)) },
  rules: [
    {
      apiGroups: [GROUP],
      resources: [API_SERVICE_BINDINGS.plural],
      verbs: ["get", "list", "watch", "update", "patch"],
    },
    { apiGroups: [GROUP], resources: [`${API_SERVICE_BINDINGS.plural}/status`], verbs: ["get", "update", "patch"] },
    {
      apiGroups: ["coordination.k8s.io"],
      resources: ["leases"],
      verbs: ["get", "list", "watch", "create", "update", "patch", "delete"],
    },
  ],
});

export const connectorRoleBinding = (binding: AppClusterBinding, root: string): RoleBinding => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "RoleBinding",
  metadata: { namespace: root, name: CONTROL_PLANE_CONNECTOR, labels: ownerLabels(keyOf(binding)) },
  subjects: [{ kind: "ServiceAccount", namespace: root, name: BINDER }],
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: CONTROL_PLANE_CONNECTOR },
});

/** The contract with the app cluster: who has one gets rights, namespaces and exports as after a login. */
export const contract = (binding: AppClusterBinding, root: string): ClusterBinding => ({
  apiVersion: API_VERSION,
  kind: CLUSTER_BINDINGS.kind,
  metadata: { namespace: root, name: CLUSTER_BINDING_NAME, labels: ownerLabels(keyOf(binding)) },
  spec: {
    kubeconfigSecretRef: { name: binding.spec.kubeconfigSecretRef.name, key: binding.spec.kubeconfigSecretRef.key },
    providerPrettyName: binding.metadata.name,
  },
});

/** One bound API. Claims that are answered nowhere in `api` are not ours to write. */
export function serviceBinding(
  binding: AppClusterBinding,
  root: string,
  api: BoundApi,
  { permissionClaims = [] }: APIServiceExportTemplate["spec"],
): APIServiceBinding {
  const { name, key } = binding.spec.kubeconfigSecretRef;
  const { permissionClaims: state } = api;
  return {
    apiVersion: API_VERSION,
    kind: API_SERVICE_BINDINGS.kind,
    metadata: { namespace: root, name: groupResourceName(api), labels: ownerLabels(keyOf(binding)) },
    spec: {
      kubeconfigSecretRef: { namespace: root, name, key },
      ...(state && { permissionClaims: permissionClaims.map((claim) => ({ ...claim, state })) }),
    },
  };
}

/** @param taken names of requests that are about other APIs */
export function newExportRequest(
  binding: AppClusterBinding,
  root: string,
  { group, resource }: BoundApi,
  { metadata, spec: { permissionClaims } }: APIServiceExportTemplate,
  taken: readonly string[] = [],
): APIServiceExportRequest {
  const names = exportRequestNames(binding.metadata.name, metadata.name, groupResourceName({ group, resource }));
  return {
    apiVersion: API_VERSION,
    kind: API_SERVICE_EXPORT_REQUESTS.kind,
    metadata: {
      namespace: root,
      name: names.find((name) => !taken.includes(name)) ?? names[0]!,
      labels: ownerLabels(keyOf(binding)),
    },
    spec: { resources: [{ group, resource, ...(permissionClaims && { permissionClaims }) }] },
  };
}

const LONGEST_PART = 24;
const LONGEST_REQUEST_NAME = 63;

/**
 * `appclusterbinding-<binding>-<template>-<hash>`, in the order in which they are tried: the one by which backends find
 * the requests of each other, and one for when a template of the same name in another namespace has that.
 *
 * @param api what the request is about, e.g. `mangodbs.mangodb.com`
 */
export function exportRequestNames(binding: string, template: string, api: string): string[] {
  const start = `appclusterbinding-${namePart(binding) || "binding"}-`;
  return [template, api].map((identity) => {
    const hash = fnv1a32(identity).toString(16).padStart(8, "0");
    const room = Math.max(1, LONGEST_REQUEST_NAME - start.length - hash.length - 1);
    return `${start}${(namePart(template) || "export").slice(0, room)}-${hash}`;
  });
}

const namePart = (text: string): string =>
  text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, LONGEST_PART).replace(/-+$/, "");

/** @see http://www.isthe.com/chongo/tech/comp/fnv/ */
function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
