import { Command, Option } from "commander";
import { flagsOf } from "../../command_line.ts";
import { examples } from "../../help.ts";
import type { ProgramContext } from "../../program.ts";
import type { AppClusterFlags } from "../app_cluster.ts";
import type { ReportFormat } from "./report.ts";

const EXIT_CODES = `
Exit codes:
  0  safe: what was valid is valid, and means the same
  1  risky: nobody can tell without a look at objects and programs
  2  breaking: objects are refused or lose fields, or programs fail
  4  there is no answer: wrong command line, file or cluster
`;

const FORMATS: readonly ReportFormat[] = ["table", "json", "yaml", "sarif", "junit"];

type Flags = AppClusterFlags & { output: ReportFormat };

/** `klutch schema` */
export function schemaCommand(context: ProgramContext): Command {
  return new Command("schema")
    .description("Compares versions of APIs, and tells whether those who use them are safe with a change.")
    .usage("<command> [flags]")
    .addCommand(diffCommand(context))
    .addHelpText(
      "after",
      EXIT_CODES + "\n" + examples(
        ["Is this change safe?", `${context.invokedAs} schema diff old.yaml new.yaml`],
        [
          "Compare with what the control plane serves",
          `${context.invokedAs} schema diff crd/dbs.example.com new.yaml --context control-plane`,
        ],
      ),
    );
}

function diffCommand(context: ProgramContext): Command {
  const command = new Command("diff")
    .summary("Compare two versions of APIs")
    .description(
      "Compares two versions of APIs: files with CustomResourceDefinitions or CompositeResourceDefinitions " +
        "(`-` is stdin), or `crd/NAME` for one that a cluster has.",
    )
    .usage("OLD NEW [flags]")
    .argument("<old>")
    .argument("<new>");
  addFlags(command);
  return command
    .addHelpText(
      "after",
      EXIT_CODES + "\n" + examples(["In CI", `${context.invokedAs} schema diff a.yaml b.yaml -o sarif`]),
    )
    .action(async (before: string, after: string) => {
      const flags = flagsOf<Flags>(command);
      const { runDiff } = await import("./diff.ts");
      await runDiff({ before, after, format: flags.output, cluster: flags }, context);
    });
}

function addFlags(command: Command): void {
  command
    .addOption(
      new Option("-o, --output <format>", "print as json, yaml, sarif, junit or table").choices([...FORMATS]).default(
        "table",
      ),
    )
    .option("--kubeconfig <file>", "kubeconfig file to use")
    .option("--context <name>", "context of the kubeconfig to use");
}
