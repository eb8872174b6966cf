import { systemClock } from "../kube/clock.ts";
import { resourceName } from "../kube/types.ts";
import { DATABASES, numbered } from "./bench_api.ts";
import type { Figure, Figures } from "./figures.ts";
import type { MeasuredProcess } from "./measured_process.ts";
import { noteOn } from "./load.ts";
import { create, settledPair } from "./objects.ts";
import { countersSince, describeRequests, isWrite, type RequestCount, total } from "./request_counts.ts";
import type { Stage } from "./stage.ts";
import type { Arrivals, Stopwatch } from "./stopwatch.ts";

/** Very many pairs: how the konnector makes them, what it holds of them, and how it comes back to them. */
export async function measurePairs(stage: Stage): Promise<Figures> {
  const { consumer, options } = stage;
  const names = numbered("pair", options.pairs);
  await stage.each(names, (name, signal) => create(consumer, name, signal));
  stage.say(`  ${names.length} objects made`);
  const figures = {
    ...await measureHoldings(stage, names),
    ...await measureRestart(stage),
  };
  await stage.wipe();
  return figures;
}

/** The backlog with a user's edits in its midst, then the memory at rest, then a while of idling. */
async function measureHoldings(stage: Stage, names: readonly string[]): Promise<Figures> {
  const { provider, options, signal } = stage;
  await using running = new AsyncDisposableStack();
  let konnector = running.use(await stage.launch());
  const figures: Figures = {};
  let note: Pick<Figure, "note"> = {};
  {
    await using up = await stage.watch(provider);
    const arrivals = up.expect(names);
    figures["pairs.editSeconds"] = await editMeanwhile(stage, up, arrivals, names);
    await arrivals.wait(stage.patienceMs, signal);
    if (!arrivals.isComplete) {
      note = { note: `the konnector made ${noteOn(arrivals, names, stage).note}, the bench the others` };
      await konnector.stop();
      await stage.each(names.filter((name) => !arrivals.seenAtMs.has(name)), async (name, signal) => {
        await settledPair(stage, name, signal);
      });
      konnector = running.use(await stage.launch());
    }
  }
  await stage.untilQuiet(konnector);
  await systemClock.sleep(options.settleSeconds * 1000, signal);
  const { residentMiB, anonymousMiB, peakMiB } = await konnector.usage();
  stage.say(`  settled at ${residentMiB.toFixed(0)} MiB`);
  return {
    ...figures,
    "pairs.settledMiB": { value: residentMiB, ...note },
    "pairs.anonymousMiB": { value: anonymousMiB, ...note },
    "pairs.peakMiB": { value: peakMiB, ...note },
    ...await measureIdling(stage, konnector),
  };
}

/** As many edits as fit in, up to this. */
const EDITS = 10;
/** Part of the backlog that is done when edits begin. */
const BEGUN = 0.02;
const EDIT_PATIENCE_MS = 60_000;

/**
 * Edits objects by turns that the backlog has behind it and before it, as far as their names tell.
 *
 * @returns the slowest of the edits that began during the backlog; undefined if it was over too soon
 */
async function editMeanwhile(
  stage: Stage,
  up: Stopwatch,
  backlog: Arrivals,
  names: readonly string[],
): Promise<Figure | undefined> {
  const { consumer: { people, namespace }, signal } = stage;
  const patienceMs = Math.min(stage.patienceMs, EDIT_PATIENCE_MS);
  await backlog.wait(stage.patienceMs, signal, Math.ceil(names.length * BEGUN));
  const seconds: number[] = [];
  for (let edit = 0; edit < EDITS && !backlog.isComplete; edit++) {
    const name = names.at(edit % 2 ? edit : -1 - edit)!;
    const plan = `edited-${edit}`;
    const arrival = up.expect([name], ({ spec }) => (spec as { plan?: string }).plan === plan);
    const startMs = performance.now();
    await people.mergePatch({ namespace, name }, { spec: { plan } }, {}, signal);
    if (!await arrival.wait(patienceMs, signal)) return { value: patienceMs / 1000, beyond: true };
    seconds.push((arrival.seenAtMs.get(name)! - startMs) / 1000);
  }
  if (seconds.length === 0) return undefined;
  return { value: Math.max(...seconds), note: `the slowest of ${seconds.length} edits` };
}

/** What it asks of the API servers, and takes itself, while nobody does anything; less what the servers do alone. */
async function measureIdling(stage: Stage, konnector: MeasuredProcess): Promise<Figures> {
  const { options: { idleSeconds }, signal } = stage;
  const idle = async () => {
    const before = await stage.counters();
    await systemClock.sleep(idleSeconds * 1000, signal);
    return countersSince(before, await stage.counters()).requests;
  };
  const before = await konnector.usage();
  const withIt = await idle();
  const after = await konnector.usage();
  await konnector.stop();
  const withoutIt = await idle();
  const perMinute = 60 / idleSeconds;
  stage.say(`  idle: ${describeRequests(withIt)}`);
  return {
    "idle.requests": { value: Math.max(0, total(withIt) - total(withoutIt)) * perMinute },
    "idle.cpuMs": { value: (after.cpuSeconds - before.cpuSeconds) * 1000 * perMinute },
  };
}

/** Two restarts with all pairs settled: one with a new object to bring up, one without anything to do. */
async function measureRestart(stage: Stage): Promise<Figures> {
  const newObject = await measureNewObject(stage);
  const before = await stage.counters();
  await using konnector = await stage.launch();
  // It rests while it waits for its turn as a leader too: at least as long as the first one took, and some.
  await systemClock.sleep(1000 + 2000 * newObject.value, stage.signal);
  await stage.untilQuiet(konnector);
  const { cpuSeconds, residentMiB, peakMiB } = await konnector.usage();
  const { requests } = countersSince(before, await stage.counters());
  const bound = requests.filter((request) => isWrite(request) && isBound(request));
  const other = requests.filter((request) => isWrite(request) && !isBound(request) && !isLease(request));
  const figure = (writes: RequestCount[]): Figure => ({
    value: total(writes),
    ...(writes.length > 0 && { note: describeRequests(writes) }),
  });
  return {
    "restart.newObjectSeconds": newObject,
    "restart.cpuSeconds": { value: cpuSeconds },
    "restart.writes": figure(bound),
    "restart.otherWrites": figure(other),
    "restart.settledMiB": { value: residentMiB },
    "restart.peakMiB": { value: peakMiB },
  };
}

/** @returns seconds from the start of the konnector until an object made at that moment is up */
async function measureNewObject(stage: Stage): Promise<Figure> {
  const { consumer, provider, patienceMs, signal } = stage;
  const name = "new-one";
  await using up = await stage.watch(provider);
  const arrivals = up.expect([name]);
  await using konnector = await stage.launch();
  await create(consumer, name, signal);
  if (!await arrivals.wait(patienceMs, signal)) return { value: patienceMs / 1000, beyond: true };
  await stage.untilQuiet(konnector);
  return { value: (arrivals.seenAtMs.get(name)! - konnector.startedAtMs) / 1000 };
}

const isBound = ({ resource }: RequestCount): boolean => resource === resourceName(DATABASES);

const isLease = ({ resource }: RequestCount): boolean => resource === "leases.coordination.k8s.io";
