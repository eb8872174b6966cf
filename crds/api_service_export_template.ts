import { AGE_COLUMN, defineKind, type ObjectOf } from "./kind.ts";
import { API_SERVICE_EXPORT_TEMPLATES } from "./names.ts";
import { alwaysRead, choice, int32, list, mapOf, object, optional, rules, text, time } from "./schema.ts";
import { conditions, GroupResource, permissionClaims } from "./shared.ts";

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
      version: optional(text("The version to export; all that are served when unset.", {
        minLength: 1,
      })),
    }, "The offered API, whose CRD has to exist on this cluster."),
    permissionClaims: permissionClaims(
      "What the API needs to read or write on the app cluster besides its own objects.",
    ),
    displayName: optional(text("Name of the API for people, e.g. `PostgreSQL`.", { maxLength: 100 })),
    description: optional(text("What the API is good for, in a few sentences for those who choose.", {
      maxLength: 2000,
    })),
    icon: optional(text("A small image as a data URI, so that the page loads nothing from elsewhere.", {
      maxLength: 50_000,
      pattern: "^data:image/(svg\\+xml|png|webp|jpeg);base64,[A-Za-z0-9+/]+={0,2}$",
    })),
    documentationURL: optional(text("Page to read on.", { maxLength: 2000, pattern: "^https?://" })),
    allowedGroups: optional(list(
      text("A group of the issuer."),
      "Only members of one of them may see and bind the API, besides the allowed users; everybody when both are unset.",
    )),
    allowedUsers: optional(list(
      text("Subject of a user at the issuer, or a verified e-mail address."),
      "Only these may see and bind the API, besides the allowed groups.",
    )),
    schemaChanges: optional(object(
      {
        policy: alwaysRead(choice(
          ["Auto", "Manual", "Pinned", "Force"],
          "Which changes of the CRD reach app clusters that have bound the API: safe ones (`Auto`), only the approved " +
            "one (`Manual`), none (`Pinned`), or all of them, for a reason (`Force`).",
          { default: "Auto" },
        )),
        approved: optional(
          text("Hash of a schema that may go out with `Auto` or `Manual`, whatever it breaks; see status."),
        ),
        reason: optional(text("Why every change may go out, for those who read it later.", { minLength: 1 })),
        rollBackTo: optional(
          text("Hash of a kept schema that all app clusters get at once instead of the CRD's, until this is removed.", {
            minLength: 1,
          }),
        ),
        canary: optional(object({
          matchLabels: mapOf(
            text("Value the label must have."),
            "Labels of the ClusterBindings of these app clusters.",
          ),
        }, "App clusters that get a change first; the others get it once all of these have taken it over.")),
      },
      "How changes of the CRD reach app clusters that have bound the API.",
      rules({ rule: 'self.policy != "Force" || has(self.reason)', message: "policy Force needs a reason" }),
    )),
  }, "What is offered, and what comes with it."),
  status: object({
    schema: optional(object({
      hash: text("Hash of the schema that the CRD has now; what `spec.schemaChanges.approved` names."),
      verdict: text("What it does to app clusters that do not have it yet: `safe`, `risky` or `breaking`."),
      current: int32("Exports that have it."),
      waiting: int32("Exports that do not have it yet."),
      refused: int32("Exports whose app cluster has refused what they say."),
      impact: optional(object({
        hash: text("Hash of the schema that was looked at."),
        checkedAt: optional(time("When; again every 5 minutes while not all of them fit.")),
        objects: int32("Objects that were looked at."),
        refused: int32("How many of them it refuses, or robs of fields."),
        problem: optional(text("Why the API server could not judge them; then nothing has been looked at.")),
        tenants: list(
          object({
            tenant: text("Cluster namespace of an app cluster; empty for objects that belong to none."),
            objects: int32("Its objects."),
            refused: int32("How many of them the schema refuses, or robs of fields."),
            samples: list(
              object({
                object: text("An object, `<namespace>/<name>`."),
                paths: list(text("A field, e.g. `spec.size`."), "Where it does not fit."),
              }, "One of them."),
              "Some of those.",
            ),
          }, "An app cluster."),
          "App clusters, those hit most first.",
        ),
      }, "What the schema does to stored objects, as the API server judges; looked at unless it is safe.")),
    }, "How far the schema of the CRD has come.")),
    snapshots: optional(list(
      object({
        hash: text("Hash of a schema; what `spec.schemaChanges.rollBackTo` names."),
        keptAt: text("When app clusters first left it."),
      }, "A schema."),
      "Schemas that app clusters had before and that are kept, the one left last first.",
    )),
    exports: optional(int32("How many app clusters the API is exported to.")),
    conditions: conditions("the backend"),
  }, "What has become of the offer."),
});
export type APIServiceExportTemplate = ObjectOf<typeof APIServiceExportTemplate>;
