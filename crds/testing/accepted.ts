import type { Json } from "../../kube/types.ts";

const CLAIM = {
  group: "",
  resource: "secrets",
  version: "v1",
  selector: { names: ["a"], namespaces: ["b"], owner: "Provider" },
  read: { labels: [{ pattern: "*" }] },
  onConflict: { recreateWhenConsumerSideDeleted: false },
  autoAdopt: false,
};
const CONDITIONS = [{ type: "Ready", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }];
const SECRET_REF = { name: "kubeconfig", key: "kubeconfig" };

/** An accepted object of each kind in which every promise has something to hold on to. */
export const ACCEPTED: Record<string, { name?: string; spec?: Json; status?: Json }> = {
  APIServiceBinding: {
    spec: {
      kubeconfigSecretRef: { ...SECRET_REF, namespace: "klutch-bind" },
      permissionClaims: [{ ...CLAIM, state: "Accepted" }],
    },
    status: {
      providerPrettyName: "Example",
      conditions: CONDITIONS,
      claims: [{ group: "example.com", resource: "widgets", owner: "Provider", objects: 1, message: "no" }],
    },
  },
  APIServiceExport: {
    name: "widgets.example.com",
    spec: {
      group: "example.com",
      names: { kind: "Widget", plural: "widgets" },
      scope: "Namespaced",
      informerScope: "Namespaced",
      versions: [{
        name: "v1",
        served: false,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", maximum: 1 } } } },
        subresources: { status: {}, scale: { specReplicasPath: ".spec.a", statusReplicasPath: ".status.b" } },
        additionalPrinterColumns: [{ name: "A", type: "string", jsonPath: ".spec.a", priority: 1 }],
      }],
      permissionClaims: [CLAIM],
    },
    status: {
      acceptedNames: { kind: "Widget", plural: "widgets" },
      storedVersions: ["v1"],
      installedSchema: "a",
      refusedSchema: "b",
      conditions: CONDITIONS,
    },
  },
  APIServiceExportRequest: {
    spec: {
      parameters: { size: { nested: 1 } },
      resources: [{ group: "example.com", resource: "widgets", versions: ["v1"], permissionClaims: [CLAIM] }],
    },
    status: { phase: "Failed", terminalMessage: "no", conditions: CONDITIONS },
  },
  APIServiceNamespace: { spec: {}, status: { namespace: "cluster-x-default" } },
  ClusterBinding: {
    name: "cluster",
    spec: { kubeconfigSecretRef: SECRET_REF, providerPrettyName: "Example", serviceProviderSpec: { any: ["thing"] } },
    status: {
      lastHeartbeatTime: "2026-01-01T00:00:00Z",
      heartbeatInterval: "5m0s",
      konnectorVersion: "v1.4.0",
      conditions: CONDITIONS,
    },
  },
  AppClusterBinding: {
    spec: {
      kubeconfigSecretRef: { ...SECRET_REF, namespace: "default" },
      apiExports: [{ group: "example.com", resource: "widgets", permissionClaims: "Accepted" }],
      deletionPolicy: "Retain",
      konnector: {
        deploy: true,
        overrides: {
          image: "registry.example.com/konnector:v1",
          ports: [{ containerPort: 8080 }],
          resources: { limits: { cpu: 1, memory: "64Mi" } },
          livenessProbe: { httpGet: { port: "http" } },
          env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
        },
      },
    },
    status: { conditions: CONDITIONS },
  },
  APIServiceExportTemplate: {
    spec: {
      APIServiceSelector: { group: "example.com", resource: "widgets", version: "v1" },
      permissionClaims: [CLAIM],
      displayName: "Widgets",
      description: "Round, and good to have.",
      icon: "data:image/svg+xml;base64,PHN2Zy8+",
      documentationURL: "https://docs.example.com/widgets",
      allowedGroups: ["dev"],
      allowedUsers: ["jane@example.com"],
      schemaChanges: {
        policy: "Force",
        approved: "a",
        reason: "agreed",
        rollBackTo: "a",
        canary: { matchLabels: { stage: "canary" } },
      },
    },
    status: {
      schema: {
        hash: "a",
        verdict: "safe",
        current: 1,
        waiting: 1,
        refused: 1,
        impact: {
          hash: "a",
          checkedAt: "2026-01-01T00:00:00Z",
          objects: 2,
          refused: 1,
          problem: "none",
          tenants: [{ tenant: "b", objects: 2, refused: 1, samples: [{ object: "c/d", paths: ["spec.size"] }] }],
        },
      },
      snapshots: [{ hash: "a", keptAt: "2026-01-01T00:00:00Z" }],
      exports: 3,
      conditions: CONDITIONS,
    },
  },
};
