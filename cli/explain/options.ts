import { Command } from "commander";
import { flagsOf } from "../../command_line.ts";
import { examples } from "../../help.ts";
import type { ProgramContext } from "../../program.ts";
import { EXIT_CODES } from "../common_options.ts";
import { addObjectOptions, type ObjectFlags, readObject } from "../object_options.ts";

/** `klutch explain` */
export function explainCommand(context: ProgramContext): Command {
  const command = new Command("explain")
    .description(
      "Follows one object from this cluster to the provider and back, checkpoint by checkpoint, and says where it is " +
        "stopped, why, and what to do. Reads only; what the provider would say to the object is asked by dry run.",
    )
    .usage("KIND NAME [flags]");
  return addObjectOptions(command)
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
      const { output: format, namespace, ...appCluster } = flagsOf<ObjectFlags>(command);
      const { runExplain } = await import("./explain.ts");
      await runExplain({ ...object, namespace, format, appCluster }, context);
    });
}
