import { join } from "node:path";
import { systemClock } from "../kube/clock.ts";
import { isNotFound, isNotServed, messageOf } from "../kube/errors.ts";
import { TaskGroup } from "../kube/tasks.ts";
import { makeOwnedDirectory } from "../playground/owned_directory.ts";
import { databaseCrd } from "./bench_api.ts";
import { bindApi, storeKubeconfig } from "./bind.ts";
import { MeasuredProcess } from "./measured_process.ts";
import { MeasuredStage, type MeasuredStageOptions } from "./measured_stage.ts";
import { create, wipe } from "./objects.ts";
import { CLUSTER_NAMESPACE, exportApi, openContract, serveNamespaces } from "./offer.ts";
import type { ContenderCommand } from "./options.ts";
import type { ServerCounters } from "./request_counts.ts";
import { readAllCounters } from "./server_counters.ts";
import { openSides, type Side, type Sides } from "./sides.ts";
import { Stopwatch } from "./stopwatch.ts";

export interface StageOptions extends MeasuredStageOptions {
  contender: ContenderCommand;
}

/** Two fresh clusters with one API bound between them, and the one konnector that may work there. */
export class Stage extends MeasuredStage implements Sides, AsyncDisposable {
  readonly consumer: Side;
  readonly provider: Side;
  readonly #start: () => Promise<MeasuredProcess>;
  readonly #resources: AsyncDisposableStack;
  #probes = 0;

  private constructor(
    options: StageOptions,
    { consumer, provider }: Sides,
    start: () => Promise<MeasuredProcess>,
    resources: AsyncDisposableStack,
    signal: AbortSignal,
  ) {
    super(options, signal);
    this.consumer = consumer;
    this.provider = provider;
    this.#start = start;
    this.#resources = resources;
  }

  /** Starts the clusters, plays backend and command line, and lets the konnector bind the API; then it is stopped. */
  static async open(options: StageOptions, parent: AbortSignal): Promise<Stage> {
    const { bench, contender } = options;
    await using opening = new AsyncDisposableStack();
    const broken = new AbortController();
    const signal = AbortSignal.any([parent, broken.signal]);
    const { path: directory } = opening.use(await makeOwnedDirectory());
    const { consumer, provider } = await openSides(opening, options, signal);

    const kubeconfig = provider.plane.kubeconfigFor({ token: provider.token }, { namespace: CLUSTER_NAMESPACE });
    const crd = databaseCrd();
    await openContract(provider.admin, kubeconfig, signal);
    await exportApi(provider.admin, crd, bench, signal);
    await storeKubeconfig(consumer.admin, kubeconfig, signal);
    const kubeconfigPath = join(directory, "consumer.kubeconfig");
    await Deno.writeTextFile(kubeconfigPath, consumer.plane.kubeconfigFor({ token: consumer.token }), { mode: 0o600 });

    const onEnd = (error: unknown) => broken.abort(error);
    opening.use(new TaskGroup(onEnd, signal)).run((signal) => serveNamespaces(provider.admin, signal));
    const command = [...contender.command, "--kubeconfig", kubeconfigPath];
    const start = () => MeasuredProcess.start({ name: "konnector", command, directory, onEnd }, signal);
    const resources = new AsyncDisposableStack();
    const stage = new Stage(options, { consumer, provider }, start, resources, signal);
    await using konnector = await start();
    await stage.#within("bind the API", (signal) => bindApi(consumer.admin, crd.metadata.name, signal));
    await stage.#untilWorking();
    await konnector.stop();
    await stage.wipe();
    resources.use(opening.move());
    return stage;
  }

  /** Starts the konnector without waiting for anything. */
  launch(): Promise<MeasuredProcess> {
    return this.#start();
  }

  /** Starts the konnector and waits until it has brought an object up and is at rest. */
  async launchAndRest(): Promise<MeasuredProcess> {
    await using starting = new AsyncDisposableStack();
    const konnector = starting.use(await this.#start());
    await this.#untilWorking();
    await this.untilQuiet(konnector);
    starting.move();
    return konnector;
  }

  /** A stop-watch that sees what there is. */
  watch({ witness, namespace }: Side): Promise<Stopwatch> {
    return Stopwatch.open(witness, namespace, this.signal);
  }

  /** What both API servers have counted so far. */
  counters(): Promise<ServerCounters> {
    return readAllCounters([this.consumer.plane, this.provider.plane], this.signal);
  }

  /** Removes all objects on both sides; only while no konnector runs. */
  wipe(): Promise<void> {
    return wipe(this, this.options.concurrency, this.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  async #untilWorking(): Promise<void> {
    const name = `probe-${this.#probes++}`;
    await using up = await this.watch(this.provider);
    const arrivals = up.expect([name]);
    await this.#within("create an object on the consumer", async (signal) => {
      // Right after a CRD is established, some requests are still answered with 404.
      while (!await createIfServed(this.consumer, name, signal)) await systemClock.sleep(50, signal);
    });
    if (await arrivals.wait(this.patienceMs, this.signal)) return;
    throw new Error(`The konnector has brought nothing to the provider within ${this.options.patienceSeconds} s`);
  }

  async #within(what: string, action: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const timeout = AbortSignal.timeout(this.patienceMs);
    try {
      await action(AbortSignal.any([this.signal, timeout]));
    } catch (error) {
      this.signal.throwIfAborted();
      if (!timeout.aborted) throw error;
      throw new Error(`Cannot ${what} within ${this.options.patienceSeconds} s: ${messageOf(error)}`, { cause: error });
    }
  }
}

async function createIfServed(side: Side, name: string, signal: AbortSignal): Promise<boolean> {
  try {
    await create(side, name, signal);
    return true;
  } catch (error) {
    if (isNotServed(error) || isNotFound(error)) return false;
    throw error;
  }
}
