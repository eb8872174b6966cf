import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { API_SERVICE_BINDINGS, KLUTCH_NAMESPACE } from "../crds/names.ts";
import { messageOf } from "../kube/errors.ts";
import { formatKey, resourceName } from "../kube/types.ts";
import { ORDERS_DB, POSTGRESQL_INSTANCES, readyCondition } from "./demo_api.ts";
import { describeMoment, Journal, type Moment, watchMoments } from "./demo_moments.ts";
import { runOperator } from "./demo_operator.ts";
import type { Service } from "./demo_service.ts";
import { applyFile, kubectl, type Stage } from "./demo_stage.ts";
import { formatMs } from "./screen.ts";

const HOP_TIMEOUT_MS = 30_000;

/**
 * Creates an instance on the consumer and follows it to the provider, and its status back.
 *
 * @throws {Error} naming the hop that did not happen, with what the binding and the log say
 */
export async function makeRoundTrip(stage: Stage, konnector: Service): Promise<void> {
  const { screen, consumer, tasks: { signal } } = stage;
  screen.say("The konnector carries the spec up and the status down. The demo plays the operator that runs databases.");
  const journal = openJournal(stage);
  const hop = async (what: string, fits: (moment: Moment) => boolean): Promise<Moment> => {
    const moment = await screen.during(`waiting: ${what}`, () => journal.until(fits, HOP_TIMEOUT_MS, signal));
    if (moment) return moment;
    throw new Error(`Not within ${HOP_TIMEOUT_MS / 1000} s: ${what}.\n${await explainStall(stage, konnector)}`);
  };

  await applyFile(stage, consumer, "orders-db.yaml");
  const created = await hop(
    `"${formatKey(ORDERS_DB)}" appears in the app cluster`,
    ({ side, key }) => side === "consumer" && formatKey(key) === formatKey(ORDERS_DB),
  );
  const arrived = await hop(
    `"${formatKey(ORDERS_DB)}" appears in the control plane cluster`,
    ({ side, key }) => side === "provider" && key.name === ORDERS_DB.name,
  );
  const ran = await hop(
    "the operator says in the control plane cluster that the database is ready",
    ({ side, key, instance }) => side === "provider" && key.name === ORDERS_DB.name && isReady(instance),
  );
  const returned = await hop(
    "the status arrives in the app cluster",
    ({ side, key, instance }) => side === "consumer" && key.name === ORDERS_DB.name && isReady(instance),
  );
  screen.done(`spec up in ${formatMs(between(created, arrived))}, status down in ${formatMs(between(ran, returned))}`);
  await kubectl(stage, consumer, ["get", POSTGRESQL_INSTANCES.plural]);
}

const isReady = (instance: Moment["instance"]) => readyCondition(instance)?.status === "True";
/** Two watches tell their moments, and either may be the faster one. */
const between = (from: Moment, to: Moment) => Math.max(0, to.atMs - from.atMs);

/** Shows from now on what happens to instances, and lets the operator run. */
function openJournal(stage: Stage): Journal {
  const { screen, consumer, provider, tasks } = stage;
  const journal = new Journal();
  let startMs: number | undefined;
  journal.onMoment = (moment) => {
    startMs ??= moment.atMs;
    const time = stage.isComplete ? new Date().toTimeString().slice(0, 8) : `+${formatMs(moment.atMs - startMs)}`;
    const where = (moment.side === "consumer" ? consumer : provider).title;
    const object = formatKey(moment.key);
    screen.say(`${screen.dim(time.padStart(9))}  ${where.padEnd(21)}  ${object}  ${describeMoment(moment)}`);
  };
  for (const [{ client }, side] of [[consumer, "consumer"], [provider, "provider"]] as const) {
    tasks.run((signal) => watchMoments(client, side, (moment) => journal.record(moment), signal));
  }
  tasks.run((signal) => runOperator(provider.client, signal));
  return journal;
}

/** What the binding and the konnector have to say when nothing moves. */
async function explainStall({ consumer, tasks }: Stage, konnector: Service): Promise<string> {
  const key = { namespace: KLUTCH_NAMESPACE, name: resourceName(POSTGRESQL_INSTANCES) };
  const lines: string[] = [];
  try {
    const api = consumer.client.api<APIServiceBinding>(API_SERVICE_BINDINGS);
    const { status } = await api.get(key, AbortSignal.any([tasks.signal, AbortSignal.timeout(5_000)]));
    for (const { type, status: value, reason, message } of status?.conditions ?? []) {
      lines.push(`  ${type}=${value}${reason ? ` (${reason})` : ""}${message ? `: ${message}` : ""}`);
    }
  } catch (error) {
    lines.push(`  ${messageOf(error)}`);
  }
  return [
    `The binding ${formatKey(key)} says:`,
    ...lines,
    "Last lines of the konnector:",
    await konnector.logTail(8),
  ].join("\n");
}
