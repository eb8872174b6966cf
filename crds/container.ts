import Type from "typebox";
import {
  alwaysRead,
  ATOMIC_LIST,
  ATOMIC_MAP,
  flag,
  int32,
  int64,
  intOrText,
  list,
  listMap,
  mapOf,
  object,
  optional,
  text,
} from "./schema.ts";

/** Kubernetes' notation for amounts, e.g. `250m` or `64Mi`. */
const quantity = (description: string) =>
  intOrText(description, {
    pattern: "^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?" +
      "(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$",
  });

/** Defaults to the empty name, which no object has. */
const referentName = (description: string) => alwaysRead(text(description, { default: "" }));

const keyOf = (kind: string) =>
  optional(object(
    {
      name: referentName(`Name of the ${kind}.`),
      key: text(`Key in the ${kind}'s data.`),
      optional: optional(flag(`Whether the ${kind} or its key may be missing.`)),
    },
    `Takes the value from a ${kind} of the pod's namespace.`,
    ATOMIC_MAP,
  ));

const sourceOf = (kind: string) =>
  optional(object(
    {
      name: referentName(`Name of the ${kind}.`),
      optional: optional(flag(`Whether the ${kind} may be missing.`)),
    },
    `Takes every key of a ${kind} as a variable.`,
    ATOMIC_MAP,
  ));

const ENV = object({
  name: text("Name of the variable."),
  value: optional(text("Value; `$(NAME)` stands for variables set before.")),
  valueFrom: optional(object({
    configMapKeyRef: keyOf("ConfigMap"),
    secretKeyRef: keyOf("Secret"),
    fieldRef: optional(object(
      {
        apiVersion: optional(text("API version the path is written for, `v1` by default.")),
        fieldPath: text("Path in the pod, e.g. `metadata.name`."),
      },
      "Takes the value from a field of the pod.",
      ATOMIC_MAP,
    )),
    resourceFieldRef: optional(object(
      {
        containerName: optional(text("Container to look at; this one by default.")),
        resource: text("Which amount, e.g. `limits.memory`."),
        divisor: optional(quantity("Unit of the value, 1 by default.")),
      },
      "Takes the value from the container's requests or limits.",
      ATOMIC_MAP,
    )),
  }, "Where the value comes from, when it is not given.")),
}, "One environment variable.");

const ENV_FROM = object({
  prefix: optional(text("Put in front of every name.")),
  configMapRef: sourceOf("ConfigMap"),
  secretRef: sourceOf("Secret"),
}, "One source of environment variables.");

const HANDLERS = {
  exec: optional(object({
    command: optional(list(text("A word."), "Command line, run without a shell.", ATOMIC_LIST)),
  }, "Runs a command in the container.")),
  httpGet: optional(object({
    host: optional(text("Host to ask; the pod's address by default.")),
    port: intOrText("Number or name of the port."),
    path: optional(text("Path to ask for.")),
    scheme: optional(text("`HTTP`, the default, or `HTTPS`.")),
    httpHeaders: optional(list(
      object({
        name: text("Name of the header."),
        value: text("Value of the header."),
      }, "One header."),
      "Headers of the request.",
      ATOMIC_LIST,
    )),
  }, "Sends an HTTP request.")),
  tcpSocket: optional(object({
    host: optional(text("Host to connect to; the pod's address by default.")),
    port: intOrText("Number or name of the port."),
  }, "Opens a TCP connection.")),
};

const hook = (description: string) =>
  optional(object({
    ...HANDLERS,
    sleep: optional(object({ seconds: int64("How long, in seconds.") }, "Waits.")),
  }, description));

const probe = (description: string) =>
  optional(object({
    ...HANDLERS,
    grpc: optional(object({
      port: int32("Number of the port."),
      service: optional(text("Service named in the health check request.", { default: "" })),
    }, "Sends a gRPC health check.")),
    initialDelaySeconds: optional(int32("Seconds before the first try.")),
    periodSeconds: optional(int32("Seconds between two tries.")),
    timeoutSeconds: optional(int32("Seconds until a try counts as failed.")),
    successThreshold: optional(int32("Successes in a row that make up for a failure.")),
    failureThreshold: optional(int32("Failures in a row that count.")),
    terminationGracePeriodSeconds: optional(int64("Seconds to end in, instead of the pod's.")),
  }, description));

const confinement = (what: string) =>
  optional(object({
    type: text("`RuntimeDefault`, `Unconfined` or `Localhost`."),
    localhostProfile: optional(text("Profile on the node, for `Localhost`.")),
  }, `The ${what} profile.`));

const SECURITY_CONTEXT = object({
  allowPrivilegeEscalation: optional(flag("Whether processes may gain more privileges than their parent has.")),
  appArmorProfile: confinement("AppArmor"),
  capabilities: optional(object({
    add: optional(list(text("A capability."), "Capabilities to grant.", ATOMIC_LIST)),
    drop: optional(list(text("A capability."), "Capabilities to take away.", ATOMIC_LIST)),
  }, "Linux capabilities of the process.")),
  privileged: optional(flag("Whether the container is as powerful as the node's root.")),
  procMount: optional(text("`Default` or `Unmasked`.")),
  readOnlyRootFilesystem: optional(flag("Whether the root file system is read-only.")),
  runAsGroup: optional(int64("Group id of the process.")),
  runAsNonRoot: optional(flag("Whether starting as root is refused.")),
  runAsUser: optional(int64("User id of the process.")),
  seLinuxOptions: optional(object({
    level: optional(text("SELinux level.")),
    role: optional(text("SELinux role.")),
    type: optional(text("SELinux type.")),
    user: optional(text("SELinux user.")),
  }, "SELinux label of the process.")),
  seccompProfile: confinement("seccomp"),
  windowsOptions: optional(object({
    gmsaCredentialSpec: optional(text("Content of the gMSA credential.")),
    gmsaCredentialSpecName: optional(text("Name of the gMSA credential.")),
    hostProcess: optional(flag("Whether to run as a host process.")),
    runAsUserName: optional(text("User name of the process.")),
  }, "Settings for Windows nodes.")),
}, "What the process may do on its node.");

const amounts = (description: string) => optional(mapOf(quantity("An amount, e.g. `250m` or `64Mi`."), description));

/** What an operator changes in the konnector's container: a container of Kubernetes with everything optional. */
export const ContainerOverrides = object({
  name: optional(text("Name of the container.")),
  image: optional(text("Image reference.")),
  imagePullPolicy: optional(text("`Always`, `IfNotPresent` or `Never`.")),
  command: optional(list(text("A word."), "Replaces the image's entry point.", ATOMIC_LIST)),
  args: optional(list(text("An argument."), "Arguments of the command.", ATOMIC_LIST)),
  workingDir: optional(text("Directory the command starts in.")),
  env: optional(list(ENV, "Environment variables.")),
  envFrom: optional(list(ENV_FROM, "Sources of environment variables.", ATOMIC_LIST)),
  ports: optional(list(
    object({
      name: optional(text("Name of the port.")),
      containerPort: int32("Number of the port in the pod."),
      protocol: alwaysRead(text("`TCP`, `UDP` or `SCTP`.", { default: "TCP" })),
      hostIP: optional(text("Address of the node to bind to.")),
      hostPort: optional(int32("Number of the port on the node.")),
    }, "One port."),
    "Ports of the container.",
    listMap("containerPort", "protocol"),
  )),
  resources: optional(object({
    requests: amounts("What is reserved."),
    limits: amounts("What must not be exceeded."),
    claims: optional(list(
      object({
        name: text("Name of the pod's resource claim."),
        request: optional(text("One request of that claim; all by default.")),
      }, "One claimed resource."),
      "Resource claims of the pod that this container uses.",
      listMap("name"),
    )),
  }, "Processor time and memory.")),
  restartPolicy: optional(text("When the container is started again.")),
  volumeMounts: optional(list(
    object({
      name: text("Name of the volume."),
      mountPath: text("Where the volume appears in the container."),
      mountPropagation: optional(text("How later mounts spread between node and container.")),
      readOnly: optional(flag("Whether the volume cannot be written.")),
      recursiveReadOnly: optional(text("Whether mounts below are read-only, too.")),
      subPath: optional(text("Path in the volume to mount.")),
      subPathExpr: optional(text("The same, with `$(NAME)` standing for variables.")),
    }, "One mounted volume."),
    "Volumes the container sees as directories.",
  )),
  volumeDevices: optional(list(
    object({
      name: text("Name of the volume claim."),
      devicePath: text("Path of the device in the container."),
    }, "One block device."),
    "Volumes the container sees as block devices.",
  )),
  livenessProbe: probe("When this fails, the container is started again."),
  readinessProbe: probe("While this fails, the pod is not ready."),
  startupProbe: probe("Until this succeeds, the other probes wait."),
  lifecycle: optional(object({
    postStart: hook("Right after the container was started."),
    preStop: hook("Before the container is ended."),
  }, "What is done at the container's start and end.")),
  terminationMessagePath: optional(text("File whose content says why the container ended.")),
  terminationMessagePolicy: optional(text("`File` or `FallbackToLogsOnError`.")),
  securityContext: optional(SECURITY_CONTEXT),
  stdin: optional(flag("Whether standard input stays open.")),
  stdinOnce: optional(flag("Whether standard input is closed after the first client left.")),
  tty: optional(flag("Whether there is a terminal.")),
}, "Changes to the konnector's container, field by field as in a pod.");
export type ContainerOverrides = Type.Static<typeof ContainerOverrides>;
