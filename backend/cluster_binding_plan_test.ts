import assert, { deepEqual, equal } from "node:assert/strict";
import { clusterBinding } from "./test_objects.ts";
import { parseGoDuration, planHealth } from "./cluster_binding_plan.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
const beat = (secondsAgo: number, heartbeatInterval?: string) =>
  clusterBinding("cluster-a", {
    lastHeartbeatTime: new Date(NOW.getTime() - secondsAgo * 1000).toISOString().replace(".000", ""),
    heartbeatInterval,
  });

type Want = [answer: string, recheckAfterMs: number | undefined];
const cases: [name: string, binding: ReturnType<typeof beat>, want: Want][] = [
  ["waits for the first heartbeat, without a timer", clusterBinding("a"), ["FirstHeartbeatPending Info", undefined]],
  ["wants to know the interval", beat(1), ["HeartbeatIntervalMissing Info", undefined]],
  ["takes an interval of zero for none", beat(1, "0s"), ["HeartbeatIntervalMissing Info", undefined]],
  ["takes garbage for no interval", beat(1, "often"), ["HeartbeatIntervalMissing Info", undefined]],
  ["is content with a fresh heartbeat", beat(0, "5m0s"), ["True", 600_001]],
  ["is content until twice the interval has passed, and looks again then", beat(599, "5m0s"), ["True", 1001]],
  ["is content at exactly twice the interval", beat(600, "5m0s"), ["True", 1]],
  ["notices silence", beat(601, "5m0s"), ["HeartbeatTimeout Error", undefined]],
  ["tolerates a clock that is slightly ahead", beat(-10, "5m0s"), ["True", 610_001]],
  ["reports a heartbeat from the future until it has come", beat(-11, "5m0s"), ["HeartbeatTimeDrift Warning", 1001]],
];
for (const [name, binding, [answer, recheckAfterMs]] of cases) {
  Deno.test(`planHealth() ${name}`, () => {
    const { condition, ...rest } = planHealth(binding, NOW);
    const { status, reason, severity } = condition;
    equal(condition.type, "Healthy");
    equal(status === "True" ? "True" : `${reason} ${severity}`, answer);
    deepEqual(rest.recheckAfterMs, recheckAfterMs);
  });
}

Deno.test("planHealth() finds health at the moment it asked to be called again after a drift", () => {
  const binding = beat(-60, "5m0s");
  const { recheckAfterMs } = planHealth(binding, NOW);
  equal(planHealth(binding, new Date(NOW.getTime() + recheckAfterMs!)).condition.status, "True");
});

Deno.test("parseGoDuration() reads what Go prints, and nothing else", () => {
  const readings: [string, number | undefined][] = [
    ["5m0s", 300_000],
    ["2m30s", 150_000],
    ["1h2m3.5s", 3_723_500],
    ["1.5h", 5_400_000],
    ["100ms", 100],
    ["-1s", -1000],
    ["0", 0],
    ["", undefined],
    ["5", undefined],
    ["5 m", undefined],
    ["m", undefined],
    ["1.2.3s", undefined],
  ];
  for (const [text, wantMs] of readings) equal(parseGoDuration(text), wantMs, text);
  assert(Math.abs(parseGoDuration("1µs")! - 0.001) < 1e-9);
});
