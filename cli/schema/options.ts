import { Command, Option } from "commander";
import { flagsOf } from "../../command_line.ts";
import { examples } from "../../help.ts";
import { type ProgramContext, UsageError } from "../../program.ts";
import type { ControlPlaneFlags } from "./control_plane.ts";
import type { DataFormat } from "../data.ts";
import type { ReportFormat } from "./print_report.ts";

const EXIT_CODES = `
Exit codes:
  0  safe: what was valid is valid, and means the same
  1  risky: nobody can tell without a look at objects and programs
  2  breaking: objects are refused or lose fields, or programs fail
  4  there is no answer: wrong command line, file or cluster
`;

/** Of commands that judge nothing. */
const WORK_CODES = `
Exit codes:
  0  done
  4  not done: wrong command line or cluster
`;

const FORMATS: readonly ReportFormat[] = ["table", "json", "yaml", "sarif", "junit"];

type Flags = ControlPlaneFlags & { output: ReportFormat };

/** `klutch schema` */
export function schemaCommand(context: ProgramContext): Command {
  return new Command("schema")
    .description("Compares versions of APIs, and tells whether those who use them are safe with a change.")
    .usage("<command> [flags]")
    .addCommand(diffCommand(context))
    .addCommand(checkCommand(context))
    .addCommand(statusCommand(context))
    .addCommand(rollbackCommand(context))
    .addHelpText(
      "after",
      EXIT_CODES + "\n" + examples(
        ["Is this change safe?", `${context.invokedAs} schema diff old.yaml new.yaml`],
        [
          "Compare with what the control plane serves",
          `${context.invokedAs} schema diff crd/dbs.example.com new.yaml --context control-plane`,
        ],
        ["Do all stored objects fit?", `${context.invokedAs} schema check -f new.yaml --context control-plane`],
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
      await runDiff({ before, after, format: flags.output, controlPlane: flags }, context);
    });
}

function checkCommand(context: ProgramContext): Command {
  const command = new Command("check")
    .summary("See what a change would do on a control plane")
    .description(
      "Compares new CustomResourceDefinitions with those of a control plane. Unless a change is safe, the API server " +
        "judges every stored object by a copy of the new one, which is deleted again: needs the right to create and " +
        "delete CustomResourceDefinitions. Objects are counted by tenant; nothing of what they hold is shown.",
    )
    .usage("-f FILE [flags]")
    .requiredOption("-f, --filename <file>", "file with the new definitions; - is stdin");
  addFlags(command);
  return command
    .addHelpText(
      "after",
      EXIT_CODES + "\n" +
        examples(["Before a release", `${context.invokedAs} schema check -f new.yaml --context control-plane`]),
    )
    .action(async () => {
      const flags = flagsOf<Flags & { filename: string }>(command);
      const { runCheck } = await import("./check.ts");
      await runCheck({ file: flags.filename, format: flags.output, controlPlane: flags }, context);
    });
}

function statusCommand(context: ProgramContext): Command {
  const command = new Command("status")
    .summary("Show how far changes have come on their way to app clusters")
    .description(
      "Shows for each API that a control plane offers how many app clusters have its schema, and what waits.",
    )
    .usage("[flags]");
  addFlags(command, ["table", "json", "yaml"]);
  return command
    .addHelpText(
      "after",
      WORK_CODES + "\n" + examples(["What waits?", `${context.invokedAs} schema status --context control-plane`]),
    )
    .action(async () => {
      const flags = flagsOf<ControlPlaneFlags & { output: DataFormat }>(command);
      const { runStatus } = await import("./status.ts");
      await runStatus({ format: flags.output, controlPlane: flags }, context);
    });
}

function rollbackCommand(context: ProgramContext): Command {
  const command = new Command("rollback")
    .summary("Give app clusters a schema that they had before")
    .description(
      "Gives all app clusters that have bound an API a schema that they had before, at once and whatever the policy, " +
        "until --undo. The definition on the control plane stays as it is. `schema status` shows which schemas are kept.",
    )
    .usage("API [flags]")
    .argument("<api>")
    .option("--to <hash>", "the schema to go back to; the one that app clusters left last when unset")
    .option("--undo", "follow the definition on the control plane again", false);
  addClusterFlags(command);
  return command
    .addHelpText(
      "after",
      WORK_CODES + "\n" + examples([
        "Take back what went out last",
        `${context.invokedAs} schema rollback dbs.example.com --context control-plane`,
      ]),
    )
    .action(async (api: string) => {
      const flags = flagsOf<ControlPlaneFlags & { to?: string; undo: boolean }>(command);
      if (flags.undo && flags.to !== undefined) throw new UsageError("--undo and --to exclude each other");
      const { runRollback } = await import("./rollback.ts");
      await runRollback({ api, to: flags.to, undo: flags.undo, controlPlane: flags }, context);
    });
}

function addFlags(command: Command, formats: readonly ReportFormat[] = FORMATS): void {
  command
    .addOption(
      new Option("-o, --output <format>", `print as ${formats.join(", ")}`).choices([...formats]).default("table"),
    );
  addClusterFlags(command);
}

function addClusterFlags(command: Command): void {
  command
    .option("--kubeconfig <file>", "kubeconfig file to use")
    .option("--context <name>", "context of the kubeconfig to use");
}
