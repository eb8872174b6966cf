import { Command } from "commander";
import { flagsOf } from "../../command_line.ts";
import { examples } from "../../help.ts";
import type { ProgramContext } from "../../program.ts";
import type { AppClusterFlags } from "../app_cluster.ts";
import { addAppClusterFlags, addFormatFlag } from "../common_options.ts";
import type { DataFormat } from "../data.ts";

const EXIT_CODES = `
Exit codes:
  0  the konnector may do what it needs, and nothing else
  1  the command could not do its work
  2  the command line is wrong
  3  it may do more, or less, or that cannot be told on some cluster
`;

/** `klutch rbac` */
export function rbacCommand(context: ProgramContext): Command {
  return new Command("rbac")
    .description("Looks into the rights of the konnector, on this cluster and on providers.")
    .usage("<command> [flags]")
    .addCommand(auditCommand(context));
}

function auditCommand(context: ProgramContext): Command {
  const command = new Command("audit")
    .summary("Compare the konnector's rights with what it needs")
    .description(
      "Compares what the konnector may do with what it needs for all that is bound and claimed: on this cluster by the " +
        "roles that are bound to its ServiceAccount, on each provider by what its API server tells the binding's " +
        "kubeconfig. Excess is granted without need; missing is needed and not granted. Changes nothing.",
    )
    .usage("[flags]");
  addFormatFlag(command);
  addAppClusterFlags(command, "accepted, without effect: the konnector lives in klutch-bind");
  return command
    .addHelpText(
      "after",
      EXIT_CODES + "\n" + examples(
        ["Has the konnector too many rights?", `${context.invokedAs} rbac audit`],
        ["Bring its rights here up to date", `${context.invokedAs} konnector upgrade`],
      ),
    )
    .action(async () => {
      const { output: format, ...appCluster } = flagsOf<AppClusterFlags & { output: DataFormat }>(command);
      const { runAudit } = await import("./audit.ts");
      await runAudit({ format, appCluster }, context);
    });
}
