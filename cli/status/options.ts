import { Command } from "commander";
import { flagsOf } from "../../command_line.ts";
import { examples } from "../../help.ts";
import type { ProgramContext } from "../../program.ts";
import type { AppClusterFlags } from "../app_cluster.ts";
import { addAppClusterFlags, addFormatFlag, EXIT_CODES } from "../common_options.ts";
import type { DataFormat } from "../data.ts";

/** `klutch status` */
export function statusCommand(context: ProgramContext): Command {
  const command = new Command("status")
    .description(
      "Shows the APIs bound in the cluster of your current context, the worst first: whether they work, when the " +
        "provider last heard from this cluster, how many objects there are, and what to do where something is wrong. " +
        "Looks at the provider with the kubeconfig of the binding.",
    )
    .usage("[flags]");
  addFormatFlag(command);
  addAppClusterFlags(command, "show bindings of this namespace only");
  return command
    .addHelpText(
      "after",
      EXIT_CODES + "\n" + examples(
        ["What is bound here, and does it work?", `${context.invokedAs} status`],
        [
          "The same for a script",
          `${context.invokedAs} status -o json | jq '.bindings[] | select(.verdict == "FAIL")'`,
        ],
      ),
    )
    .action(async () => {
      const flags = flagsOf<AppClusterFlags & { output: DataFormat; namespace?: string }>(command);
      const { runStatus } = await import("./status.ts");
      await runStatus({ format: flags.output, namespace: flags.namespace, appCluster: flags }, context);
    });
}
