import { Command } from "commander";
import { flagsOf } from "../../command_line.ts";
import { examples } from "../../help.ts";
import type { ProgramContext } from "../../program.ts";
import type { AppClusterFlags } from "../app_cluster.ts";
import { addAppClusterFlags, addFormatFlag, EXIT_CODES } from "../common_options.ts";
import type { DataFormat } from "../data.ts";

/** `klutch check` */
export function checkCommand(context: ProgramContext): Command {
  const command = new Command("check")
    .description(
      "Looks whether the cluster of your current context is fit for Klutch, before or after you bind: version, clocks, " +
        "your rights, the konnector with its image, Lease and rights, and every provider that is bound. Changes nothing.",
    )
    .usage("[flags]");
  addFormatFlag(command);
  addAppClusterFlags(command, "accepted, without effect: Klutch lives in klutch-bind");
  return command
    .addHelpText("after", EXIT_CODES + "\n" + examples(["May I bind here?", `${context.invokedAs} check`]))
    .action(async () => {
      const flags = flagsOf<AppClusterFlags & { output: DataFormat }>(command);
      const { runCheck } = await import("./check.ts");
      await runCheck({ format: flags.output, appCluster: flags }, context);
    });
}
