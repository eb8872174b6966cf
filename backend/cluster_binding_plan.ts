import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { APP_CLUSTER_BINDING_NAME_LABEL, ORPHANS_ANNOTATION } from "../crds/names.ts";
import { fails, holds, type Reason } from "../crds/reasons.ts";
import type { ConditionState } from "../kube/conditions.ts";
import { parseGoDuration } from "../kube/duration.ts";
import { formatTime } from "../kube/time.ts";
import { annotationOf } from "../kube/types.ts";

/** Clocks of two clusters may differ by so much before anybody is told. */
const TOLERATED_SKEW_MS = 10_000;

export interface Health {
  condition: ConditionState;
  /** When time alone makes another answer true; absent when only a heartbeat does. */
  recheckAfterMs?: number;
}

/**
 * Whether the konnector of an app cluster is alive, judged by its last heartbeat and the interval it promised. What
 * counts is when the heartbeat came, as a clock that is wrong does not make a konnector less alive.
 *
 * @param credentialMs an app cluster that is silent for longer has no valid credential any more
 */
export function planHealth(binding: ClusterBinding, credentialMs: number, now: Date): Health {
  const { lastHeartbeatTime, heartbeatInterval } = binding.status ?? {};
  const arrivedAt = arrivalOf(binding);
  const seenAt = lastSeen(binding, now);
  const silentMs = now.getTime() - (seenAt?.getTime() ?? Date.parse(binding.metadata.creationTimestamp!));
  const since = seenAt ? `No heartbeat since ${formatTime(seenAt)}` : "No konnector has ever reported";
  if (silentMs > credentialMs) {
    return { condition: unhealthy("AppClusterVanished", `${since}, and the credential has expired meanwhile`) };
  }
  const untilVanishedMs = credentialMs - silentMs + 1;
  if (!seenAt) {
    return { condition: unhealthy("FirstHeartbeatPending", since), recheckAfterMs: untilVanishedMs };
  }
  const intervalMs = parseGoDuration(heartbeatInterval ?? "");
  if (!intervalMs || intervalMs <= 0) {
    return {
      condition: unhealthy("HeartbeatIntervalMissing", `The heartbeat of ${lastHeartbeatTime} has no interval`),
      recheckAfterMs: untilVanishedMs,
    };
  }
  const untilLateMs = 2 * intervalMs - silentMs + 1;
  if (untilLateMs <= 0) {
    const what = `${since}, promised every ${heartbeatInterval}`;
    return { condition: unhealthy("HeartbeatTimeout", what), recheckAfterMs: untilVanishedMs };
  }
  const skewMs = Date.parse(lastHeartbeatTime!) - seenAt.getTime();
  if (Math.abs(skewMs) <= TOLERATED_SKEW_MS) {
    return { condition: holds("ClusterBinding", "Healthy"), recheckAfterMs: untilLateMs };
  }
  const seconds = Math.round(Math.abs(skewMs) / TOLERATED_SKEW_MS) * TOLERATED_SKEW_MS / 1000;
  return {
    condition: unhealthy(
      "HeartbeatTimeDrift",
      `The konnector's clock is about ${seconds} s ${skewMs > 0 ? "ahead of" : "behind"} this cluster's`,
    ),
    recheckAfterMs: arrivedAt ? untilLateMs : skewMs - TOLERATED_SKEW_MS + 1,
  };
}

/**
 * Whether its contract is to end, with all data: somebody asks for that, and its app cluster has vanished. What an
 * AppClusterBinding made ends with that, and not before.
 */
export const isOver = (binding: ClusterBinding, credentialMs: number, now: Date): boolean =>
  annotationOf(binding, ORPHANS_ANNOTATION) === "delete" && !isFromControlPlane(binding) &&
  planHealth(binding, credentialMs, now).condition.reason === "AppClusterVanished";

/** Whether it was made for an AppClusterBinding: the Secret that it names holds the app cluster's kubeconfig. */
export const isFromControlPlane = ({ metadata }: ClusterBinding): boolean =>
  metadata.labels?.[APP_CLUSTER_BINDING_NAME_LABEL] !== undefined;

/** When a konnector gave its last sign of life, by this cluster's clock; undefined before the first. */
export function lastSeen(binding: ClusterBinding, now: Date): Date | undefined {
  const beatAt = Date.parse(binding.status?.lastHeartbeatTime ?? "");
  if (Number.isNaN(beatAt)) return undefined;
  return arrivalOf(binding) ?? new Date(Math.min(beatAt, now.getTime()));
}

/** When the API server took the last heartbeat, which it notes by its own clock. */
function arrivalOf({ metadata: { managedFields = [] } }: ClusterBinding): Date | undefined {
  const times = managedFields.filter(({ fieldsV1 }) => isField(fieldsV1?.["f:status"], "f:lastHeartbeatTime"))
    .map(({ time }) => Date.parse(time ?? ""));
  const latest = Math.max(...times);
  return Number.isFinite(latest) ? new Date(latest) : undefined;
}

const isField = (fields: unknown, name: string): boolean =>
  typeof fields === "object" && fields !== null && name in fields;

const unhealthy = (reason: Reason<"ClusterBinding", "Healthy">, what: string): ConditionState =>
  fails("ClusterBinding", "Healthy", reason, what);
