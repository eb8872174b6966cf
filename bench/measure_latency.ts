import { systemClock } from "../kube/clock.ts";
import { numbered } from "./bench_api.ts";
import type { Figure, Figures } from "./figures.ts";
import { create, hasPhase, writeStatus } from "./objects.ts";
import type { Stage } from "./stage.ts";
import { percentile } from "./statistics.ts";
import type { Stopwatch } from "./stopwatch.ts";

/** These come first and do not count. */
const WARM_UP = 5;

/**
 * One object after another, with pauses: the time from a user's request for a new object, or an operator's for a new
 * status, until it is seen on the other side. The user's own request is part of it.
 */
export async function measureLatency(stage: Stage): Promise<Figures> {
  const { consumer, provider, options } = stage;
  await using konnector = await stage.launchAndRest();
  await using atProvider = await stage.watch(provider);
  await using atConsumer = await stage.watch(consumer);
  const [ups, downs]: [number[], number[]] = [[], []];
  for (const [index, name] of numbered("idle", WARM_UP + options.samples).entries()) {
    const up = await timeOne(stage, atProvider, name, (signal) => create(consumer, name, signal));
    const write = (signal: AbortSignal) => writeStatus(provider, name, "Running", signal);
    const down = await timeOne(stage, atConsumer, name, write, hasPhase("Running"));
    if (index < WARM_UP) continue;
    ups.push(up);
    downs.push(down);
  }
  await konnector.stop();
  await stage.wipe();
  const figure = (values: number[], percent: number): Figure => ({ value: percentile(values, percent) });
  return {
    "latency.upP50": figure(ups, 50),
    "latency.upP99": figure(ups, 99),
    "latency.downP50": figure(downs, 50),
    "latency.downP99": figure(downs, 99),
  };
}

/** @returns milliseconds; as many as the bench has patience when the konnector has less */
async function timeOne(
  stage: Stage,
  stopwatch: Stopwatch,
  name: string,
  action: (signal: AbortSignal) => Promise<unknown>,
  matches?: ReturnType<typeof hasPhase>,
): Promise<number> {
  // Not in step with anything that a konnector does by the clock.
  await systemClock.sleep(stage.options.gapMs * (0.5 + Math.random()), stage.signal);
  const arrivals = stopwatch.expect([name], matches);
  const startMs = performance.now();
  await action(stage.signal);
  if (!await arrivals.wait(stage.patienceMs, stage.signal)) return stage.patienceMs;
  return arrivals.seenAtMs.get(name)! - startMs;
}
