import { KLUTCH_NAMESPACE, KONNECTOR, KONNECTOR_IMAGE, KONNECTOR_ROLE } from "../crds/names.ts";
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, DEPLOYMENTS, NAMESPACES, SERVICE_ACCOUNTS } from "../kube/resources.ts";
import { apiVersionOf, type DynamicObject, type Resource } from "../kube/types.ts";
import { PROTOCOL_VERSION } from "../version.ts";

/** The konnector we deploy unless told otherwise: the published one that speaks the same wire format. */
export const DEFAULT_KONNECTOR_VERSION = PROTOCOL_VERSION;
export const DEFAULT_KONNECTOR_IMAGE = `${KONNECTOR_IMAGE}:${DEFAULT_KONNECTOR_VERSION}`;

export interface Manifest {
  resource: Resource;
  object: DynamicObject;
}

const LABELS = { app: KONNECTOR };
/** What distroless images call `nonroot`; named here, as the image may not say it. */
const NONROOT = 65532;

/** Everything the konnector needs on the app cluster, in the order in which it has to be applied. */
export function konnectorManifests(image: string): Manifest[] {
  return [
    manifest(NAMESPACES, { name: KLUTCH_NAMESPACE }, {}),
    manifest(CLUSTER_ROLES, { name: KONNECTOR_ROLE }, {
      // Which kinds will be bound is not known before they are.
      rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }],
    }),
    manifest(CLUSTER_ROLE_BINDINGS, { name: KONNECTOR_ROLE }, {
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: KONNECTOR_ROLE },
      subjects: [{ kind: "ServiceAccount", name: KONNECTOR, namespace: KLUTCH_NAMESPACE }],
    }),
    manifest(SERVICE_ACCOUNTS, { name: KONNECTOR, namespace: KLUTCH_NAMESPACE }, {}),
    manifest(DEPLOYMENTS, { name: KONNECTOR, namespace: KLUTCH_NAMESPACE, labels: LABELS }, {
      spec: {
        replicas: 2, // one works, the other one waits to take over
        selector: { matchLabels: LABELS },
        template: { metadata: { labels: LABELS }, spec: podSpec(image) },
      },
    }),
  ];
}

function podSpec(image: string) {
  const fieldRef = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  const probe = { httpGet: { path: "/healthz", port: 8080 } };
  return {
    serviceAccountName: KONNECTOR,
    restartPolicy: "Always",
    securityContext: {
      runAsNonRoot: true,
      runAsUser: NONROOT,
      runAsGroup: NONROOT,
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [{
      name: KONNECTOR,
      image,
      env: [fieldRef("POD_NAME", "metadata.name"), fieldRef("POD_NAMESPACE", "metadata.namespace")],
      ports: [{ name: "health", containerPort: 8080, protocol: "TCP" }],
      startupProbe: { ...probe, periodSeconds: 2, failureThreshold: 150 }, // a large cluster takes its time to list
      readinessProbe: { ...probe, periodSeconds: 10 },
      livenessProbe: { ...probe, periodSeconds: 20, failureThreshold: 3 },
      resources: { requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: "512Mi" } },
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      },
      volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
    }],
    volumes: [{ name: "tmp", emptyDir: {} }],
  };
}

function manifest(resource: Resource, metadata: DynamicObject["metadata"], rest: Record<string, unknown>): Manifest {
  return { resource, object: { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata, ...rest } };
}
