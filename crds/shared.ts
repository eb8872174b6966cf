import Type from "typebox";
import { alwaysRead, choice, flag, list, mapOf, object, openChoice, optional, rules, text, time } from "./schema.ts";

const GROUP_RESOURCE_FIELDS = {
  group: alwaysRead(text("API group, e.g. `anynines.com`; empty for the core group.", {
    default: "",
    pattern: "^(|[a-z0-9]([-a-z0-9]*[a-z0-9](\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?)$",
  })),
  resource: text("Plural name of the resource in lower case, as in `kubectl get`, e.g. `postgresqlinstances`.", {
    pattern: "^[a-z][-a-z0-9]*[a-z0-9]$",
  }),
};

/** Names an API without saying which version of it. */
export const GroupResource = object(GROUP_RESOURCE_FIELDS, "Names one API by group and resource.");
export type GroupResource = Type.Static<typeof GroupResource>;

/** Pattern of `<resource>.<group>`. */
export const API_NAME = "^[a-z][-a-z0-9]{1,252}(\\.[a-z0-9][-a-z0-9.]{0,252})?$";

/** `postgresqlinstances.anynines.com`: the name of the CRD, of the export and of the binding. */
export const groupResourceName = ({ group, resource }: GroupResource): string =>
  group ? `${resource}.${group}` : resource;

const LOCAL_SECRET_FIELDS = {
  name: text("Name of the Secret.", { minLength: 1 }),
  key: choice(["kubeconfig"], "Key in the Secret's data that holds the kubeconfig."),
};

/** A kubeconfig in a Secret of the same namespace. */
export const localSecretKeyRef = (description: string, options = {}) =>
  object(LOCAL_SECRET_FIELDS, description, options);

/** A kubeconfig in a Secret of any namespace. */
export const clusterSecretKeyRef = (description: string, options = {}) =>
  object(
    { ...LOCAL_SECRET_FIELDS, namespace: text("Namespace of the Secret.", { minLength: 1 }) },
    description,
    options,
  );
export type ClusterSecretKeyRef = Type.Static<ReturnType<typeof clusterSecretKeyRef>>;

/** One aspect of an object's state; `severity` is set only while `status` is `False`. */
export const Condition = object({
  type: text("Aspect this is about, in CamelCase; `Ready` sums all others up."),
  status: openChoice<"True" | "False" | "Unknown">("`True`, `False` or `Unknown`."),
  severity: optional(openChoice<"Error" | "Warning" | "Info">(
    "How bad a `False` is: with `Error` nothing works until somebody acts, `Warning` may pass by itself, " +
      "`Info` is a state on the way.",
  )),
  lastTransitionTime: time("When status, reason, severity or message last changed."),
  reason: optional(text("Why, as one word in CamelCase for machines.")),
  message: optional(text("Why, and what to do, in a sentence for people.")),
}, "One aspect of the object's state.");
export type Condition = Type.Static<typeof Condition>;

/** `status.conditions` of every kind that has them. */
export const conditions = (writers: string) =>
  optional(list(Condition, `State of the object, aspect by aspect; written by ${writers}.`));

const patterns = (description: string) =>
  optional(list(
    object({ pattern: optional(text("Key, in which `*` stands for any characters.")) }, "A set of keys."),
    description,
  ));

const CLAIM_FIELDS = {
  ...GROUP_RESOURCE_FIELDS,
  version: text("API version of the claimed resource, e.g. `v1`.", { minLength: 1 }),
  selector: optional(object(
    {
      names: optional(list(text("Name of an object, or `*` for all."), "Names of the claimed objects; `*` means all.", {
        default: ["*"],
      })),
      namespaces: optional(list(
        text("Name of a namespace on the app cluster, or `*` for all."),
        "Namespaces of the claimed objects; `*` means all. For a cluster-scoped resource this has to be an empty list.",
        { default: ["*"] },
      )),
      labelSelectors: optional(list(
        mapOf(text("Value the label must have."), "Labels an object must carry, all of them."),
        "Alternatives: an object is claimed when it carries all labels of at least one entry.",
      )),
      fieldSelectors: optional(list(text("A field selector of Kubernetes."), "Selects objects by their fields.")),
      owner: optional(choice(
        ["Provider", "Consumer"],
        "Whose objects are claimed, which is also the side they are copied from; unset means both.",
      )),
    },
    "Selects the claimed objects; all of them when unset.",
    { default: {} },
  )),
  required: optional(flag("Whether the bound API needs this claim to work at all.")),
  read: optional(object(
    {
      labels: patterns("Labels of consumer-owned objects that go up to the provider."),
      labelsOnProviderOwnedObjects: patterns("Labels set on the app cluster, of provider-owned objects, that go up."),
      annotations: patterns("Annotations of consumer-owned objects that go up to the provider."),
      overrideAnnotations: patterns("Annotations set on the app cluster, of provider-owned objects, that go up."),
    },
    "What the provider reads from metadata; the objects themselves it can always read.",
    { default: {} },
  )),
  create: optional(object({
    replaceExisting: optional(flag(
      "Whether a consumer's object of the same name gives way to the provider's; otherwise it is left alone.",
    )),
  }, "How provider-owned objects are created on the app cluster.")),
  autoAdopt: optional(flag("Objects the consumer creates belong to the provider from then on. Excludes autoDonate.")),
  autoDonate: optional(flag("Objects the provider creates belong to the consumer from then on. Excludes autoAdopt.")),
  onConflict: optional(object(
    {
      recreateWhenConsumerSideDeleted: optional(flag(
        "Whether a provider-owned object that vanishes from the app cluster is created there again; " +
          "otherwise it is deleted on the provider as well.",
        { default: true },
      )),
    },
    "What happens when both sides disagree.",
    { default: {} },
  )),
  update: optional(object({
    fields: optional(list(text("A JSON path."), "Parts of consumer-owned objects that the provider sets.")),
    preserving: optional(list(text("A JSON path."), "Parts of provider-owned objects that stay with the consumer.")),
    alwaysRecreate: optional(flag("Whether changes are made by deleting and creating, for immutable objects.")),
    labels: patterns("Labels of provider-owned objects that come down to the app cluster."),
    labelsOnConsumerOwnedObjects: patterns("Labels the provider sets on consumer-owned objects."),
    annotations: patterns("Annotations of provider-owned objects that come down to the app cluster."),
    annotationsOnConsumerOwnedObjects: patterns("Annotations the provider sets on consumer-owned objects."),
  }, "Which changes come down to the app cluster; by default all but metadata.")),
};

const EXCLUSIVE = rules({
  rule: "!(has(self.autoDonate) && self.autoDonate && has(self.autoAdopt) && self.autoAdopt)",
  message: "donate and adopt are mutually exclusive",
});

/** What a provider wants to do with other objects on the app cluster, e.g. write Secrets with credentials. */
export const PermissionClaim = object(
  CLAIM_FIELDS,
  "Objects of another API on the app cluster that the provider wants to read or write, if the consumer agrees.",
  EXCLUSIVE,
);
export type PermissionClaim = Type.Static<typeof PermissionClaim>;

export const permissionClaims = (description: string) => optional(list(PermissionClaim, description));

/** A claim with the consumer's answer; only accepted ones are acted upon. */
export const AcceptablePermissionClaim = object(
  { ...CLAIM_FIELDS, state: choice(["Accepted", "Rejected"], "The consumer's answer.") },
  "A claim of the provider together with the consumer's answer.",
  EXCLUSIVE,
);
export type AcceptablePermissionClaim = Type.Static<typeof AcceptablePermissionClaim>;
