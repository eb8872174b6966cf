import { KLUTCH_NAMESPACE, KONNECTOR, KONNECTOR_LEASE, LEASE_FALLBACK_NAMESPACE } from "../../crds/names.ts";
import type { KubeClient } from "../../kube/client.ts";
import { type Clock, systemClock } from "../../kube/clock.ts";
import { isForbidden } from "../../kube/errors.ts";
import type { Lease } from "../../kube/lease_record.ts";
import { DEPLOYMENTS, LEASES } from "../../kube/resources.ts";
import { formatKey, keyOf, type KubeObject } from "../../kube/types.ts";
import { formatAge } from "../duration.ts";
import { type Finding, passed, stopped } from "./finding.ts";
import { readable } from "./readable.ts";
import { isSkewed } from "./skew.ts";

/** The konnector as its Deployment describes it; it may as well run elsewhere. */
export interface Deployment extends KubeObject {
  spec: {
    replicas?: number;
    template: { spec: { serviceAccountName?: string; containers: { name: string; image?: string }[] } };
  };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    /** Those of the current template. */
    updatedReplicas?: number;
    readyReplicas?: number;
  };
}

/** What is known of the konnector of one cluster. */
export interface KonnectorView {
  lease?: Lease;
  deployment?: Deployment;
  isAlive: boolean;
  finding: Finding;
}

/** Replicas renew their Lease every two seconds. */
const RENEWAL_SEEN_MS = 3_000;
const LOOK_EVERY_MS = 500;
/**
 * Looks for a sign of life in the Lease. A renewal that seems overdue may as well be a clock that is wrong, so then the
 * next one is waited for.
 *
 * @param now by the API server's clock
 */
export async function lookForKonnector(
  appCluster: KubeClient,
  now: Date,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<KonnectorView> {
  const [lease, deployment] = await Promise.all([
    findLease(appCluster, signal),
    readable(appCluster.api<Deployment>(DEPLOYMENTS).find({ namespace: KLUTCH_NAMESPACE, name: KONNECTOR }, signal)),
  ]);
  if (!lease) return { deployment, isAlive: false, finding: missing(deployment) };
  const { holderIdentity: holder, renewTime, leaseDurationSeconds } = lease.spec ?? {};
  const where = `Lease "${formatKey(keyOf(lease))}"`;
  if (!holder || !renewTime) {
    const what = `Nobody holds ${where}: the last konnector ended in good order`;
    return { lease, deployment, isAlive: false, finding: stopped("Konnector", "KonnectorStopped", what) };
  }
  const age = now.getTime() - Date.parse(renewTime);
  const isCurrent = age < (leaseDurationSeconds ?? 15) * 1000;
  if (!isCurrent && !await isRenewed(appCluster, lease, clock, signal)) {
    const what = `"${holder}" has not renewed ${where} for ${formatAge(age)}`;
    return { lease, deployment, isAlive: false, finding: stopped("Konnector", "KonnectorStopped", what) };
  }
  const finding = isSkewed(age)
    ? stopped("Konnector", "KonnectorClockSkewed", `The clock of "${holder}" is ${formatAge(Math.abs(age))} off`)
    : passed("Konnector", `"${holder}" holds ${where}`);
  return { lease, deployment, isAlive: true, finding };
}

/** The Lease of our namespace, of the fallback, or wherever one of that name was renewed last. */
async function findLease(appCluster: KubeClient, signal: AbortSignal): Promise<Lease | undefined> {
  const api = appCluster.api<Lease>(LEASES);
  let leases: (Lease | undefined)[];
  try {
    leases = (await api.list({ fieldSelector: `metadata.name=${KONNECTOR_LEASE}` }, signal)).items;
  } catch (error) {
    if (!isForbidden(error)) throw error;
    leases = await Promise.all(
      [KLUTCH_NAMESPACE, LEASE_FALLBACK_NAMESPACE].map((namespace) =>
        readable(api.find({ namespace, name: KONNECTOR_LEASE }, signal))
      ),
    );
  }
  const renewedAt = ({ spec }: Lease) => Date.parse(spec?.renewTime ?? "") || 0;
  return leases.filter((lease) => lease !== undefined).toSorted((a, b) => renewedAt(b) - renewedAt(a))[0];
}

function missing(deployment: Deployment | undefined): Finding {
  const what = deployment
    ? `Deployment "${KLUTCH_NAMESPACE}/${KONNECTOR}" has ${deployment.status?.readyReplicas ?? 0} ready replicas, ` +
      `and none has ever taken its Lease`
    : `No konnector has ever run for this cluster: there is no Lease "${KONNECTOR_LEASE}"`;
  return stopped("Konnector", deployment ? "KonnectorStopped" : "KonnectorNotFound", what);
}

async function isRenewed(appCluster: KubeClient, lease: Lease, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const api = appCluster.api<Lease>(LEASES);
  const giveUpAt = clock.monotonicMs() + RENEWAL_SEEN_MS;
  while (clock.monotonicMs() < giveUpAt) {
    await clock.sleep(LOOK_EVERY_MS, signal);
    const next = await api.find(keyOf(lease), signal);
    if (next?.spec?.renewTime !== lease.spec?.renewTime) return Boolean(next?.spec?.holderIdentity);
  }
  return false;
}
