import { AGE_COLUMN, defineKind, type ObjectOf } from "./kind.ts";
import { API_SERVICE_NAMESPACES } from "./names.ts";
import { object, optional, text } from "./schema.ts";

/** Asks the provider for the namespace that mirrors one namespace of the app cluster. */
export const APIServiceNamespace = defineKind({
  resource: API_SERVICE_NAMESPACES,
  description: "Asks the provider for a namespace that mirrors the app cluster's namespace of the same name. " +
    "Made and deleted by the konnector; deleting it deletes that namespace with everything in it.",
  columns: [{ name: "Namespace", type: "string", jsonPath: ".status.namespace" }, AGE_COLUMN],
  specOptional: true,
  spec: optional(object({}, "Empty: the name says it all.")),
  status: object({
    namespace: optional(text("Name of the provider's namespace, once it is ready for use.")),
  }, "What the backend arranged."),
});
export type APIServiceNamespace = ObjectOf<typeof APIServiceNamespace>;
