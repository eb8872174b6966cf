import {
  BOUND_RIGHTS,
  KLUTCH_NAMESPACE,
  KONNECTOR,
  KONNECTOR_IMAGE,
  KONNECTOR_ROLE,
  RIGHTS_ANNOTATION,
} from "../../crds/names.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  DEPLOYMENTS,
  NAMESPACES,
  NETWORK_POLICIES,
  POD_DISRUPTION_BUDGETS,
  ROLE_BINDINGS,
  ROLES,
  SERVICE_ACCOUNTS,
} from "../../kube/resources.ts";
import { apiVersionOf, type DynamicObject, type Resource } from "../../kube/types.ts";
import { KONNECTOR_HEALTH_PORT, konnectorPod } from "../../konnector_pod.ts";
import { PROTOCOL_VERSION } from "../../version.ts";
import { ALL_RIGHTS, type KonnectorRights } from "./rights.ts";

/** The konnector we deploy unless told otherwise: the published one that speaks the same wire format. */
export const DEFAULT_KONNECTOR_VERSION = PROTOCOL_VERSION;
export const DEFAULT_KONNECTOR_IMAGE = `${KONNECTOR_IMAGE}:${DEFAULT_KONNECTOR_VERSION}`;

export interface Manifest {
  resource: Resource;
  object: DynamicObject;
}

const LABELS = { app: KONNECTOR };
/** Finds all that carries them. */
export const LABEL_SELECTOR = `app=${KONNECTOR}`;

/** Everything the konnector needs on the app cluster, in the order in which it has to be applied. */
export function konnectorManifests(image: string, rights: KonnectorRights = ALL_RIGHTS): Manifest[] {
  return [
    manifest(NAMESPACES, { name: KLUTCH_NAMESPACE }, {}),
    ...roleManifests(rights),
    manifest(SERVICE_ACCOUNTS, { name: KONNECTOR, namespace: KLUTCH_NAMESPACE }, {}),
    manifest(POD_DISRUPTION_BUDGETS, { name: KONNECTOR, namespace: KLUTCH_NAMESPACE }, {
      spec: { maxUnavailable: 1, selector: { matchLabels: LABELS } },
    }),
    manifest(NETWORK_POLICIES, { name: KONNECTOR, namespace: KLUTCH_NAMESPACE }, {
      spec: {
        podSelector: { matchLabels: LABELS },
        // Where providers are is not known before they are bound, so nothing is said about the way out.
        policyTypes: ["Ingress"],
        ingress: [{ ports: [{ port: KONNECTOR_HEALTH_PORT, protocol: "TCP" }] }],
      },
    }),
    manifest(DEPLOYMENTS, { name: KONNECTOR, namespace: KLUTCH_NAMESPACE, labels: LABELS }, {
      spec: {
        replicas: 2, // one works, the other one waits to take over
        selector: { matchLabels: LABELS },
        template: {
          metadata: { labels: LABELS },
          spec: konnectorPod({ name: KONNECTOR, serviceAccountName: KONNECTOR, labels: LABELS, image }),
        },
      },
    }),
  ];
}

/** The part of it that grants rights. */
export function roleManifests({ everywhere, namespaces, isBounded }: KonnectorRights): Manifest[] {
  const annotations = isBounded ? { annotations: { [RIGHTS_ANNOTATION]: BOUND_RIGHTS } } : {};
  const subjects = [{ kind: "ServiceAccount", name: KONNECTOR, namespace: KLUTCH_NAMESPACE }];
  const roleRef = (kind: string) => ({ apiGroup: "rbac.authorization.k8s.io", kind, name: KONNECTOR_ROLE });
  return [
    manifest(CLUSTER_ROLES, { name: KONNECTOR_ROLE, ...annotations }, { rules: everywhere }),
    manifest(CLUSTER_ROLE_BINDINGS, { name: KONNECTOR_ROLE }, { roleRef: roleRef("ClusterRole"), subjects }),
    ...[...namespaces].flatMap(([namespace, rules]) => [
      manifest(ROLES, { name: KONNECTOR_ROLE, namespace, labels: LABELS }, { rules }),
      manifest(ROLE_BINDINGS, { name: KONNECTOR_ROLE, namespace, labels: LABELS }, {
        roleRef: roleRef("Role"),
        subjects,
      }),
    ]),
  ];
}

function manifest(resource: Resource, metadata: DynamicObject["metadata"], rest: Record<string, unknown>): Manifest {
  return { resource, object: { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata, ...rest } };
}
