import { join } from "node:path";
import type { TaskGroup } from "../kube/tasks.ts";
import type { ProgramContext } from "../program.ts";
import type { DemoCluster, DemoClusters } from "./demo_clusters.ts";
import { type Service, type ServiceOptions, startService } from "./demo_service.ts";
import { runKubectl } from "./kubectl.ts";
import type { Screen } from "./screen.ts";

/** All that the chapters of the demo share. */
export interface Stage extends DemoClusters {
  context: ProgramContext;
  screen: Screen;
  /** A person logs in and clicks Bind. */
  interactive: boolean;
  /** Stops what the chapters start. */
  stack: AsyncDisposableStack;
  /** What goes on beside the story; its signal fires when something of that fails. */
  tasks: TaskGroup;
  /** From now on a server that ends is started again. */
  isComplete: boolean;
}

/** Shows a kubectl command as a person would type it, runs it, and shows what it prints. @throws {Error} with that */
export async function kubectl(
  { screen, directory, kubectlPath, tasks: { signal } }: Stage,
  { title, kubeconfigPath }: DemoCluster,
  args: readonly string[],
): Promise<void> {
  screen.command(`kubectl ${args.join(" ")}`, title);
  const inDirectory = args.map((arg) => arg.endsWith(".yaml") ? join(directory, arg) : arg);
  const { code, stdout, stderr } = await screen.during(
    `waiting for kubectl`,
    () => runKubectl([kubectlPath], kubeconfigPath, inDirectory, { signal }),
  );
  signal.throwIfAborted();
  if (code !== 0) throw new Error(`kubectl ${args.join(" ")} failed on the ${title}: ${stderr.trim()}`);
  screen.quote(stdout);
}

/** Applies one of the files in the demo's directory. */
export const applyFile = (stage: Stage, cluster: DemoCluster, file: `${string}.yaml`): Promise<void> =>
  kubectl(stage, cluster, ["apply", "-f", file]);

/**
 * Starts a server and shows it. One that ends before the round trip is complete ends the demo; later it is started
 * again, as a Deployment would.
 */
export async function runService(
  stage: Stage,
  { name, args, again }: Pick<ServiceOptions, "name" | "args"> & { again?: (service: Service) => readonly string[] },
): Promise<Service> {
  const { context: { self }, screen, stack, tasks, directory } = stage;
  const start = async (args: readonly string[]): Promise<Service> => {
    const onEnd: ServiceOptions["onEnd"] = ({ code, lastLines }) =>
      tasks.run(async () => {
        const what = `the ${name} ended with exit code ${code}`;
        if (!stage.isComplete) throw new Error(`Cannot go on: ${what}; its last lines:\n${lastLines}`);
        screen.failed(`${what}; it is started again, as a Deployment would do`);
        const { started } = await start(again?.(service) ?? args);
        screen.done(`the ${name} runs again, as process ${started.pid}`);
      });
    const service = await startService({ name, self, args, directory, onEnd }, tasks.signal);
    stack.use(service);
    return service;
  };
  const startedAt = performance.now();
  const service = await screen.during(`starting the ${name}`, () => start(args));
  const { started: { pid }, logPath } = service;
  screen.done(`the ${name} runs as process ${pid}, log in ${logPath}`, performance.now() - startedAt);
  return service;
}
