import type Type from "typebox";
import { ContainerOverrides } from "./container.ts";
import { AGE_COLUMN, defineKind, type ObjectOf, READY_COLUMN } from "./kind.ts";
import { APP_CLUSTER_BINDINGS } from "./names.ts";
import { choice, flag, immutable, list, object, optional } from "./schema.ts";
import { clusterSecretKeyRef, conditions, GroupResource } from "./shared.ts";

const BOUND_API = object({
  ...GroupResource.properties,
  permissionClaims: optional(choice(
    ["Accepted", "Rejected"],
    "The answer to all claims that the API comes with, e.g. on Secrets with credentials; unset, whoever edits the " +
      "APIServiceBinding answers.",
  )),
}, "One API to bind.");
export type BoundApi = Type.Static<typeof BOUND_API>;

/** Connects an app cluster from the control plane's side, without a login. */
export const AppClusterBinding = defineKind({
  resource: APP_CLUSTER_BINDINGS,
  description:
    "Connects an app cluster from the control plane, without anybody logging in: the control plane reaches " +
    "the app cluster with the given kubeconfig. Written by whoever runs the platform.",
  columns: [READY_COLUMN, AGE_COLUMN],
  rules: [{ rule: "self.metadata.name == oldSelf.metadata.name", message: "name is immutable" }],
  spec: object({
    kubeconfigSecretRef: clusterSecretKeyRef(
      "The Secret with the kubeconfig for the app cluster. Cannot be changed.",
      immutable("kubeconfigSecretRef is immutable"),
    ),
    apiExports: optional(list(BOUND_API, "The offered APIs to bind; each needs an APIServiceExportTemplate.")),
    konnector: optional(object({
      deploy: optional(flag("Whether a konnector for this app cluster is started on the control plane.")),
      overrides: optional(ContainerOverrides),
    }, "The konnector that serves this app cluster.")),
    deletionPolicy: optional(choice(
      ["Delete", "Retain"],
      "What becomes of the services of the app cluster when this object is deleted: they go with it (`Delete`, unless " +
        "said otherwise), or stay for an AppClusterBinding of the same name.",
    )),
  }, "Which app cluster, and what is bound into it."),
  status: object({ conditions: conditions("the backend") }, "What the backend found out."),
});
export type AppClusterBinding = ObjectOf<typeof AppClusterBinding>;
