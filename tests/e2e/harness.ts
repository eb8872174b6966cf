import { env as ourEnv } from "node:process";
import { dirname, join } from "node:path";
import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import type { APIServiceExportTemplate } from "../../crds/api_service_export_template.ts";
import { API_SERVICE_BINDINGS, API_SERVICE_EXPORT_TEMPLATES, KLUTCH_NAMESPACE } from "../../crds/names.ts";
import { groupResourceName, type PermissionClaim } from "../../crds/shared.ts";
import { KubeClient } from "../../kube/client.ts";
import { type Condition, isTrue } from "../../kube/conditions.ts";
import type { CustomResourceDefinition } from "../../kube/resources.ts";
import { apiVersionOf } from "../../kube/types.ts";
import { findBinaries } from "../../playground/binaries.ts";
import { ControlPlane } from "../../playground/control_plane.ts";
import { makeOwnedDirectory } from "../../playground/owned_directory.ts";
import { eventually, klutchBinary, within } from "../clusters.ts";
import { installCrd } from "../mangodb.ts";
import { logInAndBind, type Visit } from "./browser.ts";
import { type Program, type ProgramResult, startProgram } from "./program.ts";

/**
 * How long all may take to be well again once a cluster is back: its watches and the work for it are tried again after
 * half a minute at most, a konnector notices within five seconds more, and machines may be slow.
 */
export const RECOVERY_MS = 60_000;

/** How long the garbage collector may take, which asks only every 30 s which kinds there are. */
export const GARBAGE_COLLECTION = { timeoutMs: 90_000 };

/** One of a story's two clusters. */
export interface Cluster {
  plane: ControlPlane;
  /** As cluster administrator. */
  client: KubeClient;
  /** What kubectl prints. @throws {Error} with its messages when it fails */
  kubectl(args: readonly string[], stdin?: string): Promise<string>;
}

/** How a program is called: by a name beside the executable, or by kubectl as its plugin. */
export type Caller = "klutch" | "kubectl-klutch" | "kubectl-bind" | "kubectl klutch" | "kubectl bind";

export interface RunOptions {
  as?: Caller;
  /** For messages. */
  name?: string;
  stdin?: string;
  env?: Readonly<Record<string, string>>;
}

export interface BindOptions {
  as?: Caller;
  args?: readonly string[];
  stdin?: string;
  user?: string;
}

export interface BindResult extends Visit, ProgramResult {}

/**
 * Two clusters of its own, and the compiled programs between them: a konnector serves every binding of its cluster, and
 * stories stop and restart things, so nobody else may be there.
 */
export class Story implements AsyncDisposable {
  readonly provider: Cluster;
  readonly consumer: Cluster;
  readonly #directory: string;
  readonly #resources: AsyncDisposableStack;
  readonly #programs: Program[] = [];
  #backendUrl = "";

  private constructor(provider: Cluster, consumer: Cluster, directory: string, resources: AsyncDisposableStack) {
    this.provider = provider;
    this.consumer = consumer;
    this.#directory = directory;
    this.#resources = resources;
  }

  static async open(): Promise<Story> {
    await using starting = new AsyncDisposableStack();
    const signal = within(60_000);
    const start = (name: string) => startCluster(name, starting, signal);
    const results = await Promise.allSettled([start("provider"), start("consumer")]);
    const [provider, consumer] = results.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
    const directory = starting.use(await makeOwnedDirectory());
    return new Story(provider!, consumer!, directory.path, starting.move());
  }

  /** One more app cluster; it is in no way that of the story's methods, unless their arguments say so. */
  async startAppCluster(name: string): Promise<Cluster> {
    return await startCluster(name, this.#resources, within(60_000));
  }

  /** Runs the executable; its end is the story's, if not before. */
  async run(
    args: readonly string[],
    { as = "klutch", name = args[0] ?? as, stdin, env }: RunOptions = {},
  ): Promise<Program> {
    const directory = dirname(klutchBinary());
    const [kubectl, plugin] = as.split(" ");
    const called = plugin
      ? [
        "env",
        `PATH=${directory}:${ourEnv.PATH}`,
        ...(await findBinaries({ env: ourEnv }, within(30_000))).kubectl,
        plugin,
      ]
      : [join(directory, kubectl!)];
    const program = await startProgram({ name, command: [...called, ...args], directory: this.#directory, stdin, env });
    this.#resources.use(program);
    this.#programs.push(program);
    return program;
  }

  /** Runs the executable until it ends. */
  async runToEnd(args: readonly string[], options?: RunOptions): Promise<ProgramResult> {
    return await (await this.run(args, options)).result();
  }

  /** Starts a backend on free ports, without waiting for the cluster. */
  async startBackend(...args: string[]): Promise<Program> {
    const backend = await this.run([
      "backend",
      `--kubeconfig=${this.provider.plane.kubeconfigPath}`,
      "--oidc-embedded",
      "--listen-address=127.0.0.1:0",
      "--health-address=127.0.0.1:0",
      "--namespace-prefix=klutch",
      "--pretty-name=Mango Inc.",
      ...args,
    ]);
    this.#backendUrl = String((await backend.logged("backend started")).address);
    return backend;
  }

  /** Starts a konnector without waiting for the cluster; each one is the same pod, so that the next one need not wait. */
  async startKonnector(...args: string[]): Promise<Program> {
    const konnector = await this.run([
      "konnector",
      `--kubeconfig=${this.consumer.plane.kubeconfigPath}`,
      "--health-address=127.0.0.1:0",
      ...args,
    ], { env: { POD_NAME: "konnector-0" } });
    await konnector.logged("konnector started");
    return konnector;
  }

  /** Where `bind` begins. */
  get exportUrl(): string {
    return `${this.#backendUrl}/export`;
  }

  /** As the function of that name, for the backend that was started last. */
  async backendReady(): Promise<void> {
    await backendReady(this.exportUrl);
  }

  /** Puts an API into the catalogue. */
  async offer(crd: CustomResourceDefinition, permissionClaims: readonly PermissionClaim[] = []): Promise<void> {
    await installCrd(this.provider.client, crd); // both go with the cluster
    await eventually("templates can be written", () =>
      this.provider.client.api(API_SERVICE_EXPORT_TEMPLATES).create({
        apiVersion: apiVersionOf(API_SERVICE_EXPORT_TEMPLATES),
        kind: API_SERVICE_EXPORT_TEMPLATES.kind,
        metadata: { namespace: "default", name: crd.metadata.name },
        spec: {
          APIServiceSelector: { group: crd.spec.group, resource: crd.spec.names.plural },
          ...(permissionClaims.length > 0 && { permissionClaims }),
        },
      }, within(5_000)));
  }

  /** Runs `bind` up to where it waits for the login. */
  async beginBind({ as = "klutch", args = [], stdin }: BindOptions = {}): Promise<{ bind: Program; url: string }> {
    const bind = await this.run([
      ...(/bind$/.test(as) ? [] : ["bind"]),
      this.exportUrl,
      "--no-browser",
      "--skip-konnector",
      "--wait-timeout=30s",
      `--kubeconfig=${this.consumer.plane.kubeconfigPath}`,
      ...args,
    ], { as, name: "bind", stdin });
    const [, url] = await bind.says(/visit in your browser:\s+(http\S+)/);
    return { bind, url: url! };
  }

  /** Until the backend knows of these offers, and of what it has to offer there. */
  async offered(...apis: string[]): Promise<void> {
    const templates = this.provider.client.api<APIServiceExportTemplate>(API_SERVICE_EXPORT_TEMPLATES);
    await eventually(`the backend knows that ${apis.join(" and ")} is offered`, async () => {
      const { items } = await templates.list({}, within(5_000));
      const established = items.filter(({ status }) => isTrue(status?.conditions, "Established"))
        .map(({ spec }) => groupResourceName(spec.APIServiceSelector));
      return apis.every((api) => established.includes(api));
    });
  }

  /** Runs `bind`, logs in, clicks, and waits for its end. */
  async bind(api: string, options: BindOptions = {}): Promise<BindResult> {
    await this.backendReady();
    await this.offered(api);
    const { bind, url } = await this.beginBind(options);
    const visit = await logInAndBind(url, api.split(".")[0]!, options.user);
    return { ...visit, ...await bind.result() };
  }

  /** Everything up to a bound API, and nothing before it that anybody wants to look at. */
  async given(
    t: Deno.TestContext,
    ...crds: CustomResourceDefinition[]
  ): Promise<{ backend: Program; konnector: Program }> {
    let programs: { backend: Program; konnector: Program };
    const names = crds.map(({ metadata }) => metadata.name);
    await this.step(t, `given bound ${names.join(" and ")}`, async () => {
      const [backend, konnector] = await Promise.all([this.startBackend(), this.startKonnector()]);
      programs = { backend, konnector };
      await this.backendReady();
      await Promise.all(crds.map((crd) => this.offer(crd)));
      for (const name of names) await this.bindOrFail(name);
    });
    return programs!;
  }

  /** As `bind`, where nothing else is of interest. */
  async bindOrFail(api: string, options?: BindOptions): Promise<void> {
    const { code, stderr } = await this.bind(api, options);
    if (code !== 0) throw new Error(`bind ended with exit code ${code}: ${stderr}`);
  }

  /** The binding of an API, as it is now. */
  async binding(api: string): Promise<APIServiceBinding> {
    const bindings = this.consumer.client.api<APIServiceBinding>(API_SERVICE_BINDINGS);
    return await bindings.get({ namespace: KLUTCH_NAMESPACE, name: api }, within(5_000));
  }

  /** Waits for a condition of the binding of an API. */
  async condition(api: string, type: string, wanted: Partial<Condition>, timeoutMs?: number): Promise<Condition> {
    let seen: unknown;
    const isWanted = (one: Condition) =>
      one.type === type && Object.entries(wanted).every(([field, value]) => one[field as keyof Condition] === value);
    try {
      return await eventually(`${type} of ${api} is ${JSON.stringify(wanted)}`, async () => {
        const conditions = (await this.binding(api)).status?.conditions;
        seen = conditions;
        return conditions?.find(isWanted);
      }, { timeoutMs });
    } catch (error) {
      throw new Error(`${(error as Error).message}; last seen: ${JSON.stringify(seen, null, 2)}`, { cause: error });
    }
  }

  /** One step; after one that fails, the rest of the story makes no sense. */
  async step(t: Deno.TestContext, name: string, action: () => Promise<void>): Promise<void> {
    if (await t.step(name, action)) return;
    for (const program of this.#programs) console.error(await program.describe());
    throw new Error(`The story ends with this step: ${name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

/** Waits until a backend answers with more than that it is not ready. */
export async function backendReady(exportUrl: string): Promise<void> {
  await eventually("the backend is ready", async () => {
    const response = await fetch(exportUrl, { signal: within(5_000) });
    await response.body?.cancel();
    return response.ok;
  });
}

async function startCluster(name: string, stack: AsyncDisposableStack, signal: AbortSignal): Promise<Cluster> {
  const binaries = await findBinaries({ env: ourEnv }, signal);
  const plane = stack.use(await ControlPlane.start({ name, binaries }, signal));
  const client = stack.use(new KubeClient(plane.config, { side: name === "provider" ? "provider" : "consumer" }));
  const kubectl = async (args: readonly string[], stdin?: string) => {
    const { code, stdout, stderr } = await plane.kubectl(args, { stdin, signal: within(70_000) });
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")} on the ${name}: ${stderr}`);
    return stdout;
  };
  return { plane, client, kubectl };
}
