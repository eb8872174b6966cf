import type { Terminal } from "./terminal.ts";

/** Lines that change while somebody waits: in place on a terminal, one after the other elsewhere. */
export class Checklist {
  readonly #terminal: Terminal;
  readonly #lines = new Map<string, string>();
  #drawn = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** What there is to say about an item now. */
  set(item: string, line: string): void {
    if (this.#lines.get(item) === line) return;
    this.#lines.set(item, line);
    if (!this.#terminal.isLive) return this.#terminal.say(line);
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : "";
    const lines = [...this.#lines.values()].map((line) => `\x1b[2K${line}`);
    // Long lines are cut and not wrapped, so that each takes one row.
    this.#terminal.say(`${up}\x1b[?7l${lines.join("\n")}\x1b[?7h`);
    this.#drawn = lines.length;
  }
}
