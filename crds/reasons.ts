import { conditionFalse, type ConditionState, conditionTrue, type Severity } from "../kube/conditions.ts";

/** Why something does not hold. */
export interface Cause {
  severity: Severity;
  /** What to do, as one sentence for whoever reads the object. */
  advice: string;
}

export const error = (advice: string): Cause => ({ severity: "Error", advice });
export const warning = (advice: string): Cause => ({ severity: "Warning", advice });
export const info = (advice: string): Cause => ({ severity: "Info", advice });

export const BIND_AGAIN = "Run `kubectl klutch bind` again with the provider's URL";
export const TALK_TO_PROVIDER = "Ask whoever runs the provider";
const FORCE = "annotate this binding with klutch.anynines.com/on-unbind=force if the provider is gone for good";
/** Why an export does not follow its CRD yet. */
export const HELD_BACK_SCHEMA = {
  SchemaPending: info("Wait, or approve it: `spec.schemaChanges.approved` of the template takes its hash"),
  SchemaBlocked: warning(
    "Take the change of the CustomResourceDefinition back, or let it out all the same: `spec.schemaChanges.approved` of " +
      "the template takes its hash",
  ),
  SchemaUnchecked: warning("Mend what stands in the way, as the condition of the template tells; it is tried again"),
  SchemaPinned: info("Choose another `spec.schemaChanges.policy` in the template to let it out"),
  SchemaRolledBack: info("Remove `spec.schemaChanges.rollBackTo` of the template to follow the CRD again"),
  SchemaRefused: error(
    "Correct the CustomResourceDefinition on the provider, or what stands in the way on that app cluster",
  ),
};
const REFUSED_CRD = {
  CustomResourceDefinitionCreateFailed: error(
    `${TALK_TO_PROVIDER} to correct the API's schema: this cluster refuses it`,
  ),
  CustomResourceDefinitionUpdateFailed: error(
    `${TALK_TO_PROVIDER} to take the change of the API's schema back, or remove what stands in its way on this cluster`,
  ),
  ForeignCustomResourceDefinition: error(
    "Delete the CustomResourceDefinition of that name, with its objects, if nobody needs it; until then the API is not bound",
  ),
  AlreadyBound: error(
    "Delete one of the two bindings: the objects of one API live with one provider; the older binding has it meanwhile",
  ),
  APINotAllowed: error(
    "Delete this binding: Kubernetes' own APIs and those of Klutch itself are never taken from a provider",
  ),
};

const UNREACHABLE_APP_CLUSTER = error(
  "Check that the app cluster runs, that the control plane reaches it, and that it still accepts the kubeconfig in the " +
    "Secret; it is tried again",
);

/**
 * Every condition our kinds carry, with every reason for which it may be `False`: reasons are read by scripts and by
 * other implementations, so none may be renamed. Severities decide what `Ready` shows when several fail at once.
 */
const REASONS = {
  APIServiceBinding: {
    SecretValid: {
      KubeconfigSecretNotFound: error(`${BIND_AGAIN}: the Secret with its kubeconfig is gone`),
      KubeconfigSecretInvalid: error(`${BIND_AGAIN}: the Secret holds no kubeconfig that can be used safely`),
    },
    InformersSynced: {
      InformerSyncTimeout: error("Check that this cluster reaches the provider, and the konnector's log"),
      ProviderNotReadable: error(
        `${TALK_TO_PROVIDER}: objects that cannot be read there are not synced; it is tried again`,
      ),
      AppClusterNotReadable: error(
        "Give the konnector its rights: `kubectl klutch konnector upgrade`; what it cannot read is not synced; it is " +
          "tried again",
      ),
    },
    Heartbeating: {
      ClusterBindingUpdateFailed: warning(
        "Check that this cluster reaches the provider and that its kubeconfig is still accepted; it is tried again",
      ),
    },
    Connected: {
      APIServiceExportNotFound: error(`${BIND_AGAIN}, or delete this binding: the provider does not export the API`),
      APIServiceExportInvalid: error(`${TALK_TO_PROVIDER} to correct the API's schema: it cannot be read`),
      ProviderUnreachable: warning("Check that this cluster reaches the provider; it is tried again"),
      AppClusterUnreachable: UNREACHABLE_APP_CLUSTER,
      Pending: info("Wait: the API is being installed on this cluster"),
      ...REFUSED_CRD,
    },
    SchemaInSync: REFUSED_CRD,
    DeletionsSeen: {
      OrphansFound: warning(
        "If this cluster was restored or exchanged, bring the objects back; if they were deleted on purpose, annotate " +
          "this binding with klutch.anynines.com/orphans=delete",
      ),
    },
    ClaimsSupported: {
      ClaimRefused: warning(
        "Reject the claim in this binding: whoever could write such objects could take this cluster over",
      ),
      RequiredClaimRejected: warning("Accept the claim in this binding: the API does not work without it"),
      UnsupportedClaimFeature: warning(`${TALK_TO_PROVIDER} to do without it, or reject the claim in this binding`),
    },
    ClaimsInSync: {
      ClaimConflict: warning(
        "Rename or delete the object that stands in the way if nobody needs it; until then it is left alone, and it is " +
          "looked at again every minute",
      ),
      ClaimedKindNotServed: warning("Install the missing API, or reject the claim in this binding; it is tried again"),
      ClaimSyncFailed: warning("Mend what the message names; it is tried again"),
    },
    Unbound: {
      UnknownMode: error("Set the annotation to orphan, drain or force; until then the API stays bound"),
      UnbindFailed: warning("Mend what the message names; it is tried again"),
      ProviderUnreachable: warning(`Mend the connection to the provider, or ${FORCE}`),
      DeletionsPending: info(`Wait until the provider has deleted its objects, or ${FORCE}`),
      ObjectsRemain: info(
        "Wait until they are deleted, or annotate this binding with klutch.anynines.com/on-unbind=orphan to keep the rest",
      ),
    },
    Ready: {
      Pending: info("Wait: the konnector has not looked at this binding yet"),
    },
  },
  APIServiceExport: {
    ProviderInSync: {
      CustomResourceDefinitionUpdateFailed: error(
        "Correct the CustomResourceDefinition on the provider: it cannot be exported as it is",
      ),
      ...HELD_BACK_SCHEMA,
    },
    Connected: {
      APIServiceBindingNotFound: info("Bind the API on the app cluster, or ignore this"),
    },
    ConsumerInSync: {
      NA: info("Bind the API on the app cluster, or ignore this"),
      Unknown: info("Wait: the app cluster has not reported on the schema"),
      ...REFUSED_CRD,
    },
    Ready: {},
  },
  APIServiceExportRequest: {
    ExportsReady: {
      CRDNotFound: error("Check resource and group, or ask whoever runs the provider to install the API"),
      CRDInvalid: error("Ask whoever runs the provider to correct the CustomResourceDefinition"),
      NotOffered: error("Choose an API that the provider offers, or ask it for an APIServiceExportTemplate"),
      ClusterScopeNotAllowed: error(
        "Choose a namespaced API: this provider gives app clusters access to single namespaces only",
      ),
      ExportNotCreated: error("Ask whoever runs the provider: its backend could not create the APIServiceExport"),
    },
    Ready: {},
  },
  APIServiceExportTemplate: {
    Established: {
      CRDNotFound: error("Install the API, or correct group and resource"),
      CRDInvalid: error("Correct the CustomResourceDefinition, or the version in this template"),
      ClusterScopeNotAllowed: error("Run the backend with --consumer-scope Cluster, or do not offer the API"),
      AnotherTemplateCounts: warning("Delete one of the two: nobody can tell which one is meant"),
    },
    SchemaInSync: HELD_BACK_SCHEMA,
  },
  ClusterBinding: {
    SecretValid: {
      ProviderSecretNotFound: warning("Bind again: the provider's Secret with the kubeconfig is gone"),
      ProviderSecretInvalid: warning("Bind again: the provider's Secret holds no usable kubeconfig"),
      SecretNotCopied: warning("Mend what the message names, before the present kubeconfig ends; it is tried again"),
    },
    ValidVersion: {
      ParseError: warning("Run a released konnector: the version of this one cannot be read"),
    },
    Healthy: {
      FirstHeartbeatPending: info("Wait for the konnector's first report, or start it on the app cluster"),
      HeartbeatIntervalMissing: info("Wait for the konnector's next report: it did not say how often it reports"),
      HeartbeatTimeout: error("Check the konnector on the app cluster, and that it reaches this cluster"),
      HeartbeatTimeDrift: warning("Set the clocks of both clusters"),
      AppClusterVanished: error(
        "Bind again on the app cluster; if it is gone for good, annotate this ClusterBinding with " +
          "klutch.anynines.com/orphans=delete, which deletes its namespace with all its service data",
      ),
    },
    Ready: {},
  },
  AppClusterBinding: {
    SecretValid: {
      KubeconfigSecretNotFound: error("Create the Secret that `spec.kubeconfigSecretRef` names"),
      KubeconfigSecretInvalid: error("Put a working kubeconfig for the app cluster into the Secret"),
      KubeconfigSecretNotAllowed: error(
        "Use a Secret of this object's namespace, or have its owner annotate it with klutch.anynines.com/usable-from",
      ),
    },
    APIsBound: {
      NamespaceTaken: error("Delete or rename what stands in the way, or choose another name for this object"),
      NotOffered: error("Correct `spec.apiExports`, or create an APIServiceExportTemplate for the API"),
      ExportFailed: error("Mend what the message names; it is tried again within 10 minutes"),
      BindFailed: warning("Mend what the message names; it is tried again"),
      AppClusterUnreachable: UNREACHABLE_APP_CLUSTER,
      Pending: info("Wait, or look at the APIServiceBindings and the konnector's log if it lasts"),
    },
    KonnectorDeployed: {
      KonnectorDeploymentFailed: error("Mend what the message names; it is tried again"),
      KonnectorNotReady: warning("Wait, or look at the konnector's pods if it lasts"),
    },
    Released: {
      BindingsRemain: info(
        "Wait for the konnector to let them go; if the app cluster is gone for good, annotate this object with " +
          "klutch.anynines.com/on-unbind=force",
      ),
      KonnectorRemains: info("Wait for its pods to end"),
      GrantsRemain: info("Wait until they are deleted"),
      ServicesRemain: info("Wait until they are deleted with all they hold"),
      NamespaceRemains: info("Wait until it is deleted"),
    },
    Ready: {},
  },
} as const satisfies Record<string, Record<string, Record<string, Cause>>>;

type Reasons = typeof REASONS;
/** A kind that has conditions. */
export type ConditionedKind = keyof Reasons;
/** An aspect of the state of such a kind. */
export type ConditionType<Kind extends ConditionedKind> = keyof Reasons[Kind] & string;
/** Why it may not hold. */
export type Reason<Kind extends ConditionedKind, Type extends ConditionType<Kind>> = keyof Reasons[Kind][Type] & string;

/** The condition that says that an aspect is fine. */
export const holds = <Kind extends ConditionedKind>(_kind: Kind, type: ConditionType<Kind>): ConditionState =>
  conditionTrue(type);

/**
 * The condition that says that an aspect is not fine, with the severity of the reason, and its advice in the message.
 *
 * @param what happened, with names: `Secret klutch-bind/kubeconfig-x7k2p does not exist`; without a full stop
 */
export function fails<Kind extends ConditionedKind, Type extends ConditionType<Kind>>(
  kind: Kind,
  type: Type,
  reason: Reason<Kind, Type>,
  what: string,
): ConditionState {
  const { severity, advice } = causeOf(kind, type, reason)!;
  return conditionFalse(type, reason, severity, `${what}. ${advice}.`);
}

/** How bad it is that a condition does not hold; undefined for reasons that are not ours. */
export const severityOf = (kind: string, type: string, reason: string): Severity | undefined =>
  causeOf(kind, type, reason)?.severity;

/** What to do about a condition found on an object; undefined for reasons that are not ours. */
export const adviceOn = (kind: string, type: string, reason: string): string | undefined =>
  causeOf(kind, type, reason)?.advice;

function causeOf(kind: string, type: string, reason: string): Cause | undefined {
  const table: Record<string, Record<string, Record<string, Cause>>> = REASONS;
  return own(own(own(table, kind), type), reason);
}

const own = <T>(table: Record<string, T> | undefined, key: string): T | undefined =>
  table && Object.hasOwn(table, key) ? table[key] : undefined;
