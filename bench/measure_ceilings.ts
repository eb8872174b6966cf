import { numbered } from "./bench_api.ts";
import type { Figures } from "./figures.ts";
import { copyStatus, create, hasStatus, pair, writeStatus } from "./objects.ts";
import { countersSince } from "./request_counts.ts";
import type { Stage } from "./stage.ts";
import { rateSince } from "./statistics.ts";

const WARM_UP = 200;

/** What a plain client reaches that knows beforehand what there is to write; no konnector runs. */
export async function measureCeilings(stage: Stage): Promise<Figures> {
  const { consumer, provider, options, signal } = stage;
  const withCreate = async (name: string, signal: AbortSignal) => {
    await create(consumer, name, signal);
    await pair(stage, name, signal);
  };
  await stage.each(numbered("warm", Math.min(WARM_UP, options.objects)), withCreate);

  const before = await stage.counters();
  const whole = numbered("whole", options.objects);
  const pairWithCreate = await untilSeen(stage, provider, whole, () => stage.each(whole, withCreate));
  const { cpuSeconds } = countersSince(before, await stage.counters());

  const half = numbered("half", options.objects);
  await stage.each(half, (name, signal) => create(consumer, name, signal));
  const pairOnly = await untilSeen(stage, provider, half, () => {
    return stage.each(half, (name, signal) => pair(stage, name, signal));
  });

  const statusPair = await untilSeen(stage, consumer, half, () =>
    stage.each(half, async (name, signal) => {
      await writeStatus(provider, name, signal);
      await copyStatus(stage, name, signal);
    }), hasStatus);
  await stage.wipe();
  signal.throwIfAborted();
  return {
    "ceiling.pairWithCreate": { value: pairWithCreate },
    "ceiling.pair": { value: pairOnly },
    "ceiling.statusPair": { value: statusPair },
    "ceiling.serverCpuMs": { value: cpuSeconds * 1000 / options.objects },
  };
}

/** @returns how many per second, from the beginning of `work` until the stop-watch has seen all */
async function untilSeen(
  stage: Stage,
  side: Stage["consumer"],
  names: readonly string[],
  work: () => Promise<void>,
  matches?: Parameters<Awaited<ReturnType<Stage["watch"]>>["expect"]>[1],
): Promise<number> {
  await using stopwatch = await stage.watch(side);
  const arrivals = stopwatch.expect(names, matches);
  const startMs = performance.now();
  await work();
  await arrivals.wait(stage.patienceMs, stage.signal);
  return rateSince(startMs, arrivals.seenAtMs.values()) ?? 0;
}
