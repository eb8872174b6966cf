import { Command } from "commander";
import { flagsOf } from "../../command_line.ts";
import { examples } from "../../help.ts";
import { type ProgramContext, UsageError } from "../../program.ts";
import { addObjectOptions, type ObjectFlags, readObject } from "../object_options.ts";

const EXIT_CODES = `
Exit codes, as those of kubectl diff:
  0  nothing would be written
  1  something would be written
  2  it cannot be told, or a cluster would refuse it
`;

/** `klutch diff` */
export function diffCommand(context: ProgramContext): Command {
  const command = new Command("diff")
    .description(
      "Shows what the next sync would write, on either cluster, as a unified diff. Every write of the konnector's plan is " +
        "rehearsed by the API server that it would go to, with defaults and admission, on the provider with the rights " +
        "of the konnector; nothing is changed. What Secrets hold is not shown.",
    )
    .usage("(KIND NAME | --all) [flags]")
    .option("--all", "all objects of all bindings, and all that is claimed");
  return addObjectOptions(command)
    .addHelpText(
      "after",
      EXIT_CODES + "\n" + examples(
        ["What is about to change?", `${context.invokedAs} diff postgresqlinstance orders-db -n shop`],
        ["Is everything in sync?", `${context.invokedAs} diff --all`],
      ),
    )
    .action(async (...words: (string | undefined)[]) => {
      const { output: format, namespace, all = false, ...appCluster } = flagsOf<ObjectFlags & { all?: boolean }>(
        command,
      );
      const operands = words.slice(0, 2).filter((word) => word !== undefined);
      if (operands.length === 0 && !all) throw new UsageError("name the object: KIND NAME, or KIND/NAME; or say --all");
      if (operands.length > 0 && all) throw new UsageError("either one object or --all");
      const object = all ? undefined : readObject(operands);
      const { runDiff } = await import("./diff.ts");
      await runDiff({ object, namespace, format, appCluster }, context);
    });
}
