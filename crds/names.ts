import type { Resource } from "../kube/types.ts";

// Names on the wire: other implementations and data that exists already depend on every one of them.

export const GROUP = "klutch.anynines.com";
export const VERSION = "v1alpha1";
/** Of every kind but APIServiceExportTemplate. */
export const API_VERSION = `${GROUP}/${VERSION}`;
/** Of APIServiceExportTemplate alone. */
export const BACKEND_GROUP = "example-backend.klutch.anynines.com";

const resource = (kind: string, group = GROUP): Resource => ({
  group,
  version: VERSION,
  plural: `${kind.toLowerCase()}s`,
  kind,
  namespaced: true,
});

export const API_SERVICE_BINDINGS = resource("APIServiceBinding");
export const API_SERVICE_EXPORTS = resource("APIServiceExport");
export const API_SERVICE_EXPORT_REQUESTS = resource("APIServiceExportRequest");
export const API_SERVICE_NAMESPACES = resource("APIServiceNamespace");
export const CLUSTER_BINDINGS = resource("ClusterBinding");
export const APP_CLUSTER_BINDINGS = resource("AppClusterBinding");
export const API_SERVICE_EXPORT_TEMPLATES = resource("APIServiceExportTemplate", BACKEND_GROUP);

/** Holds a consumer's instance until the provider's is gone. */
export const SYNC_FINALIZER = "klutch.anynines.com/syncer";
/** Holds an APIServiceBinding until the konnector has let its API go. */
export const BINDING_FINALIZER = "klutch.anynines.com/binding";
/** Holds an APIServiceNamespace until its mapped namespace is gone. */
export const MAPPED_NAMESPACE_FINALIZER = "klutch.anynines.com/mapped-namespace";
/** Holds an AppClusterBinding until what was made for it is gone. */
export const APP_CLUSTER_BINDING_FINALIZER = "klutch.anynines.com/appclusterbinding-cleanup";

/** `"true"` on both objects of a pair that we connected, and on a CRD that we installed on the consumer. */
export const BOUND_ANNOTATION = "klutch.anynines.com/bound";
/** On both objects of a claimed pair: `Provider` or `Consumer`. */
export const RESOURCE_OWNER_ANNOTATION = "klutch.anynines.com/resource-owner";
/** On the copy of a claimed object, whose value is the cluster namespace; copies are found and watched by it. */
export const CLAIMED_FOR_LABEL = "klutch.anynines.com/claimed-for";
/** On the provider's object of a cluster-scoped pair: the name of its cluster namespace. */
export const CLUSTER_NAMESPACE_ANNOTATION = "klutch.anynines.com/cluster-namespace";
/** On an APIServiceExport: hash of the CRD it was made from. */
export const SOURCE_SPEC_HASH_ANNOTATION = "klutch.anynines.com/source-spec-hash";
/** On an APIServiceExport: kinds of which a claim was narrowed, as `secrets.v1 gizmos.v1.x.io`, until no copy is left. */
export const NARROWED_CLAIMS_ANNOTATION = "klutch.anynines.com/narrowed-claims";
/** On a ControllerRevision that keeps a schema of an APIServiceExportTemplate's API: its hash. */
export const SCHEMA_LABEL = "klutch.anynines.com/schema";
/** On a mapped namespace: `<cluster namespace>/<consumer namespace>`. */
export const API_SERVICE_NAMESPACE_ANNOTATION = "klutch.anynines.com/api-service-namespace";
/** On a cluster namespace made by a login: `<OIDC subject>#<cluster id>`. */
export const IDENTITY_ANNOTATION = "example-backend.klutch.anynines.com/identity";
/** On a cluster namespace: e-mail and deciding groups of its user, as of the last bind. */
export const PERSON_ANNOTATION = "klutch.anynines.com/person";
/** On a cluster namespace: one-time codes that were redeemed and have not expired. */
export const REDEEMED_CODES_ANNOTATION = "klutch.anynines.com/redeemed-codes";
/** On an installed object: whatever its value, it is never updated. */
export const CREATE_ONLY_ANNOTATION = "bootstrap.klutch.anynines.com/create-only";
/**
 * `delete` lets us delete data that nobody seems to need any more: on an APIServiceBinding, objects on the provider whose
 * consumer object is missing although nobody saw it deleted; on a ClusterBinding, everything of an app cluster that has
 * vanished; on a mapped namespace, what is left without its APIServiceNamespace.
 */
export const ORPHANS_ANNOTATION = "klutch.anynines.com/orphans";
/**
 * On an APIServiceBinding: what becomes of its objects when it is deleted, `orphan` (by default), `drain` or `force`. On
 * an AppClusterBinding, `force` says that its app cluster is gone for good.
 */
export const ON_UNBIND_ANNOTATION = "klutch.anynines.com/on-unbind";
/** On the Secret of a token without end that is in use no longer: since when. */
export const REPLACED_AT_ANNOTATION = "klutch.anynines.com/replaced-at";
/** On an APIServiceBinding, shown in a printer column; nobody has to set it. */
export const RESOURCES_ANNOTATION = "bind.klutch.anynines.com/resources";

/** On everything made for an AppClusterBinding: its name. */
export const APP_CLUSTER_BINDING_NAME_LABEL = "klutch.anynines.com/appclusterbinding-name";
/** On everything made for an AppClusterBinding: its namespace. */
export const APP_CLUSTER_BINDING_NAMESPACE_LABEL = "klutch.anynines.com/appclusterbinding-namespace";

/** On the namespace made for an AppClusterBinding: `<namespace>/<name>` of that. */
export const APP_CLUSTER_BINDING_ANNOTATION = "klutch.anynines.com/appclusterbinding";
/**
 * On a Secret with the kubeconfig of an app cluster: the namespaces besides its own whose AppClusterBindings may use it,
 * separated by commas; `*` for all.
 */
export const USABLE_FROM_ANNOTATION = "klutch.anynines.com/usable-from";
/** On objects that are made for an AppClusterBinding: hash of what was applied. */
export const APPLIED_HASH_ANNOTATION = "klutch.anynines.com/applied-hash";

/** Of every server-side apply; a new konnector takes fields over from an old one only under the same name. */
export const FIELD_MANAGER = "klutch.anynines.com";
/** Of the plain creates with which Klutch up to 1.5 makes objects on the provider: the name of its executable. */
export const FIELD_MANAGER_OF_CREATES = "konnector";

/** Namespace on the app cluster for bindings, kubeconfig Secrets and the konnector. */
export const KLUTCH_NAMESPACE = "klutch-bind";
/** konnector Deployment, container and ServiceAccount on the app cluster; also the value of its `app` label. */
export const KONNECTOR = "konnector";
/** ClusterRole and ClusterRoleBinding of the konnector on the app cluster. */
export const KONNECTOR_ROLE = "klutch-bind-konnector";
/** On that ClusterRole: `bound` when it grants what is bound, and has to grow with every binding. */
export const RIGHTS_ANNOTATION = "klutch.anynines.com/rights";
export const BOUND_RIGHTS = "bound";
/** Lease of the konnector, in the namespace of its pod. */
export const KONNECTOR_LEASE = "klutch-bind";
/** Lease of the backend, in the namespace of its pod. */
export const BACKEND_LEASE = "klutch-backend";
/** Namespace of a Lease when the pod's is not known. */
export const LEASE_FALLBACK_NAMESPACE = "kube-system";
/** Image of the konnector, without tag; command-line tools read the tag of the running one to decide on upgrades. */
export const KONNECTOR_IMAGE = "public.ecr.aws/w5n9a2g2/klutch/konnector";

/** In a cluster namespace: ServiceAccount, its token Secret, RoleBinding; also the static ClusterRole. */
export const BINDER = "klutch-binder";
/** In a mapped namespace: Role and RoleBinding for claims that are limited to it. */
export const BINDER_CLAIMS = "klutch-binder-claims";
/** Per-contract ClusterRole and ClusterRoleBinding on the provider. */
export const binderRoleName = (clusterNamespace: string): string => `${BINDER}-${clusterNamespace}`;
/** Secret with the kubeconfig in a cluster namespace, and the key in every kubeconfig Secret. */
export const KUBECONFIG = "kubeconfig";
/** Prefix of generated names of kubeconfig Secrets on the app cluster. */
export const KUBECONFIG_SECRET_PREFIX = "kubeconfig-";
/** Name of the one ClusterBinding of a cluster namespace. */
export const CLUSTER_BINDING_NAME = "cluster";
/** Role and RoleBinding in the root namespace of an AppClusterBinding. */
export const CONTROL_PLANE_CONNECTOR = "control-plane-connector";
