import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { fails, holds, type Reason } from "../crds/reasons.ts";
import type { ConditionState } from "../kube/conditions.ts";

/** Clocks of two clusters may differ by so much before anybody is told. */
const TOLERATED_SKEW_MS = 10_000;

export interface Health {
  condition: ConditionState;
  /** When time alone makes another answer true; absent when only a heartbeat does. */
  recheckAfterMs?: number;
}

/** Whether the konnector of an app cluster is alive, judged by its last heartbeat and the interval it promised. */
export function planHealth({ status }: ClusterBinding, now: Date): Health {
  const { lastHeartbeatTime, heartbeatInterval } = status ?? {};
  const beatAt = Date.parse(lastHeartbeatTime ?? "");
  if (Number.isNaN(beatAt)) return { condition: unhealthy("FirstHeartbeatPending", "No konnector has reported yet") };
  const intervalMs = parseGoDuration(heartbeatInterval ?? "");
  if (!intervalMs || intervalMs <= 0) {
    return {
      condition: unhealthy("HeartbeatIntervalMissing", `The heartbeat of ${lastHeartbeatTime} has no interval`),
    };
  }
  const ageMs = now.getTime() - beatAt;
  const limitMs = 2 * intervalMs;
  if (ageMs > limitMs) {
    const what = `No heartbeat since ${lastHeartbeatTime}, promised every ${heartbeatInterval}`;
    return { condition: unhealthy("HeartbeatTimeout", what) };
  }
  if (ageMs < -TOLERATED_SKEW_MS) {
    return {
      condition: unhealthy("HeartbeatTimeDrift", `The last heartbeat, ${lastHeartbeatTime}, lies in the future`),
      recheckAfterMs: -TOLERATED_SKEW_MS - ageMs + 1,
    };
  }
  return { condition: holds("ClusterBinding", "Healthy"), recheckAfterMs: limitMs - ageMs + 1 };
}

const unhealthy = (reason: Reason<"ClusterBinding", "Healthy">, what: string): ConditionState =>
  fails("ClusterBinding", "Healthy", reason, what);

const UNIT_MS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  "µs": 1e-3,
  "μs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Milliseconds of a duration as Go prints it, e.g. `5m0s` or `1.5h`.
 *
 * @returns undefined for text that is no duration
 * @see https://pkg.go.dev/time#ParseDuration
 */
export function parseGoDuration(text: string): number | undefined {
  const [, sign, parts] = /^([-+]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text) ?? [];
  if (parts === undefined) return text === "0" ? 0 : undefined;
  let totalMs = 0;
  for (const [, number, unit] of parts.matchAll(/([\d.]+)([^\d.]+)/g)) totalMs += Number(number) * UNIT_MS[unit!]!;
  return sign === "-" ? -totalMs : totalMs;
}
