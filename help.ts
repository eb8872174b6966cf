import type { Command, Help, Option } from "commander";

/** Longer flags have a line of their own, and what they mean goes below. */
const WIDEST_COLUMN = 32;

const describe = (option: Option, helper: Help): string =>
  helper.optionDescription(option).replace(/ \(default: (\[\]|false)\)$/, "").replaceAll('"', "");

/**
 * Lays out the help of a command: what it is for, how it is called, its subcommands, then its flags by group.
 * Examples and hints follow through `addHelpText("after", …)`.
 */
export function formatHelp(command: Command, helper: Help): string {
  const wrapAt = helper.helpWidth ?? 80;
  const width = Math.min(helper.padWidth(command, helper), WIDEST_COLUMN);
  const item = (term: string, description: string) => {
    const lines = helper.boxWrap(description, wrapAt - width - 4).split("\n");
    const start = term.length <= width ? [term.padEnd(width) + "  " + lines.shift()] : [term];
    return [...start, ...lines.map((line) => " ".repeat(width + 2) + line)].map((line) => `  ${line}`.trimEnd()).join(
      "\n",
    );
  };
  const lines: string[] = [];
  const description = helper.commandDescription(command);
  if (description) lines.push(helper.boxWrap(description, wrapAt), "");
  lines.push("Usage:", `  ${helper.commandUsage(command).replace("[options]", "[flags]")}`, "");
  const args = helper.visibleArguments(command);
  lines.push(...helper.formatItemList(
    "Arguments:",
    args.map((argument) => item(helper.argumentTerm(argument), helper.argumentDescription(argument))),
    helper,
  ));
  const commands = helper.groupItems(
    [...command.commands],
    helper.visibleCommands(command),
    (sub) => sub.helpGroup() || "Commands:",
  );
  for (const [heading, members] of commands) {
    const items = members.map((sub) => item(sub.name(), helper.subcommandDescription(sub)));
    lines.push(...helper.formatItemList(heading, items, helper));
  }
  const options = helper.groupItems(
    [...command.options],
    helper.visibleOptions(command),
    (option) => option.helpGroupHeading ?? "Flags:",
  );
  for (const [heading, members] of options) {
    const items = members.map((option) => item(helper.optionTerm(option), describe(option, helper)));
    lines.push(...helper.formatItemList(heading, items, helper));
  }
  return lines.join("\n");
}

/** Lines of an "Examples:" block: a comment and the command it explains, each. */
export function examples(...pairs: readonly (readonly [comment: string, command: string])[]): string {
  return `Examples:\n${pairs.map(([comment, command]) => `  # ${comment}\n  ${command}\n`).join("\n")}`;
}
