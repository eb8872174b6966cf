import assert from "node:assert/strict";
import { Command, Option } from "commander";
import { complete, completeOperands } from "./completion.ts";
import type { ProgramContext } from "./program.ts";

const context = { signal: new AbortController().signal } as ProgramContext;

function program() {
  const unbind = new Command("unbind").summary("Stop").argument("[name]")
    .addOption(new Option("-o, --output <format>").choices(["json", "yaml"]))
    .option("--kubeconfig <file>", "kubeconfig file to use")
    .addOption(new Option("--inert").hideHelp());
  completeOperands(
    unbind,
    (_context, flags: { kubeconfig?: string }, operands) =>
      operands.length > 0
        ? Promise.reject(new Error("no more"))
        : Promise.resolve([`a.${flags.kubeconfig ?? "default"}`, "b.default"]),
  );
  return new Command("klutch").addCommand(unbind).addCommand(new Command("status").summary("Show"));
}

const cases: [words: string[], want: string[]][] = [
  [[""], ["unbind\tStop", "status\tShow", ":4"]],
  [["s"], ["status\tShow", ":4"]],
  [["x"], [":4"]],
  [["unbind", "-"], ["--output", "--kubeconfig\tkubeconfig file to use", "--help\tshow this help", ":4"]],
  [["unbind", "-o", ""], ["json", "yaml", ":4"]],
  [["unbind", "--output", "y"], ["yaml", ":4"]],
  [["unbind", "--kubeconfig", ""], [":0"]],
  [["unbind", ""], ["a.default", "b.default", ":4"]],
  [["unbind", "--kubeconfig=other", "a"], ["a.other", ":4"]],
  [["unbind", "--kubeconfig", "other", "a"], ["a.other", ":4"]],
  [["unbind", "a.default", ""], [":4"]],
];
for (const [words, want] of cases) {
  Deno.test(`complete() offers for ${JSON.stringify(words)} what fits`, async () => {
    assert.deepEqual((await complete(program(), words, context)).trimEnd().split("\n"), want);
  });
}
