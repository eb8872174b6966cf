import { numbered } from "./bench_api.ts";
import { between, type Figure, type Figures } from "./figures.ts";
import type { MeasuredProcess } from "./measured_process.ts";
import { type Load, noteOn, runLoad } from "./load.ts";
import { copyStatus, create, hasPhase, pair, settledPair, writeStatus } from "./objects.ts";
import { countersSince } from "./request_counts.ts";
import type { Stage } from "./stage.ts";
import { rateBetween } from "./statistics.ts";

// Each ceiling is what a plain client reaches that knows beforehand what there is to write, on the same servers. Those of
// bursts are measured right before and right after, as no machine is equally fast all the time.

/** What runs long is rarely cold: a tenth of the work comes before it, of the konnectors' as of the plain client's. */
const warmUp = ({ options }: Stage) => numbered("warm", Math.ceil(options.objects / 10));

/** Many creates at once, as fast as the consumer takes them. */
export async function measureBurst(stage: Stage): Promise<Figures> {
  const { consumer, provider, options } = stage;
  const names = numbered("burst", options.objects);
  const both = async (name: string, signal: AbortSignal) => {
    await create(consumer, name, signal);
    await pair(stage, name, signal);
  };
  const measureCeiling = async () => {
    const before = await stage.counters();
    const { rate } = await runLoad(stage, { names, work: both, seenOn: provider });
    const { cpuSeconds } = countersSince(before, await stage.counters());
    await stage.wipe();
    return { rate, cpuMs: { value: cpuSeconds * 1000 / names.length } };
  };
  await runLoad(stage, { names: warmUp(stage), work: both, seenOn: provider });
  const before = await measureCeiling();

  await using konnector = await stage.launchAndRest();
  const load: Load = { names, work: (name, signal) => create(consumer, name, signal), seenOn: provider };
  const { rate, cpuMs, serverCpuMs, cutWatches } = await runMeasured(stage, konnector, load);
  await konnector.stop();
  await stage.wipe();
  const after = await measureCeiling();
  return {
    "ceiling.pairWithCreate": between(before.rate, after.rate),
    "ceiling.serverCpuMs": between(before.cpuMs, after.cpuMs),
    "burst.rate": rate,
    "burst.cpuMs": cpuMs,
    "burst.serverCpuMs": serverCpuMs,
    "burst.cutWatches": cutWatches,
  };
}

/** Many new statuses at once, on pairs that the bench has made, so that the konnector has nothing else to do. */
export async function measureStatusBurst(stage: Stage): Promise<Figures> {
  const { consumer, provider, options } = stage;
  const names = numbered("status", options.objects);
  await stage.each([...warmUp(stage), ...names], async (name, signal) => {
    await create(consumer, name, signal);
    await settledPair(stage, name, signal);
  });
  const { rate: ceiling } = await runLoad(stage, {
    names,
    async work(name, signal) {
      await writeStatus(provider, name, "Creating", signal);
      await copyStatus(stage, name, "Creating", signal);
    },
    seenOn: consumer,
    matches: hasPhase("Creating"),
  });

  await using konnector = await stage.launchAndRest();
  const work: Load["work"] = (name, signal) => writeStatus(provider, name, "Running", signal);
  const load = { names, work, seenOn: consumer, matches: hasPhase("Running") };
  const { rate, cpuMs } = await runMeasured(stage, konnector, load);
  await konnector.stop();
  await stage.wipe();
  return { "ceiling.statusPair": ceiling, "status.rate": rate, "status.cpuMs": cpuMs };
}

/** Many objects made while the konnector was down. */
export async function measureBacklog(stage: Stage): Promise<Figures> {
  const { consumer, provider, options, signal } = stage;
  const names = numbered("backlog", options.objects);
  const makeAll = () => stage.each(names, (name, signal) => create(consumer, name, signal));
  const measureCeiling = async () => {
    await makeAll();
    const { rate } = await runLoad(stage, {
      names,
      work: (name, signal) => pair(stage, name, signal),
      seenOn: provider,
    });
    await stage.wipe();
    return rate;
  };
  const before = await measureCeiling();

  await makeAll();
  await using up = await stage.watch(provider);
  const arrivals = up.expect(names);
  await using konnector = await stage.launch();
  await arrivals.wait(stage.patienceMs, signal);
  const note = noteOn(arrivals, names, stage);
  const lastMs = [...arrivals.seenAtMs.values()].at(-1) ?? 0;
  await konnector.stop();
  await stage.wipe();
  return {
    "ceiling.pair": between(before, await measureCeiling()),
    "backlog.rate": { value: rateBetween(arrivals.seenAtMs.values()) ?? 0, ...note },
    "backlog.seconds": arrivals.isComplete
      ? { value: (lastMs - konnector.startedAtMs) / 1000 }
      : { value: options.patienceSeconds, beyond: true, ...note },
  };
}

/** The load on a konnector that is warm and at rest, and what it takes of the CPUs. */
async function runMeasured(stage: Stage, konnector: MeasuredProcess, load: Load) {
  await runLoad(stage, { ...load, names: warmUp(stage) });
  await stage.untilQuiet(konnector);
  const [countersBefore, before] = [await stage.counters(), await konnector.usage()];
  const { rate, arrivals } = await runLoad(stage, load);
  if (arrivals.isComplete) await stage.untilQuiet(konnector); // echoes of its own writes are work too
  const after = await konnector.usage();
  const counters = countersSince(countersBefore, await stage.counters());
  const perObject = (seconds: number): Figure => ({ ...rate, value: seconds * 1000 / Math.max(1, arrivals.count) });
  return {
    rate,
    cpuMs: perObject(after.cpuSeconds - before.cpuSeconds),
    serverCpuMs: perObject(counters.cpuSeconds),
    cutWatches: { value: counters.cutWatches },
  };
}
