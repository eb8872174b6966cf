import type { Terminal } from "./terminal.ts";

/** A terminal at which nobody sits, and what was said on it. */
export function recordedTerminal(isLive = false): { said: string[]; terminal: Terminal } {
  const said: string[] = [];
  const terminal: Terminal = {
    isLive,
    say: (line) => said.push(line),
    print: () => {},
    ask: () => Promise.resolve(undefined),
  };
  return { said, terminal };
}
