import type { BackendStage } from "./backend_stage.ts";
import { numbered } from "./bench_api.ts";
import { between, type Figure, type Figures } from "./figures.ts";
import { offer, serviceCrds } from "./offered_apis.ts";
import { logInAll, onboard } from "./onboarding.ts";
import { writeOnboarding } from "./onboarding_writes.ts";
import { countersSince, describeRequests, isWrite, total } from "./request_counts.ts";

/**
 * New app clusters, as many at once as the bench may, beside what a plain client writes for as many before and
 * after; all of them are warm.
 */
export async function measureOnboarding(stage: BackendStage): Promise<Figures> {
  const { admin, agent, plane, options: { clusters }, signal } = stage;
  const [crd] = serviceCrds(1);
  await offer(admin, crd!, signal);
  const warmUp = Math.ceil(clusters / 10);
  const kubeconfigFor = plane.kubeconfigFor.bind(plane);
  const writeAll = (prefix: string, count: number) =>
    stage.each(
      numbered(prefix, count),
      (namespace, signal) => writeOnboarding(agent, { namespace, crd: crd!, kubeconfigFor }, signal),
    );
  const measureCeiling = (prefix: string) =>
    countingWrites(stage, async () => {
      const startMs = performance.now();
      await writeAll(prefix, clusters);
      return { value: clusters / ((performance.now() - startMs) / 1000) };
    });
  await writeAll("plain-warm", warmUp);
  const before = await measureCeiling("plain-before");
  stage.say(`  plain client: ${describeRequests(before.writes)}`);

  await using backend = await stage.launch();
  await onboard(stage, backend, await logInAll(stage, backend, numbered("warm", warmUp)));
  const visits = await logInAll(stage, backend, numbered("cluster", clusters));
  await stage.untilQuiet(backend.process);
  const usage = await backend.process.usage();
  const ours = await countingWrites(stage, async () => {
    const { rate } = await onboard(stage, backend, visits);
    await stage.untilQuiet(backend.process); // echoes of its own writes are work too
    return rate;
  });
  const { cpuSeconds } = await backend.process.usage();
  stage.say(`  backend: ${describeRequests(ours.writes)}`);
  await backend.process.stop();
  const after = await measureCeiling("plain-after");
  const perCluster = (value: number): Figure => ({ value: value / clusters });
  return {
    "ceiling.onboarding": between(before.rate, after.rate),
    "ceiling.onboardingWrites": perCluster(total(before.writes)),
    "onboarding.rate": ours.rate,
    "onboarding.writes": perCluster(total(ours.writes)),
    "onboarding.cpuMs": perCluster((cpuSeconds - usage.cpuSeconds) * 1000),
  };
}

async function countingWrites(stage: BackendStage, action: () => Promise<Figure>) {
  const before = await stage.counters();
  const rate = await action();
  return { rate, writes: countersSince(before, await stage.counters()).requests.filter(isWrite) };
}
