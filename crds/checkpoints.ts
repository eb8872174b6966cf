import { BIND_AGAIN, type Cause, error, info, TALK_TO_PROVIDER, warning } from "./reasons.ts";

/**
 * Where an object on its way from cluster to cluster can be stopped, beside what conditions tell: checkpoint by
 * checkpoint, with every reason and what to do about it. Read by scripts as reasons of conditions are, so none may be
 * renamed.
 */
const CHECKPOINTS = {
  Bound: {
    KindNotServed: error(
      "Check the kind; `kubectl klutch status` lists what is bound, `kubectl klutch bind` binds more",
    ),
    KindNotBound: error("Ask those who serve the kind on this cluster: Klutch has nothing to do with it"),
  },
  Cluster: {
    VersionTooOld: error("Upgrade the cluster: rules in CRDs need Kubernetes 1.25"),
    LocalClockSkewed: warning("Set the clock of this machine: logins and certificates rest on it"),
    OwnRightsMissing: warning("Ask an administrator of this cluster for them, or to run the command"),
    BindingsNotServed: info(
      "Nothing to do: the konnector installs the CRD when it starts; `kubectl klutch bind` sees to it",
    ),
  },
  Konnector: {
    ReplicasMissing: warning("See why its pods do not run: `kubectl -n klutch-bind describe pods -l app=konnector`"),
    KonnectorNotFound: error("Install it: `kubectl klutch konnector install`"),
    KonnectorStopped: error(
      "Start it again, after a look at its log: `kubectl -n klutch-bind logs deployment/konnector`",
    ),
    KonnectorClockSkewed: warning("Set the clocks: leases and heartbeats rest on them"),
  },
  Provider: {
    SecretNotReadable: info("Ask somebody who may read Secrets of this namespace: the provider stays unknown to you"),
    CredentialsRejected: error(`${BIND_AGAIN}: the provider does not accept the stored credentials any more`),
    AccessRefused: error(`${TALK_TO_PROVIDER}: the stored credentials have lost their rights there`),
    ProviderClockSkewed: warning("Set the clocks of both clusters: heartbeats rest on them"),
  },
  Schema: {
    SchemaDiffers: info("Wait: the konnector brings it up to date, or a condition of the binding says why it cannot"),
    DefinitionNotFound: error("Wait for the konnector to install it, and look at the conditions of the binding"),
  },
  Rights: {
    ConsumerRightsMissing: error("Give them to the konnector: `kubectl klutch konnector upgrade`"),
    ProviderRightsMissing: error(`${TALK_TO_PROVIDER}: its backend grants them in the contract namespace`),
  },
  Object: {
    ObjectNotFound: error("Check name and namespace (`-n`)"),
  },
  Namespace: {
    NamespacePending: info(`Wait: the konnector asks for it, and the provider's backend answers; else ${
      lower(
        TALK_TO_PROVIDER,
      )
    }`),
    NamespaceNameTooLong: error(
      "If it stays so, create the object in a namespace with a shorter name: not every backend shortens names",
    ),
    NamespaceTerminating: error("Wait until the namespace is gone, then create it and the object again"),
  },
  Spec: {
    SpecPending: info("Wait: the konnector is about to write it; its log tells if it does not come to that"),
    SpecRefused: error("Correct the object as the message says, or ask whoever runs the provider; it is tried again"),
    NameTaken: error("Choose another name: an object of somebody else has it on the provider"),
    NameTooLong: error("Choose a shorter name"),
    NestedTooDeeply: error("Put fewer lists and objects inside each other"),
    SpecOverridden: warning(
      `Set what it is set to there, or ${lower(TALK_TO_PROVIDER)} to leave it alone; it is written less and less often`,
    ),
    CopyMissing: info("Wait: the konnector is about to make it"),
    DeletedOnProvider: warning(`${TALK_TO_PROVIDER}: the object is being deleted there; it is made again afterwards`),
  },
  Operator: {
    OperatorSilent: info(`Wait for the provider's operator to report; else ${lower(TALK_TO_PROVIDER)}`),
    OperatorFailed: warning(`${TALK_TO_PROVIDER}: its operator reports a failure`),
    OperatorAtWork: info("Wait: the provider's operator is not done"),
  },
  Status: {
    StatusPending: info("Wait: the konnector is about to copy it; its log tells if it does not come to that"),
    StatusRefused: error(`${TALK_TO_PROVIDER} to correct the schema: this cluster refuses the status`),
  },
  Deletion: {
    ProviderDeleting: info("Wait: the provider deletes the service; then the object here goes"),
    DeletionRefused: error(`${TALK_TO_PROVIDER}: it does not let the object go; it is tried again`),
    ReleasePending: info("Wait: the konnector is about to let the object go"),
    HeldByOthers: warning("Ask whoever put these finalizers there: Klutch has let the object go"),
  },
  Claims: {
    ClaimRejected: warning("Accept the claim in this binding, if its objects are to cross"),
    ClaimAnswerMissing: warning("Add the claim with `state: Accepted` or `Rejected` to the binding, or bind again"),
    CopyPending: info("Wait: the konnector is about to copy it"),
  },
} as const satisfies Record<string, Record<string, Cause>>;

function lower(sentence: string): string {
  return sentence[0]!.toLowerCase() + sentence.slice(1);
}

/** A place where an object can be stopped. */
export type Checkpoint = keyof typeof CHECKPOINTS;
/** Why it is stopped there. */
export type Obstacle<C extends Checkpoint> = keyof (typeof CHECKPOINTS)[C] & string;

/** How bad an obstacle is, and what to do about it. */
export const obstacle = <C extends Checkpoint>(checkpoint: C, reason: Obstacle<C>): Cause =>
  (CHECKPOINTS as Record<string, Record<string, Cause>>)[checkpoint]![reason]!;
