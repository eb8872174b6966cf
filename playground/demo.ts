import { fired, TaskGroup } from "../kube/tasks.ts";
import { resourceName } from "../kube/types.ts";
import type { ProgramContext } from "../program.ts";
import { ORDERS_DB, POSTGRESQL_INSTANCES } from "./demo_api.ts";
import { bindApi } from "./demo_bind.ts";
import { showCrossplane } from "./demo_crossplane.ts";
import { openClusters, quote } from "./demo_clusters.ts";
import { offerApi } from "./demo_offer.ts";
import { makeRoundTrip } from "./demo_round_trip.ts";
import type { Stage } from "./demo_stage.ts";
import { Screen } from "./screen.ts";

export interface DemoOptions {
  /** Ends after the round trip. */
  once: boolean;
  /** A person logs in and clicks. */
  interactive: boolean;
  /** A service that is defined for Crossplane comes after that. */
  withCrossplane: boolean;
}

/**
 * Tells the story from two empty clusters to the round trip of one object, then keeps running until the signal fires.
 * Whatever happens, no process and no file of it is left.
 *
 * @throws {Error} saying which step failed and why
 */
export async function runDemo(options: DemoOptions, context: ProgramContext, signal: AbortSignal): Promise<void> {
  using screen = new Screen(context, columns);
  const stack = new AsyncDisposableStack();
  try {
    screen.title("Klutch: APIs of a control plane, used in app clusters as if they were local");
    await tellStory(options, { context, screen, stack }, signal);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    await screen.during("stopping everything, and removing what it has written", () => stack.disposeAsync());
    screen.done("everything is stopped, and nothing is left behind");
  }
}

async function tellStory(
  { once, interactive, withCrossplane }: DemoOptions,
  start: Pick<Stage, "context" | "screen" | "stack">,
  signal: AbortSignal,
): Promise<void> {
  const { context, screen, stack } = start;
  screen.chapter("Two Kubernetes control planes on this machine");
  const clusters = await screen.during(
    "looking for etcd, kube-apiserver and kubectl",
    (tell) => {
      const search = { env: context.env, progress: (line: string) => screen.say(line), counter: tell };
      return openClusters(stack, search, signal);
    },
  );
  for (const { title, plane: { server } } of [clusters.provider, clusters.consumer]) {
    screen.done(`${title} at ${server}`);
  }

  let failure: { error: unknown } | undefined;
  const tasks = stack.use(new TaskGroup((error) => failure ??= { error }, signal));
  const stage: Stage = { ...clusters, ...start, interactive, tasks, isComplete: false };
  try {
    screen.chapter("The platform team offers PostgreSQL");
    const exportUrl = await offerApi(stage);
    screen.chapter("The app team binds the API");
    const { konnector, pageUrl } = await bindApi(stage, exportUrl);
    screen.chapter("An instance makes the round trip");
    await makeRoundTrip(stage, konnector);
    stage.isComplete = true;
    if (withCrossplane) {
      screen.chapter("The platform team offers a service that it has defined for Crossplane");
      await showCrossplane(stage, exportUrl);
    }
    if (once) return screen.done("the round trip is complete");

    screen.chapter("Your turn");
    showWhatToTry(stage, { exportUrl, pageUrl });
    await fired(tasks.signal);
  } catch (error) {
    throw failure ? failure.error : error; // the rest has only stopped because of it
  }
  if (failure) throw failure.error;
}

function showWhatToTry(stage: Stage, { exportUrl, pageUrl }: { exportUrl: string; pageUrl: string }): void {
  const { screen, context: { self }, consumer, provider, kubectlPath, directory } = stage;
  const instances = POSTGRESQL_INSTANCES.plural;
  const toConsumer = `${quote(kubectlPath)} --kubeconfig ${quote(consumer.kubeconfigPath)}`;
  const toProvider = `${quote(kubectlPath)} --kubeconfig ${quote(provider.kubeconfigPath)}`;
  const again = [...self, "bind", exportUrl, "--skip-konnector", "--kubeconfig", consumer.kubeconfigPath];
  screen.say(
    "Everything keeps running until you press Ctrl-C. What happens to instances is shown below, as it happens.",
  );
  const group = (heading: string, ...lines: string[]) =>
    screen.say([`\n${screen.dim(`# ${heading}`)}`, ...lines].join("\n"));
  group(
    "App cluster: the API is used as if it were local",
    `${toConsumer} get ${instances}`,
    `${toConsumer} edit ${instances} ${ORDERS_DB.name}`,
    `${toConsumer} delete ${instances} ${ORDERS_DB.name}`,
    `${toConsumer} apply -f ${quote(`${directory}/orders-db.yaml`)}`,
  );
  group(
    "Control plane cluster: where instances arrive",
    `${toProvider} get ${instances} --all-namespaces`,
    `${toProvider} get apiserviceexports,clusterbindings --all-namespaces`,
  );
  group(
    `The provider's page, as seen while binding ${resourceName(POSTGRESQL_INSTANCES)}; log in with any name`,
    pageUrl,
  );
  group("Bind once more, this time in your browser", again.map(quote).join(" "));
  screen.say("");
}

const DEFAULT_COLUMNS = 80;

function columns(): number {
  try {
    return Deno.consoleSize().columns || DEFAULT_COLUMNS;
  } catch {
    return DEFAULT_COLUMNS; // not a terminal
  }
}
