import { Command, Option } from "commander";
import { flagsOf } from "../../command_line.ts";
import { examples } from "../../help.ts";
import { type ProgramContext, UsageError } from "../../program.ts";
import { addTokenFlags, readTokenSource, type TokenFlags } from "../token_options.ts";
import { parseHttpUrl } from "../url.ts";
import type { ApisOptions } from "./apis.ts";

const FORMATS: readonly ApisOptions["format"][] = ["table", "wide", "json", "yaml"];

const EXIT_CODES = `
Exit codes:
  0  listed
  1  the command could not do its work
  2  the command line is wrong
`;

interface Flags extends TokenFlags {
  output: ApisOptions["format"];
  providerCaFile?: string;
}

/** `klutch apis` */
export function apisCommand(context: ProgramContext): Command {
  const command = new Command("apis")
    .description(
      "Lists what a provider offers to you: what `bind` can bind. You log in by device code, or as a program with the " +
        "flags below; nothing is bound, and no cluster is needed.",
    )
    .usage("URL [flags]")
    .argument("[url]", "the provider's export page, e.g. https://HOST/export")
    .addOption(
      new Option("-o, --output <format>", "print as table, wide, json or yaml").choices([...FORMATS]).default("table"),
    )
    .option("--provider-ca-file <file>", "certificates to trust for the provider's URL (PEM)")
    .optionsGroup("Login of a program:");
  return addTokenFlags(command)
    .addHelpText(
      "after",
      EXIT_CODES + "\n" + examples(
        ["What can I bind?", `${context.invokedAs} apis https://HOST/export`],
        ["In a pipeline", `${context.invokedAs} apis https://HOST/export --identity-token-file token -o json`],
      ),
    )
    .action(async (text: string | undefined) => {
      if (text === undefined) throw new UsageError("give the provider's URL, e.g. https://HOST/export");
      if (!/^https?:\/\//.test(text)) throw new UsageError(`'${text}' has to be a URL like https://HOST/export`);
      const { output: format, providerCaFile, ...flags } = flagsOf<Flags>(command);
      const login = readTokenSource(flags, context.env);
      const { runApis } = await import("./apis.ts");
      await runApis({ url: parseHttpUrl(text), login, providerCaFile, format }, context);
    });
}
