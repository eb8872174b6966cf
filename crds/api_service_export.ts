import Type from "typebox";
import { AGE_COLUMN, defineKind, type ObjectOf } from "./kind.ts";
import { API_SERVICE_EXPORTS } from "./names.ts";
import {
  ATOMIC_LIST,
  ATOMIC_MAP,
  choice,
  flag,
  freeObject,
  immutable,
  int32,
  list,
  listMap,
  object,
  optional,
  rules,
  text,
} from "./schema.ts";
import { conditions, permissionClaims } from "./shared.ts";

const names = (description: string) =>
  object({
    plural: text("Plural in lower case, as in URLs."),
    singular: optional(text("Singular in lower case, for command lines.")),
    shortNames: optional(list(text("A short name."), "Short names for command lines.", ATOMIC_LIST)),
    kind: text("Kind in CamelCase, as in manifests."),
    listKind: optional(text("Kind of lists, usually the kind with `List` appended.")),
    categories: optional(list(text("A category."), "Groups the kind belongs to, e.g. `all`.", ATOMIC_LIST)),
  }, description);

/** One version of an exported API: a CRD's version without conversion. */
const EXPORT_VERSION = object({
  name: text("Name of the version, like `v1` or `v1beta2`.", {
    minLength: 1,
    pattern: "^v[1-9][0-9]*([a-z]+[1-9][0-9]*)?$",
  }),
  served: flag("Whether the API server answers requests for this version.", { default: true }),
  storage: flag("Whether objects are stored in this version; true for exactly one."),
  deprecated: optional(flag("Whether clients get a warning that this version is on its way out.")),
  deprecationWarning: optional(text("The words of that warning, instead of the usual ones.")),
  schema: object({
    openAPIV3Schema: freeObject("OpenAPI v3 schema of the objects.", ATOMIC_MAP),
  }, "What objects of this version look like."),
  subresources: optional(object({
    status: optional(object({}, "Present when status is written apart from the rest of the object.")),
    scale: optional(object({
      specReplicasPath: text("JSON path of the wanted number of replicas."),
      statusReplicasPath: text("JSON path of the actual number of replicas."),
      labelSelectorPath: optional(text("JSON path of the label selector of the replicas.")),
    }, "Present when `kubectl scale` works on the objects.")),
  }, "Endpoints beside the objects themselves.")),
  additionalPrinterColumns: optional(list(
    object({
      name: text("Heading of the column."),
      type: text("Type of the value in OpenAPI's words."),
      format: optional(text("Format of the value in OpenAPI's words.")),
      description: optional(text("What the column shows.")),
      priority: optional(int32("0 is always shown, anything higher only with `-o wide`.")),
      jsonPath: text("JSON path of the value in the object."),
    }, "One column of `kubectl get`."),
    "Columns of `kubectl get`.",
    listMap("name"),
  )),
}, "One version of the API.");
export type ExportVersion = Type.Static<typeof EXPORT_VERSION>;

/** The part of an export that comes from the CRD on the provider, and that its hash is made of. */
export const EXPORT_CRD_FIELDS = {
  group: text("API group of the exported API."),
  names: names("Names of the exported API."),
  scope: choice(["Cluster", "Namespaced"], "Whether objects live in namespaces."),
  versions: list(EXPORT_VERSION, "Served versions of the API.", { minItems: 1, ...listMap("name") }),
};

/** An API of the provider, exported to one app cluster; the konnector there makes a CRD of it again. */
export const APIServiceExport = defineKind({
  resource: API_SERVICE_EXPORTS,
  description:
    "An API of the provider, exported to the app cluster this namespace belongs to. It has the name of the " +
    "CRD it was made from, `<resource>.<group>`; the konnector makes a CRD of it again on the app cluster.",
  columns: [
    {
      name: "Established",
      type: "string",
      priority: 5,
      jsonPath: '.status.conditions[?(@.type=="Established")].status',
    },
    AGE_COLUMN,
  ],
  // The message is that of another rule, but it is what users of this API have always seen.
  rules: [{
    rule: 'self.metadata.name == self.spec.names.plural+"."+self.spec.group',
    message: "informerScope is immutable",
  }],
  spec: object(
    {
      ...EXPORT_CRD_FIELDS,
      permissionClaims: permissionClaims("What the API reads or writes on the app cluster besides its own objects."),
      informerScope: choice(
        ["Cluster", "Namespaced"],
        "Whether the konnector may watch the whole provider at once, or each of its namespaces alone. " +
          "`Namespaced` excludes cluster-scoped APIs. Cannot be changed.",
        immutable("informerScope is immutable"),
      ),
      clusterScopedIsolation: optional(choice(
        ["Prefixed", "Namespaced", "None"],
        "How cluster-scoped objects of several app clusters are kept apart on the provider: by a name prefix, " +
          "by namespaces, or not at all.",
      )),
    },
    "What is exported, and how.",
    rules(
      {
        rule: 'self.scope == "Namespaced" || self.informerScope == "Cluster"',
        message: "informerScope must be Cluster for cluster-scoped resources",
      },
      {
        rule: 'self.scope == "Namespaced" || has(self.clusterScopedIsolation)',
        message: "clusterScopedIsolation must be defined for cluster-scoped resources",
      },
      {
        rule: 'self.scope == "Cluster" || !has(self.clusterScopedIsolation)',
        message: "clusterScopedIsolation is not relevant for namespaced resources",
      },
    ),
  ),
  status: object({
    acceptedNames: optional(names("Names under which the app cluster serves the API.")),
    storedVersions: optional(list(text("A version."), "Versions the app cluster ever stored objects in.")),
    installedSchema: optional(text("Hash of the schema that the app cluster has installed.")),
    refusedSchema: optional(text("Hash of the schema that the app cluster's API server has refused.")),
    conditions: conditions("the konnector and the backend"),
  }, "State of the CRD on the app cluster."),
});
export type APIServiceExport = ObjectOf<typeof APIServiceExport>;
