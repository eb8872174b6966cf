import Type from "typebox";
import { AGE_COLUMN, defineKind, type ObjectOf, READY_COLUMN } from "./kind.ts";
import { API_SERVICE_EXPORT_REQUESTS, API_VERSION } from "./names.ts";
import { choice, freeObject, immutable, list, object, optional, text } from "./schema.ts";
import { conditions, GroupResource, permissionClaims } from "./shared.ts";

const REQUESTED_RESOURCE = object({
  ...GroupResource.properties,
  versions: optional(list(text("A version like `v1`."), "Wanted versions; all that are served when unset.")),
  permissionClaims: permissionClaims("The claims that come with this API, for the consumer to answer."),
}, "One API to export.");
export type RequestedResource = Type.Static<typeof REQUESTED_RESOURCE>;

const SPEC = object({
  parameters: optional(freeObject(
    "Free parameters for the provider. Cannot be changed.",
    immutable("parameters are immutable"),
  )),
  resources: list(REQUESTED_RESOURCE, "The APIs to export. Cannot be changed: make another request.", {
    minItems: 1,
    ...immutable("resources are immutable"),
  }),
}, "Which APIs the app cluster wants.");

/** Asks the provider to export APIs to one app cluster; answered once, then cleaned up. */
export const APIServiceExportRequest = defineKind({
  resource: API_SERVICE_EXPORT_REQUESTS,
  description: "Asks the provider to export APIs to the app cluster this namespace belongs to. " +
    "Answered once in `status.phase`, and deleted some minutes later.",
  columns: [READY_COLUMN, AGE_COLUMN],
  spec: SPEC,
  status: object(
    {
      phase: optional(choice(["Pending", "Failed", "Succeeded"], "The answer; final unless `Pending`.", {
        default: "Pending",
      })),
      terminalMessage: optional(text("Why the request failed, for people.")),
      conditions: conditions("the backend"),
    },
    "The backend's answer.",
    { default: {} },
  ),
});
export type APIServiceExportRequest = ObjectOf<typeof APIServiceExportRequest>;

/** The same as it comes in a BindingResponse, not yet stored anywhere: `metadata` holds a name at most. */
export const APIServiceExportRequestResponse = Type.Object({
  apiVersion: Type.Unsafe<string>({ const: API_VERSION }),
  kind: Type.Unsafe<string>({ const: "APIServiceExportRequest" }),
  metadata: object({
    name: optional(text("Wanted name.", { maxLength: 253, pattern: "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$" })),
  }, "Only the name."),
  spec: SPEC,
  status: optional(object({}, "Always empty; printed by command-line tools.")),
}, { title: "APIServiceExportRequest" });
export type APIServiceExportRequestResponse = Type.Static<typeof APIServiceExportRequestResponse>;
