import assert from "node:assert/strict";
import { eventually, within } from "../clusters.ts";
import { assertGolden } from "./golden.ts";

export const CTRL_C = "\x03";
// deno-lint-ignore no-control-regex
const COLOUR = /\x1b\[\d+m/g;

/** A command in a terminal of its own, as a person sees it. */
export class TerminalSession implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #keyboard: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  screen = "";

  /** @param env in addition to what this process has, and to what a terminal is known by */
  constructor(command: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const quoted = command.map((word) => `'${word}'`).join(" ");
    const child = this.#child = new Deno.Command("script", {
      args: ["--quiet", "--flush", "--return", "--command", quoted, "/dev/null"],
      env: { TERM: "xterm", BROWSER: "/bin/false", NO_COLOR: "", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
      signal: within(120_000),
    }).spawn();
    this.#keyboard = child.stdin.getWriter();
    this.#reading = (async () => {
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) this.screen += text;
    })();
  }

  /** What is on it without colours, as a pipe would have it. */
  get text(): string {
    return this.screen.replace(COLOUR, "").replaceAll("\r", "");
  }

  async says(pattern: RegExp): Promise<RegExpExecArray> {
    try {
      return await eventually(`the terminal shows ${pattern}`, () => pattern.exec(this.screen) ?? undefined);
    } catch (cause) {
      throw new Error(`${(cause as Error).message}; it shows:\n${this.text}`, { cause });
    }
  }

  async type(text: string): Promise<void> {
    await this.#keyboard.write(new TextEncoder().encode(text));
  }

  async ended(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#reading;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keyboard.close().catch(() => {}); // the terminal is gone already
    await this.#child.status;
    await this.#reading;
  }
}

/** Runs a command that asks nothing. */
async function runOnTerminal(command: readonly string[], env: Readonly<Record<string, string>> = {}) {
  await using terminal = new TerminalSession(command, env);
  const code = await terminal.ended();
  const { screen, text } = terminal;
  return { code, screen, text };
}

/** A command prints on a terminal what is kept, in colours unless nobody wants them. */
export async function assertColoured(
  name: string,
  command: readonly string[],
  { code, green, read = (text) => text }: { code: number; green: string; read?: (text: string) => string },
): Promise<void> {
  const [coloured, plain] = [await runOnTerminal(command), await runOnTerminal(command, { NO_COLOR: "1" })];
  assert.deepEqual([coloured.code, plain.code], [code, code]);
  assert.ok(coloured.screen.includes(`\x1b[32m${green}\x1b[0m`), coloured.screen);
  assert.ok(!plain.screen.includes("\x1b"), plain.screen);
  for (const { text } of [coloured, plain]) await assertGolden(name, read(text));
}
