import { numbered } from "./bench_api.ts";
import type { Figure, Figures } from "./figures.ts";
import type { KonnectorProcess } from "./konnector_process.ts";
import { create, hasStatus, pair, writeStatus } from "./objects.ts";
import { countersSince } from "./request_counts.ts";
import type { Side } from "./sides.ts";
import type { Stage } from "./stage.ts";
import { rateBetween, rateSince } from "./statistics.ts";
import type { Arrivals } from "./stopwatch.ts";

/** A konnector under load is rarely one that has just started: a tenth of the work comes before. */
const warmUpOf = ({ options }: Stage) => numbered("warm", Math.ceil(options.objects / 10));

/** Many creates at once, as fast as the consumer takes them. */
export async function measureBurst(stage: Stage): Promise<Figures> {
  const { consumer, provider, options } = stage;
  await using konnector = await stage.launchAndRest();
  const work = (name: string, signal: AbortSignal) => create(consumer, name, signal);
  await runLoad(stage, konnector, { names: warmUpOf(stage), seenOn: provider, work });
  const names = numbered("burst", options.objects);
  const { rate, cpuMs, serverCpuMs } = await runLoad(stage, konnector, { names, seenOn: provider, work });
  await konnector.stop();
  await stage.wipe();
  return { "burst.rate": rate, "burst.cpuMs": cpuMs, "burst.serverCpuMs": serverCpuMs };
}

/** Many new statuses at once, on pairs that the bench has made, so that the konnector has nothing else to do. */
export async function measureStatusBurst(stage: Stage): Promise<Figures> {
  const { consumer, provider, options } = stage;
  const [warm, names] = [warmUpOf(stage), numbered("status", options.objects)];
  await stage.each([...warm, ...names], async (name, signal) => {
    await create(consumer, name, signal);
    await pair(stage, name, signal);
  });
  await using konnector = await stage.launchAndRest();
  const work = (name: string, signal: AbortSignal) => writeStatus(provider, name, signal);
  await runLoad(stage, konnector, { names: warm, seenOn: consumer, matches: hasStatus, work });
  const { rate, cpuMs } = await runLoad(stage, konnector, { names, seenOn: consumer, matches: hasStatus, work });
  await konnector.stop();
  await stage.wipe();
  return { "status.rate": rate, "status.cpuMs": cpuMs };
}

/** Many objects made while the konnector was down. */
export async function measureBacklog(stage: Stage): Promise<Figures> {
  const { consumer, provider, options, signal } = stage;
  const names = numbered("backlog", options.objects);
  await stage.each(names, (name, signal) => create(consumer, name, signal));
  await using up = await stage.watch(provider);
  const arrivals = up.expect(names);
  await using konnector = await stage.launch();
  await arrivals.wait(stage.patienceMs, signal);
  const note = noteOn(arrivals, names, stage);
  const lastMs = Math.max(...arrivals.seenAtMs.values());
  await konnector.stop();
  await stage.wipe();
  return {
    "backlog.rate": { value: rateBetween(arrivals.seenAtMs.values()) ?? 0, ...note },
    "backlog.seconds": arrivals.isComplete
      ? { value: (lastMs - konnector.startedAtMs) / 1000 }
      : { value: options.patienceSeconds, beyond: true, ...note },
  };
}

interface Load {
  names: readonly string[];
  work: (name: string, signal: AbortSignal) => Promise<unknown>;
  seenOn: Side;
  matches?: typeof hasStatus;
}

async function runLoad(stage: Stage, konnector: KonnectorProcess, { names, work, seenOn, matches }: Load) {
  await using stopwatch = await stage.watch(seenOn);
  const arrivals = stopwatch.expect(names, matches);
  const [countersBefore, before] = [await stage.counters(), await konnector.usage()];
  const startMs = performance.now();
  await stage.each(names, work);
  await arrivals.wait(stage.patienceMs, stage.signal);
  if (arrivals.isComplete) await stage.untilQuiet(konnector); // echoes of its own writes are work too
  const after = await konnector.usage();
  const counters = countersSince(countersBefore, await stage.counters());
  const note = noteOn(arrivals, names, stage);
  const perObject = (seconds: number): Figure => ({ value: seconds * 1000 / Math.max(1, arrivals.count), ...note });
  return {
    rate: { value: rateSince(startMs, arrivals.seenAtMs.values()) ?? 0, ...note },
    cpuMs: perObject(after.cpuSeconds - before.cpuSeconds),
    serverCpuMs: perObject(counters.cpuSeconds),
  };
}

/** A rate remains one when not all objects made it, but readers should know. */
export function noteOn(arrivals: Arrivals, names: readonly string[], { options }: Stage): Pick<Figure, "note"> {
  if (arrivals.isComplete) return {};
  return { note: `${arrivals.count} of ${names.length} within ${options.patienceSeconds} s` };
}
