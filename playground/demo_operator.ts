import type { KubeClient } from "../kube/client.ts";
import { type Outcome, runController } from "../kube/controller.ts";
import { Informer } from "../kube/informer.ts";
import { silentLog } from "../kube/log.ts";
import { WorkQueue } from "../kube/queue.ts";
import { formatKey, isDeleting, keyOf } from "../kube/types.ts";
import { POSTGRESQL_INSTANCES, type PostgresqlCondition, type PostgresqlInstance, readyCondition } from "./demo_api.ts";

/** How long a database takes to come up: long enough to be seen. */
const CREATION_MS = 1_500;

/** What the operator makes of an instance: a status to write, with a time to look again. */
export interface OperatorStep {
  status: NonNullable<PostgresqlInstance["status"]>;
  requeueAfterMs?: number;
}

/** Nothing to do when undefined; a new instance is being created for a while, then ready. */
export function planOperator(instance: PostgresqlInstance, now: Date): OperatorStep | undefined {
  if (isDeleting(instance)) return undefined;
  const { name, generation = 1 } = instance.metadata;
  const known = readyCondition(instance);
  const condition = (rest: Pick<PostgresqlCondition, "status" | "reason" | "message">): PostgresqlCondition => ({
    type: "Ready",
    ...rest,
    observedGeneration: generation,
    lastTransitionTime: known?.status === rest.status ? known.lastTransitionTime : now.toISOString(),
  });
  if (!known) {
    const creating = condition({ status: "False", reason: "Creating", message: "The database is being created." });
    return { status: { conditions: [creating] }, requeueAfterMs: CREATION_MS };
  }
  if (known.status === "True" && known.observedGeneration === generation) return undefined;
  const { service, plan } = instance.spec;
  const message = `Runs as ${service} with plan ${plan}.`;
  return {
    status: {
      connection: { host: `${name}.databases.example.com`, port: 5432, database: name },
      conditions: [condition({ status: "True", reason: "Available", message })],
    },
  };
}

/** Plays the provider's operator for all instances until the signal fires: writes their status, runs no databases. */
export async function runOperator(provider: KubeClient, signal: AbortSignal): Promise<void> {
  const api = provider.api<PostgresqlInstance>(POSTGRESQL_INSTANCES);
  const informer = new Informer(api, { log: silentLog });
  const queue = new WorkQueue();
  const dueAt = new Map<string, number>();

  informer.subscribe(({ key, after }) => {
    if (after) queue.add(formatKey(key));
    else dueAt.delete(formatKey(key));
  }, signal);

  const reconcile = async (key: { namespace?: string; name: string }, signal: AbortSignal): Promise<Outcome> => {
    const waitMs = (dueAt.get(formatKey(key)) ?? 0) - performance.now();
    if (waitMs > 0) return { requeueAfterMs: waitMs }; // its own write has come back as an event
    const instance = informer.store.get(key);
    const step = instance && planOperator(instance, new Date());
    if (!step) return;
    const { uid, resourceVersion } = instance.metadata;
    const patch = { metadata: { uid, resourceVersion }, status: step.status };
    const { requeueAfterMs } = step;
    if (requeueAfterMs !== undefined) dueAt.set(formatKey(key), performance.now() + requeueAfterMs);
    await api.mergePatch(keyOf(instance), patch, { subresource: "status" }, signal);
    if (requeueAfterMs !== undefined) return { requeueAfterMs };
  };
  const controller = { name: "demo operator", queue, reconcile, log: silentLog, graceMs: 0 };
  await Promise.all([informer.watch({}, signal), runController(controller, signal)]);
}
