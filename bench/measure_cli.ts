import { systemClock } from "../kube/clock.ts";
import { parallel } from "../kube/parallel.ts";
import type { ControlPlaneBinaries } from "../playground/binaries.ts";
import { makeOwnedDirectory } from "../playground/owned_directory.ts";
import { bindApi, storeKubeconfig } from "./bind.ts";
import { type Figures, tellFigures } from "./figures.ts";
import { MeasuredProcess } from "./measured_process.ts";
import { CLUSTER_NAMESPACE, exportApi, openContract } from "./offer.ts";
import { serviceCrds } from "./offered_apis.ts";
import type { BenchOptions } from "./options.ts";
import { openSides } from "./sides.ts";
import { percentile } from "./statistics.ts";

/** Runs of each command, after one that warms up. */
const RUNS = 20;

export interface CliOptions {
  bench: BenchOptions;
  /** The executable. */
  klutch: string;
  binaries: ControlPlaneBinaries;
  /** Gets a line for each step. */
  say: (line: string) => void;
}

/**
 * How long people wait for the command line: for its help, and for the status of an app cluster with many bindings, which
 * a konnector keeps up meanwhile.
 */
export async function measureCli(options: CliOptions, parent: AbortSignal): Promise<Figures> {
  const { bench, klutch, say } = options;
  if (!bench.only.includes("cli")) return {};
  say(`klutch: cli, with ${bench.bindings} bindings`);
  await using stack = new AsyncDisposableStack();
  const broken = new AbortController();
  const signal = AbortSignal.any([parent, broken.signal]);
  const { path: directory } = stack.use(await makeOwnedDirectory());
  const { consumer, provider } = await openSides(stack, options, signal);
  const kubeconfig = provider.plane.kubeconfigFor({ token: provider.token }, { namespace: CLUSTER_NAMESPACE });
  await openContract(provider.admin, kubeconfig, signal);
  await storeKubeconfig(consumer.admin, kubeconfig, signal);
  const app = `--kubeconfig=${consumer.plane.kubeconfigPath}`;
  const command = [klutch, "konnector", app, "--health-address=127.0.0.1:0"];
  const onEnd = (error: Error) => broken.abort(error);
  stack.use(await MeasuredProcess.start({ name: "konnector", command, directory, onEnd }, signal));
  await parallel(serviceCrds(bench.bindings), bench.concurrency, async (crd, signal) => {
    await exportApi(provider.admin, crd, bench, signal);
    await bindApi(consumer.admin, crd.metadata.name, signal);
  }, signal);
  const status = [klutch, "status", app];
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(bench.patienceSeconds * 1000)]);
  while (!await isAllWell(status, deadline)) await systemClock.sleep(500, deadline);
  const figures: Figures = {
    "cli.help": { value: percentile(await timesMs([klutch, "--help"], signal), 50) },
    "cli.status": { value: percentile(await timesMs(status, signal), 50) },
  };
  tellFigures(figures, say);
  return figures;
}

async function isAllWell(status: readonly string[], signal: AbortSignal): Promise<boolean> {
  const { code, stdout } = await run([...status, "--output=json"], signal);
  return code === 0 && JSON.parse(new TextDecoder().decode(stdout)).verdict === "OK";
}

async function timesMs(command: readonly string[], signal: AbortSignal): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i <= RUNS; i++) {
    const startMs = performance.now();
    const { code, stderr } = await run(command, signal);
    if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${new TextDecoder().decode(stderr)}`);
    if (i > 0) times.push(performance.now() - startMs);
  }
  return times;
}

function run([program, ...args]: readonly string[], signal: AbortSignal): Promise<Deno.CommandOutput> {
  return new Deno.Command(program!, { args, stdin: "null", signal }).output();
}
