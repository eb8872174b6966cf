import { join } from "node:path";
import { APIServiceExport } from "../crds/api_service_export.ts";
import { APIServiceExportRequest } from "../crds/api_service_export_request.ts";
import { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { ClusterBinding } from "../crds/cluster_binding.ts";
import { installCrds } from "../crds/install.ts";
import { KubeClient } from "../kube/client.ts";
import { staticConfig } from "../kube/kubeconfig.ts";
import { silentLog } from "../kube/log.ts";
import type { Resource } from "../kube/types.ts";
import { ControlPlane } from "../playground/control_plane.ts";
import { makeOwnedDirectory } from "../playground/owned_directory.ts";
import { makeAccount } from "./account.ts";
import { MeasuredProcess } from "./measured_process.ts";
import { MeasuredStage, type MeasuredStageOptions } from "./measured_stage.ts";
import type { ServerCounters } from "./request_counts.ts";
import { readAllCounters } from "./server_counters.ts";
import { Stopwatch } from "./stopwatch.ts";

export interface BackendStageOptions extends MeasuredStageOptions {
  /** Program and arguments of the backend, without the kubeconfig. */
  command: readonly string[];
}

/** A running backend and where its pages are. */
export interface Backend extends AsyncDisposable {
  process: MeasuredProcess;
  /** e.g. `http://127.0.0.1:41234` */
  address: string;
}

interface Parts {
  plane: ControlPlane;
  admin: KubeClient;
  /** Of the service account that backend and plain client come with. */
  token: string;
  directory: string;
  /** What a backend has that ends unasked. */
  onEnd: (error: Error) => void;
  resources: AsyncDisposableStack;
}

/** One fresh cluster that serves the backend's kinds, and the one backend that may work there. */
export class BackendStage extends MeasuredStage implements AsyncDisposable {
  readonly plane: ControlPlane;
  /** As cluster administrator, for setting things up and for looking on. */
  readonly admin: KubeClient;
  /** As the backend, for ceilings. */
  readonly agent: KubeClient;
  readonly #command: readonly string[];
  readonly #parts: Parts;

  private constructor(options: BackendStageOptions, parts: Parts, signal: AbortSignal) {
    super(options, signal);
    const { plane, admin, token, resources } = parts;
    this.plane = plane;
    this.admin = admin;
    this.agent = resources.use(
      new KubeClient(staticConfig({ server: plane.server, caData: plane.caData, token }), { side: "provider" }),
    );
    this.#command = options.command;
    this.#parts = parts;
  }

  static async open(options: BackendStageOptions, parent: AbortSignal): Promise<BackendStage> {
    const { binaries, say } = options;
    await using opening = new AsyncDisposableStack();
    const broken = new AbortController();
    const signal = AbortSignal.any([parent, broken.signal]);
    const { path: directory } = opening.use(await makeOwnedDirectory());
    const progress = (line: string) => say(`  ${line}`);
    const plane = opening.use(await ControlPlane.start({ name: "provider", binaries, progress }, signal));
    const admin = opening.use(new KubeClient(plane.config, { side: "provider" }));
    const kinds = [ClusterBinding, APIServiceExport, APIServiceExportRequest, APIServiceExportTemplate];
    await installCrds(admin, kinds, silentLog, signal);
    const token = await makeAccount(admin, { namespace: "default", name: "bench-backend" }, signal);
    const onEnd = (error: Error) => broken.abort(error);
    return new BackendStage(options, { plane, admin, token, directory, onEnd, resources: opening.move() }, signal);
  }

  /** Starts the backend and waits until it knows the cluster and the issuer. */
  async launch(): Promise<Backend> {
    const { plane, token, directory, onEnd } = this.#parts;
    const kubeconfigPath = join(directory, "kubeconfig");
    await Deno.writeTextFile(kubeconfigPath, plane.kubeconfigFor({ token }), { mode: 0o600 });
    const command = [
      ...this.#command,
      `--kubeconfig=${kubeconfigPath}`,
      "--oidc-embedded",
      "--login-rate=0",
      "--listen-address=127.0.0.1:0",
      "--health-address=127.0.0.1:0",
    ];
    await using starting = new AsyncDisposableStack();
    const process = starting.use(
      await MeasuredProcess.start({ name: "backend", command, directory, onEnd }, this.signal),
    );
    const { address } = await process.logged("backend started", this.signal);
    await process.logged("issuer reached", this.signal);
    await process.logged("backend ready", this.signal);
    starting.move();
    return { process, address: String(address), [Symbol.asyncDispose]: () => process.stop() };
  }

  /** A stop-watch that sees all objects of a resource. */
  watch(resource: Resource): Promise<Stopwatch> {
    return Stopwatch.open(this.admin.api(resource), undefined, this.signal);
  }

  /** What the API server has counted so far. */
  counters(): Promise<ServerCounters> {
    return readAllCounters([this.plane], this.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.resources.disposeAsync();
  }
}
