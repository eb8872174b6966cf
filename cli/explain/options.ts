import { Command } from "commander";
import { flagsOf } from "../../command_line.ts";
import { completeOperands } from "../../completion.ts";
import { examples } from "../../help.ts";
import type { ProgramContext } from "../../program.ts";
import type { AppClusterFlags } from "../app_cluster.ts";
import { addAppClusterFlags, addFormatFlag, EXIT_CODES } from "../common_options.ts";
import type { DataFormat } from "../data.ts";
import { readObject } from "../object_argument.ts";

/** `klutch explain` */
export function explainCommand(context: ProgramContext): Command {
  const command = new Command("explain")
    .description(
      "Follows one object from this cluster to the provider and back, checkpoint by checkpoint, and says where it is " +
        "stopped, why, and what to do. Reads only; what the provider would say to the object is asked by dry run.",
    )
    .usage("KIND NAME [flags]")
    .argument("[kind]", "kind, plural or short name, e.g. postgresqlinstance; KIND/NAME in one word works, too")
    .argument("[name]", "name of the object");
  addFormatFlag(command);
  completeOperands(
    command,
    async (context, flags, operands) =>
      operands.length > 0 ? [] : (await import("../completion.ts")).bindingNames(context, flags),
  );
  addAppClusterFlags(command, "namespace of the object; that of your context, else default");
  return command
    .addHelpText(
      "after",
      EXIT_CODES + "\n" + examples(
        ["Why does my database not come?", `${context.invokedAs} explain postgresqlinstance orders-db -n shop`],
        [
          "Wait until it is there",
          `until ${context.invokedAs} explain mangodb orders | grep '^OK *Operator'; do sleep 5; done`,
        ],
      ),
    )
    .action(async (first: string | undefined, second: string | undefined) => {
      const object = readObject([first, second]);
      if (!object) return command.outputHelp();
      const flags = flagsOf<AppClusterFlags & { output: DataFormat; namespace?: string }>(command);
      const { runExplain } = await import("./explain.ts");
      const { output: format, namespace } = flags;
      await runExplain({ ...object, namespace, format, appCluster: flags }, context);
    });
}
