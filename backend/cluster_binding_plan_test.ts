import { deepEqual, equal, match } from "node:assert/strict";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { planHealth } from "./cluster_binding_plan.ts";
import { clusterBinding, CREATED } from "./test_objects.ts";

const NOW = new Date(CREATED);
const HOUR_MS = 3_600_000;
const agoText = (seconds: number) => new Date(NOW.getTime() - seconds * 1000).toISOString().replace(".000", "");
const beat = (secondsAgo: number, heartbeatInterval?: string) =>
  clusterBinding("cluster-a", { lastHeartbeatTime: agoText(secondsAgo), heartbeatInterval });

/** The API server noted when the heartbeat came. */
const arrived = (secondsAgo: number, binding: ClusterBinding): ClusterBinding => ({
  ...binding,
  metadata: {
    ...binding.metadata,
    managedFields: [
      { manager: "konnector", time: agoText(secondsAgo), fieldsV1: { "f:status": { "f:lastHeartbeatTime": {} } } },
      { manager: "backend", time: agoText(0), fieldsV1: { "f:status": { "f:conditions": {} } } },
    ],
  },
});
const created = (secondsAgo: number, binding: ClusterBinding): ClusterBinding => ({
  ...binding,
  metadata: { ...binding.metadata, creationTimestamp: agoText(secondsAgo) },
});

type Want = [answer: string, recheckAfterMs: number | undefined];
const cases: [name: string, binding: ClusterBinding, want: Want][] = [
  ["waits for the first heartbeat", clusterBinding("a"), ["FirstHeartbeatPending Info", HOUR_MS + 1]],
  ["wants to know the interval", beat(1), ["HeartbeatIntervalMissing Info", HOUR_MS - 999]],
  ["takes an interval of zero for none", beat(1, "0s"), ["HeartbeatIntervalMissing Info", HOUR_MS - 999]],
  ["takes garbage for no interval", beat(1, "often"), ["HeartbeatIntervalMissing Info", HOUR_MS - 999]],
  ["is content with a fresh heartbeat", beat(0, "5m0s"), ["True", 600_001]],
  ["is content until twice the interval has passed, and looks again then", beat(599, "5m0s"), ["True", 1001]],
  ["is content at exactly twice the interval", beat(600, "5m0s"), ["True", 1]],
  ["notices silence", beat(601, "5m0s"), ["HeartbeatTimeout Error", HOUR_MS - 600_999]],
  ["tolerates a clock that is slightly ahead", beat(-10, "5m0s"), ["True", 600_001]],
  ["reports a heartbeat from the future until it has come", beat(-11, "5m0s"), ["HeartbeatTimeDrift Warning", 1001]],
  ["tolerates a heartbeat that took its time", arrived(60, beat(70, "5m0s")), ["True", 540_001]],
  ["tells a clock that is ahead from health", arrived(60, beat(-3600, "5m0s")), [
    "HeartbeatTimeDrift Warning",
    540_001,
  ]],
  ["tells a clock that is behind from silence", arrived(0, beat(900, "5m0s")), ["HeartbeatTimeDrift Warning", 600_001]],
  [
    "notices silence whatever the konnector's clock says",
    arrived(601, beat(-3600, "5m0s")),
    ["HeartbeatTimeout Error", HOUR_MS - 600_999],
  ],
  ["gives up an app cluster whose credential has expired", beat(3601, "5m0s"), ["AppClusterVanished Error", undefined]],
  [
    "gives up an app cluster that promised to report once a year",
    beat(3601, "8760h"),
    ["AppClusterVanished Error", undefined],
  ],
  [
    "gives up an app cluster that never reported",
    created(3601, clusterBinding("a")),
    ["AppClusterVanished Error", undefined],
  ],
];
for (const [name, binding, [answer, recheckAfterMs]] of cases) {
  Deno.test(`planHealth() ${name}`, () => {
    const { condition, ...rest } = planHealth(binding, HOUR_MS, NOW);
    const { status, reason, severity } = condition;
    equal(condition.type, "Healthy");
    equal(status === "True" ? "True" : `${reason} ${severity}`, answer);
    deepEqual(rest.recheckAfterMs, recheckAfterMs);
  });
}

Deno.test("planHealth() comes to another answer when it is called again as it asks for", () => {
  for (const [name, binding, [answer, recheckAfterMs]] of cases) {
    if (recheckAfterMs === undefined) continue;
    let at = new Date(NOW.getTime() + recheckAfterMs);
    const next = planHealth(binding, HOUR_MS, at);
    if (next.recheckAfterMs) at = new Date(at.getTime() + next.recheckAfterMs);
    const { status, reason } = planHealth(binding, HOUR_MS, at).condition;
    equal(answer.startsWith(status === "True" ? "True" : reason!), false, name);
  }
});

Deno.test("planHealth() says which way the konnector's clock is wrong", () => {
  const messageOf = (binding: ClusterBinding) => planHealth(binding, HOUR_MS, NOW).condition.message!;
  match(messageOf(arrived(0, beat(900, "5m0s"))), /about 900 s behind/);
  match(messageOf(arrived(0, beat(-120, "5m0s"))), /about 120 s ahead of/);
});
