import { AGE_COLUMN, defineKind, type ObjectOf } from "./kind.ts";
import { API_SERVICE_EXPORT_TEMPLATES } from "./names.ts";
import { object, optional, text } from "./schema.ts";
import { GroupResource, permissionClaims } from "./shared.ts";

/** Offers one API of the control plane to app clusters. */
export const APIServiceExportTemplate = defineKind({
  resource: API_SERVICE_EXPORT_TEMPLATES,
  description: "Offers one API of this control plane to app clusters: it is listed for binding from then on. " +
    "Written by whoever runs the platform.",
  columns: [
    {
      name: "Established",
      type: "string",
      priority: 5,
      jsonPath: '.status.conditions[?(@.type=="Established")].status',
    },
    AGE_COLUMN,
  ],
  spec: object({
    APIServiceSelector: object({
      ...GroupResource.properties,
      version: optional(text("A version of the API; all that are served are exported whatever it says.", {
        minLength: 1,
      })),
    }, "The offered API, whose CRD has to exist on this cluster."),
    permissionClaims: permissionClaims(
      "What the API needs to read or write on the app cluster besides its own objects.",
    ),
  }, "What is offered, and what comes with it."),
  status: object({}, "Empty."),
});
export type APIServiceExportTemplate = ObjectOf<typeof APIServiceExportTemplate>;
