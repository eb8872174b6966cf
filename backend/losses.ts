import type { Informer } from "../kube/informer.ts";
import type { Namespace, Secret } from "../kube/resources.ts";
import { isDeleting } from "../kube/types.ts";
import { type Audit, whoseOf } from "./audit.ts";
import { identityOf } from "./identity.ts";

export interface LossesDeps {
  namespaces: Informer<Namespace>;
  credentials: Informer<Secret, HeldCredential>;
  audit: Audit;
}

/** What is kept of a Secret with an app cluster's credential: not the credential. */
export interface HeldCredential {
  uid: string;
}

export const toHeldCredential = ({ metadata: { uid } }: Secret): HeldCredential => ({ uid: uid! });

/** Records what logged-in people's app clusters lose because somebody deletes it, until the signal fires. */
export function auditLosses({ namespaces, credentials, audit }: LossesDeps, signal: AbortSignal): void {
  credentials.subscribe(({ key, before, after }) => {
    const whose = whoseOf(namespaces.store, key.namespace!);
    if (before && before.uid !== after?.uid && whose.identity) {
      audit("credential taken back: its Secret is deleted", whose);
    }
  }, signal);
  namespaces.subscribe(({ key: { name: namespace }, before, after }) => {
    const identity = identityOf(before);
    if (!before || !identity || isDeleting(before)) return;
    const goesOn = after && after.metadata.uid === before.metadata.uid && !isDeleting(after);
    if (!goesOn) audit("contract ended: its namespace is deleted", { namespace, identity });
  }, signal);
}
