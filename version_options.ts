import { Command, Option } from "commander";
import { GO_ARCH } from "./platform.ts";
import type { ProgramContext } from "./program.ts";
import { PROTOCOL_VERSION } from "./version.ts";

/** `klutch version`: what this program is, for people and for scripts. */
export function versionCommand(context: ProgramContext): Command {
  return new Command("version")
    .description("Print the version of this program, of the wire format it speaks, and of its runtime.")
    .addOption(new Option("-o, --output <format>", "print as json or yaml").choices(["json", "yaml"]))
    .option("--short", "print the version only")
    .action(async ({ output, short }: { output?: "json" | "yaml"; short?: boolean }) => {
      const facts = {
        version: context.version,
        protocolVersion: PROTOCOL_VERSION,
        runtime: `deno ${Deno.version.deno}`,
        platform: `${Deno.build.os}/${GO_ARCH[Deno.build.arch]}`,
      };
      if (short) return context.writeOut(`${facts.version}\n`);
      if (output === "json") return context.writeOut(`${JSON.stringify(facts, null, 2)}\n`);
      if (output === "yaml") return context.writeOut((await import("yaml")).stringify(facts));
      context.writeOut(
        `Version:   ${facts.version}\nProtocol:  klutch-bind ${facts.protocolVersion}\n` +
          `Runtime:   ${facts.runtime}\nPlatform:  ${facts.platform}\n`,
      );
    });
}
