import { deepEqual, equal, match } from "node:assert/strict";
import type { AppClusterBinding } from "../crds/app_cluster_binding.ts";
import { konnectorCondition, konnectorDeployment, konnectorName } from "./konnector_deployment.ts";
import { appClusterBinding } from "./test_objects.ts";

type Overrides = NonNullable<NonNullable<AppClusterBinding["spec"]["konnector"]>["overrides"]>;

const IMAGE = "registry.example.com/konnector:v1";
const deployment = (overrides?: Overrides) =>
  konnectorDeployment(appClusterBinding("my-ns", "orders", { konnector: { deploy: true, overrides } }), "root", IMAGE);
const containerWith = (overrides?: Overrides) => deployment(overrides).spec.template.spec.containers[0]!;
const BASE = containerWith();

Deno.test("konnectorDeployment() runs the konnector for one app cluster, as the ServiceAccount there", () => {
  const { metadata, spec } = deployment();
  deepEqual([metadata.namespace, metadata.name], ["root", "konnector-orders"]);
  const labels = {
    app: "konnector",
    "klutch.anynines.com/appclusterbinding-name": "orders",
    "klutch.anynines.com/appclusterbinding-namespace": "my-ns",
  };
  deepEqual([metadata.labels, spec.selector.matchLabels, spec.template.metadata.labels], [labels, labels, labels]);
  equal(spec.replicas, 2);
  equal(spec.template.spec.serviceAccountName, "klutch-binder");
  equal(spec.template.spec.containers.length, 1);
  equal(BASE.image, IMAGE);
  deepEqual((BASE as { args?: string[] }).args, [
    "--control-plane-mode",
    "--app-cluster-kubeconfig-secret-name=app-cluster",
    "--app-cluster-kubeconfig-secret-namespace=root",
    "--app-cluster-kubeconfig-secret-key=kubeconfig",
    "--binding-root-namespace=root",
    "--lease-namespace=$(POD_NAMESPACE)",
  ]);
  equal(BASE.securityContext.readOnlyRootFilesystem, true);
});

Deno.test("konnectorName() leaves room for the names of pods", () => {
  equal(konnectorName(appClusterBinding("my-ns", "n".repeat(253))).length, 240);
});

const overridden: [name: string, overrides: Overrides, want: object][] = [
  ["nothing", {}, BASE],
  ["nothing with what typed clients write", { image: "", args: [], resources: {}, env: [], lifecycle: {} }, BASE],
  ["the image alone", { image: "other:v2" }, { ...BASE, image: "other:v2" }],
  [
    "a limit, and keeps the others",
    { resources: { limits: { cpu: "1" } } },
    { ...BASE, resources: { ...BASE.resources, limits: { memory: "512Mi", cpu: "1" } } },
  ],
  [
    "a request",
    { resources: { requests: { memory: "64Mi" } } },
    { ...BASE, resources: { ...BASE.resources, requests: { cpu: "50m", memory: "64Mi" } } },
  ],
  ["a new variable", { env: [{ name: "A", value: "b" }] }, { ...BASE, env: [...BASE.env, { name: "A", value: "b" }] }],
  [
    "a variable of that name, wherever it came from",
    { env: [{ name: "POD_NAME", value: "me" }] },
    { ...BASE, env: [{ name: "POD_NAME", value: "me" }, BASE.env[1]] },
  ],
  [
    "the way a probe looks",
    { readinessProbe: { tcpSocket: { port: 8080 } } },
    { ...BASE, readinessProbe: { periodSeconds: 10, tcpSocket: { port: 8080 } } },
  ],
  [
    "the path of a probe",
    { readinessProbe: { httpGet: { path: "/readyz", port: 8080 } } },
    { ...BASE, readinessProbe: { periodSeconds: 10, httpGet: { path: "/readyz", port: 8080 } } },
  ],
  [
    "a port of that number",
    { ports: [{ containerPort: 8080, protocol: "TCP", name: "http" }, { containerPort: 9090, protocol: "TCP" }] },
    { ...BASE, ports: [{ ...BASE.ports[0], name: "http" }, { containerPort: 9090, protocol: "TCP" }] },
  ],
  [
    "a volume beside the others",
    { volumeMounts: [{ name: "ca", mountPath: "/ca" }] },
    { ...BASE, volumeMounts: [...BASE.volumeMounts, { name: "ca", mountPath: "/ca" }] },
  ],
  [
    "what shall not be",
    { securityContext: { readOnlyRootFilesystem: false } },
    { ...BASE, securityContext: { ...BASE.securityContext, readOnlyRootFilesystem: false } },
  ],
  ["all arguments", { args: ["--v=5"] }, { ...BASE, args: ["--v=5"] }],
  ["the name, and adds no container", { name: "mine" }, { ...BASE, name: "mine" }],
];
for (const [name, overrides, want] of overridden) {
  Deno.test(`konnectorDeployment() overrides ${name}`, () => {
    const { containers } = deployment(overrides).spec.template.spec;
    deepEqual(containers, [want]);
  });
}

Deno.test("konnectorCondition() holds once a pod of the present generation is there", () => {
  const made = deployment();
  const seen = (status: typeof made.status) =>
    konnectorCondition({ ...made, metadata: { ...made.metadata, generation: 2 }, status });
  equal(seen({ observedGeneration: 2, availableReplicas: 1 }).status, "True");
  equal(seen({ observedGeneration: 1, availableReplicas: 2 }).reason, "KonnectorNotReady");
  equal(seen(undefined).reason, "KonnectorNotReady");
  const conditions = [
    { type: "Available", status: "False", message: "Deployment does not have minimum availability." },
    { type: "ReplicaFailure", status: "True", message: "pods are forbidden: quota" },
  ];
  match(seen({ observedGeneration: 2, conditions }).message!, /has no pod that is ready: pods are forbidden: quota\. /);
});
