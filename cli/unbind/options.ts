import { Command, Option } from "commander";
import { flagsOf } from "../../command_line.ts";
import { examples } from "../../help.ts";
import { type ProgramContext, UsageError } from "../../program.ts";
import type { AppClusterFlags } from "../app_cluster.ts";
import { addAppClusterFlags, addFormatFlag, completeBindingName, toMilliseconds } from "../common_options.ts";
import type { DataFormat } from "../data.ts";
import type { UnbindMode } from "./plan.ts";

const EXIT_CODES = `
Exit codes:
  0  done, or planned
  1  the command could not do its work
  2  the command line is wrong
  3  --plan meets an obstacle, or what is left is not what the plan said
`;

const MODES: readonly UnbindMode[] = ["drain", "orphan", "force"];

interface Flags extends AppClusterFlags {
  mode: UnbindMode;
  plan?: boolean;
  yes?: boolean;
  waitTimeout: number;
  output: DataFormat;
}

/** `klutch unbind` */
export function unbindCommand(context: ProgramContext): Command {
  const command = new Command("unbind")
    .description(
      "Stops using an API. With drain its objects are deleted here, and the services behind them on the provider; with " +
        "orphan all stays where it is, on both clusters, and is not kept in sync any more; force is for a provider or " +
        "konnector that is gone for good: this cluster lets go of everything, and a receipt says what is left behind.",
    )
    .usage("NAME [flags]")
    .argument("<name>", "name of the binding, e.g. postgresqlinstances.anynines.com")
    .addOption(new Option("--mode <mode>", "what becomes of the objects").choices([...MODES]).default("drain"))
    .option("--plan", "only say what there is, and what would become of it")
    .option("-y, --yes", "do not ask")
    .addOption(
      new Option("--wait-timeout <duration>", "how long to wait until all is done").default(300_000, "5m")
        .argParser(toMilliseconds),
    );
  addFormatFlag(command);
  completeBindingName(command);
  addAppClusterFlags(command, "accepted, without effect: the name says which binding");
  return command
    .addHelpText(
      "after",
      EXIT_CODES + "\n" + examples(
        ["What would be lost?", `${context.invokedAs} unbind postgresqlinstances.anynines.com --plan`],
        [
          "Keep all services, but stop to sync",
          `${context.invokedAs} unbind postgresqlinstances.anynines.com --mode orphan`,
        ],
        ["In a script", `${context.invokedAs} unbind postgresqlinstances.anynines.com --yes -o json`],
      ),
    )
    .action(async (name: string) => {
      const { output: format, mode, plan: planOnly = false, yes = false, waitTimeout, ...appCluster } = flagsOf<Flags>(
        command,
      );
      if (!planOnly && !yes && !context.isTerminal.stdin) {
        throw new UsageError("nobody is there to ask: look at it with --plan, then say --yes");
      }
      const { runUnbind } = await import("./unbind.ts");
      await runUnbind({ name, mode, planOnly, isAgreed: yes, waitTimeoutMs: waitTimeout, format, appCluster }, context);
    });
}
