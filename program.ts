import type { Command } from "commander";

/** What a subcommand gets from the process it runs in; only `main.ts` touches `Deno.args`, `Deno.env` and `Deno.exit`. */
export interface ProgramContext {
  env: Readonly<Record<string, string | undefined>>;
  /** The command line that starts this program again, e.g. `["/usr/bin/klutch"]` or `["deno", "run", "-A", "main.ts"]`. */
  self: readonly string[];
  /** The name a user typed to get here, for usage lines and hints: `klutch`, `kubectl klutch`, `kubectl bind`. */
  invokedAs: string;
  version: string;
  /** Results; nothing but what a script would want to read. */
  writeOut(text: string): void;
  /** Progress and messages for people. */
  writeError(text: string): void;
  stdin: ReadableStream<Uint8Array>;
  isTerminal: { stdin: boolean; stdout: boolean; stderr: boolean };
  /** Fires on SIGINT and SIGTERM. */
  signal: AbortSignal;
}

/** Builds one subcommand: its flags, its help and its action. */
export type CommandFactory = (context: ProgramContext) => Command;

/** The command did its work, and its answer is an exit code. */
export class Answer extends Error {
  override readonly name: string = "Answer";

  constructor(readonly exitCode: number) {
    super(`The answer is exit code ${exitCode}`);
  }
}

/** The command did its work, and found that something is not in order; exit code 3. */
export class NotInOrder extends Answer {
  override readonly name = "NotInOrder";

  constructor() {
    super(3);
  }
}

/** The command line is wrong; printed with a hint to `--help`, exit code 2 where nothing else is agreed. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
