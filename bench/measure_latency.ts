import { systemClock } from "../kube/clock.ts";
import { numbered } from "./bench_api.ts";
import type { Figure, Figures } from "./figures.ts";
import { copyStatus, create, hasPhase, pair, writeStatus } from "./objects.ts";
import type { Stage } from "./stage.ts";
import { percentile } from "./statistics.ts";
import type { Stopwatch } from "./stopwatch.ts";

/** These come first and do not count. */
const WARM_UP = 5;

/**
 * One object after another, with pauses: the time from a user's request for a new object, or an operator's for a new
 * status, until it is seen on the other side. The user's own request is part of it. Before that, the same with a plain
 * client in the konnector's place, which does the writes as soon as its watch shows what there is to write.
 */
export async function measureLatency(stage: Stage): Promise<Figures> {
  const { consumer, provider, options } = stage;
  await using atConsumer = await stage.watch(consumer);
  await using atProvider = await stage.watch(provider);
  const watches = { consumer: atConsumer, provider: atProvider };
  const floors = await sample(stage, watches, numbered("floor", Math.ceil(options.samples / 4)), {
    up: (name, signal) => pair(stage, name, signal),
    down: (name, signal) => copyStatus(stage, name, "Running", signal),
  });
  await stage.wipe();

  await using konnector = await stage.launchAndRest();
  const { ups, downs } = await sample(stage, watches, numbered("idle", options.samples));
  await konnector.stop();
  await stage.wipe();
  const figure = (values: number[], percent: number): Figure => ({ value: percentile(values, percent) });
  return {
    "ceiling.upP50": figure(floors.ups, 50),
    "ceiling.downP50": figure(floors.downs, 50),
    "latency.upP50": figure(ups, 50),
    "latency.upP99": figure(ups, 99),
    "latency.downP50": figure(downs, 50),
    "latency.downP99": figure(downs, 99),
  };
}

type Writes = (name: string, signal: AbortSignal) => Promise<unknown>;

async function sample(
  stage: Stage,
  watches: Record<"consumer" | "provider", Stopwatch>,
  names: string[],
  plain?: { up: Writes; down: Writes },
): Promise<{ ups: number[]; downs: number[] }> {
  const { consumer, provider, signal } = stage;
  const [ups, downs]: [number[], number[]] = [[], []];
  for (const [index, name] of [...numbered("warm", WARM_UP), ...names].entries()) {
    const [up, down] = [
      await timeOne(stage, name, {
        from: watches.consumer,
        to: watches.provider,
        action: () => create(consumer, name, signal),
        plain: plain?.up,
      }),
      await timeOne(stage, name, {
        from: watches.provider,
        to: watches.consumer,
        action: () => writeStatus(provider, name, "Running", signal),
        plain: plain?.down,
        matches: hasPhase("Running"),
      }),
    ];
    if (index < WARM_UP) continue;
    ups.push(up);
    downs.push(down);
  }
  return { ups, downs };
}

interface Hop {
  from: Stopwatch;
  to: Stopwatch;
  action: () => Promise<unknown>;
  /** What somebody has to do who takes the konnector's place. */
  plain?: Writes;
  matches?: ReturnType<typeof hasPhase>;
}

/** @returns milliseconds; as many as the bench has patience when the konnector has less */
async function timeOne(stage: Stage, name: string, { from, to, action, plain, matches }: Hop): Promise<number> {
  const { patienceMs, signal } = stage;
  // Not in step with anything that a konnector does by the clock.
  await systemClock.sleep(stage.options.gapMs * (0.5 + Math.random()), signal);
  const [departure, arrival] = [from.expect([name], matches), to.expect([name], matches)];
  const startMs = performance.now();
  const passOn = async () => {
    if (plain && await departure.wait(patienceMs, signal)) await plain(name, signal);
  };
  const [hasArrived] = await Promise.all([arrival.wait(patienceMs, signal), action(), passOn()]);
  return hasArrived ? arrival.seenAtMs.get(name)! - startMs : patienceMs;
}
