import { AGE_COLUMN, defineKind, type ObjectOf, READY_COLUMN } from "./kind.ts";
import { CLUSTER_BINDINGS } from "./names.ts";
import { freeObject, immutable, object, optional, text, time } from "./schema.ts";
import { conditions, localSecretKeyRef } from "./shared.ts";

/** One app cluster as its provider sees it: where its kubeconfig is, and whether its konnector is alive. */
export const ClusterBinding = defineKind({
  resource: CLUSTER_BINDINGS,
  description: "One app cluster as the provider sees it. There is exactly one in the namespace of each app cluster, " +
    "named `cluster`; its konnector reports here that it is alive.",
  columns: [
    { name: "Konnector Version", type: "string", jsonPath: ".status.konnectorVersion" },
    { name: "Last Heartbeat", type: "date", jsonPath: ".status.lastHeartbeatTime" },
    READY_COLUMN,
    AGE_COLUMN,
  ],
  rules: [{ rule: 'self.metadata.name == "cluster"', message: "cluster binding name should be cluster" }],
  spec: object({
    kubeconfigSecretRef: localSecretKeyRef(
      "The Secret, in this namespace, with the kubeconfig the app cluster uses. Cannot be changed.",
      immutable("kubeconfigSecretRef is immutable"),
    ),
    providerPrettyName: text("Name of the provider, for people; shown on the app cluster.", { minLength: 1 }),
    serviceProviderSpec: optional(freeObject("Free for the provider's own use.")),
  }, "What the provider arranged for this app cluster."),
  status: object({
    lastHeartbeatTime: optional(time("When the konnector last reported.")),
    heartbeatInterval: optional(text(
      "How often the konnector promises to report, as a duration like `5m0s`; twice that without a report is too late.",
    )),
    konnectorVersion: optional(text("Version of the konnector on the app cluster.")),
    conditions: conditions("the konnector and the backend"),
  }, "What the konnector reported, and what the backend thinks of it."),
});
export type ClusterBinding = ObjectOf<typeof ClusterBinding>;
