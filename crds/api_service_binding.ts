import type Type from "typebox";
import { AGE_COLUMN, defineKind, type ObjectOf, READY_COLUMN } from "./kind.ts";
import { API_SERVICE_BINDINGS, RESOURCES_ANNOTATION } from "./names.ts";
import { choice, immutable, int64, list, object, optional, text } from "./schema.ts";
import { AcceptablePermissionClaim, clusterSecretKeyRef, conditions } from "./shared.ts";

const CLAIM_STATUS = object({
  group: optional(text("API group of the claimed resource; absent for the core group.")),
  resource: text("Plural name of the claimed resource."),
  owner: optional(choice(["Provider", "Consumer"], "Whose objects are claimed; absent means both.")),
  objects: int64("How many objects are on both clusters because of the claim."),
  message: optional(text("What went wrong last, while it is not mended.")),
}, "What one accepted claim has come to.");
export type ClaimStatus = Type.Static<typeof CLAIM_STATUS>;

/** Binds one API of a provider into the app cluster; its name is that of the export and of the CRD. */
export const APIServiceBinding = defineKind({
  resource: API_SERVICE_BINDINGS,
  description: "Binds one API of a provider into this app cluster. It has the name of the bound CRD, " +
    "`<resource>.<group>`; the konnector installs that CRD and keeps its objects in sync with the provider.",
  shortNames: ["sb"],
  columns: [
    { name: "Provider", type: "string", jsonPath: ".status.providerPrettyName" },
    {
      name: "Resources",
      type: "string",
      priority: 1,
      jsonPath: `.metadata.annotations.${RESOURCES_ANNOTATION.replaceAll(".", "\\.")}`,
    },
    READY_COLUMN,
    { name: "Message", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].message' },
    AGE_COLUMN,
  ],
  specOptional: true,
  spec: object({
    kubeconfigSecretRef: clusterSecretKeyRef(
      "The Secret with the kubeconfig for the provider. Cannot be changed: bind again to reach another provider.",
      immutable("kubeconfigSecretRef is immutable"),
    ),
    permissionClaims: optional(list(
      AcceptablePermissionClaim,
      "What the provider may do with other objects of this cluster; every claim accepted or rejected.",
    )),
  }, "How to reach the provider, and what it may do here."),
  status: object({
    providerPrettyName: optional(text("Name of the provider, for people.")),
    conditions: conditions("the konnector"),
    claims: optional(list(CLAIM_STATUS, "Claims in effect.")),
  }, "What the konnector found out."),
});
export type APIServiceBinding = ObjectOf<typeof APIServiceBinding>;
