/** Where its pods are probed. */
export const KONNECTOR_HEALTH_PORT = 8080;
/** What distroless images call `nonroot`; named here, as the image may not say it. */
const NONROOT = 65532;

/** The pods of a konnector, as a Deployment starts them on either cluster. */
export function konnectorPod(
  { name, serviceAccountName, labels, image, args }: {
    /** Of the container. */
    name: string;
    serviceAccountName: string;
    /** Of the pods. */
    labels: Record<string, string>;
    image: string;
    args?: string[];
  },
) {
  const fieldRef = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  // Konnectors of the Go implementation know no /readyz.
  const probe = { httpGet: { path: "/healthz", port: KONNECTOR_HEALTH_PORT } };
  return {
    serviceAccountName,
    restartPolicy: "Always",
    topologySpreadConstraints: [{
      maxSkew: 1,
      topologyKey: "kubernetes.io/hostname",
      whenUnsatisfiable: "ScheduleAnyway",
      labelSelector: { matchLabels: labels },
    }],
    securityContext: {
      runAsNonRoot: true,
      runAsUser: NONROOT,
      runAsGroup: NONROOT,
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [{
      name,
      image,
      ...(args && { args }),
      env: [fieldRef("POD_NAME", "metadata.name"), fieldRef("POD_NAMESPACE", "metadata.namespace")],
      ports: [{ name: "health", containerPort: KONNECTOR_HEALTH_PORT, protocol: "TCP" }],
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
