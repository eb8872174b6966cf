import { KubeClient } from "../kube/client.ts";
import { runController } from "../kube/controller.ts";
import { ConfigError, KubeError } from "../kube/errors.ts";
import { Informer } from "../kube/informer.ts";
import { type ClusterConfig, leadToSamePlace } from "../kube/kubeconfig.ts";
import { kubeconfigText } from "../kube/kubeconfig_secret.ts";
import type { Log } from "../kube/log.ts";
import type { Metrics } from "../kube/metrics.ts";
import { WorkQueue } from "../kube/queue.ts";
import { parseReceivedKubeconfig } from "../kube/received_kubeconfig.ts";
import { type Secret, SECRETS } from "../kube/resources.ts";
import { scopeOf } from "../kube/scopes.ts";
import { TaskGroup } from "../kube/tasks.ts";
import { formatKey } from "../kube/types.ts";
import type { Reach } from "./reachability.ts";

export interface AppClusterDeps {
  /** The control plane. */
  client: KubeClient;
  log: Log;
  metrics?: Metrics;
}

/** What is done with an app cluster until the signal fires. */
type Work = (config: ClusterConfig, signal: AbortSignal) => Promise<void>;

/** Work under way with one kubeconfig. */
interface Running {
  text: string;
  config: ClusterConfig;
  /** Takes other credentials from the next request on. */
  renew(credentials: ClusterConfig["credentials"]): void;
  stop(): Promise<void>;
}

/** How long the app cluster may take to accept or refuse credentials. */
const PROBE_MS = 5_000;

/** The app cluster that a konnector on the control plane works for: where it is, a Secret says, which may change. */
export class AppCluster {
  readonly #secret: { namespace: string; name: string; key: string };
  #trouble: string | undefined;
  #reach: Reach | undefined;

  constructor(secret: { namespace: string; name: string; key: string }) {
    this.#secret = secret;
  }

  /** True, or why there is nothing to work with. */
  get readiness(): true | string {
    const { trouble, isSynced } = this.#reach ?? { isSynced: true };
    return this.#trouble ?? trouble ?? (isSynced || "the app cluster has not been read yet");
  }

  /** What tells from now on whether the app cluster answers. */
  observe(reach: Reach): void {
    this.#reach = reach;
  }

  /**
   * Works as long as the signal has not fired, once the Secret holds a kubeconfig that can be used. Renewed credentials
   * are handed to the work under way; when they lead to another place, or when the ones before are refused, it ends in
   * good order and begins anew. A kubeconfig that cannot be used changes nothing.
   */
  async follow({ client, log, metrics }: AppClusterDeps, work: Work, signal: AbortSignal): Promise<void> {
    const { namespace, name } = this.#secret;
    const queue = new WorkQueue();
    const secrets = new Informer<Secret>(client.api(SECRETS), { log, metrics });
    let failure: { error: unknown } | undefined;
    await using tasks = new TaskGroup((error) => failure ??= { error }, signal);
    let running: Running | undefined;
    const reconcile = async (_key: unknown, signal: AbortSignal) => {
      const found = this.#read(secrets.store.get({ namespace, name }));
      if (typeof found === "string") {
        this.#trouble = found;
        return log.warn("waiting for the app cluster's kubeconfig", { why: found });
      }
      this.#trouble = undefined;
      const { text, config } = found;
      if (running?.text === text) return;
      if (running && leadToSamePlace(running.config, config) && await isAccepted(running.config, signal)) {
        running.renew(config.credentials);
        Object.assign(running, found);
        return log.info("credentials of the app cluster renewed", { server: config.server });
      }
      await running?.stop();
      this.#reach = undefined;
      running = start(found, work, tasks);
      log.info("working for the app cluster", { server: config.server });
    };
    try {
      this.#trouble = "the Secret with the app cluster's kubeconfig has not been read yet";
      tasks.run((signal) => secrets.watch(scopeOf({ namespace, name }), signal));
      await secrets.synced(tasks.signal);
      secrets.subscribe(() => queue.add(name), tasks.signal);
      queue.add(name); // also when there is none
      await runController({ name: "app cluster", queue, reconcile, log, metrics }, tasks.signal);
    } finally {
      this.#trouble = undefined; // whoever does not lead needs no app cluster
      this.#reach = undefined;
    }
    if (failure) throw failure.error;
  }

  #read(secret: Secret | undefined): { text: string; config: ClusterConfig } | string {
    const described = `Secret "${formatKey(this.#secret)}" on the provider`;
    if (!secret) return `${described} does not exist`;
    const text = kubeconfigText(secret, this.#secret.key);
    if (text === undefined) return `${described} has no text under "${this.#secret.key}"`;
    try {
      return { text, config: parseReceivedKubeconfig(text) };
    } catch (error) {
      if (error instanceof ConfigError) return `${described}: ${error.message}`;
      throw error;
    }
  }
}

function start({ text, config }: { text: string; config: ClusterConfig }, work: Work, tasks: TaskGroup): Running {
  const own = new AbortController();
  const ended = Promise.withResolvers<void>();
  let { credentials } = config;
  const renewable: ClusterConfig = { ...config, credentials: (renew, signal) => credentials(renew, signal) };
  tasks.run(async (signal) => {
    try {
      await work(renewable, AbortSignal.any([signal, own.signal]));
    } catch (error) {
      if (!own.signal.aborted) throw error;
    } finally {
      ended.resolve();
    }
  });
  return {
    text,
    config,
    renew: (renewed) => credentials = renewed,
    stop: () => {
      own.abort(new DOMException("another kubeconfig", "AbortError"));
      return ended.promise;
    },
  };
}

/** Whether the app cluster still takes the credentials; else whatever waits for its next try should not wait longer. */
async function isAccepted(config: ClusterConfig, signal: AbortSignal): Promise<boolean> {
  using client = new KubeClient(config, { side: "consumer", timeoutMs: PROBE_MS });
  try {
    await client.request("GET", "/apis", {}, signal);
    return true;
  } catch (error) {
    if (error instanceof KubeError) return false;
    throw error;
  }
}
