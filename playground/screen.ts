import type { ProgramContext } from "../program.ts";

export type ScreenContext = Pick<ProgramContext, "env" | "isTerminal" | "writeOut" | "writeError">;

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 100;

/**
 * A story told step by step: chapters and results on stdout, what is going on at the moment on stderr. On a terminal
 * that is one line that moves, with colours; elsewhere it is plain lines.
 */
export class Screen implements Disposable {
  readonly #context: ScreenContext;
  readonly #colour: boolean;
  readonly #animate: boolean;
  readonly #columns: () => number;
  #chapters = 0;
  #status: { text: string; since: number; frame: number; timer: ReturnType<typeof setInterval> } | undefined;

  /** @param columns width of the terminal */
  constructor(context: ScreenContext, columns: () => number = () => 80) {
    const { env, isTerminal } = context;
    const isDumb = env.TERM === "dumb";
    this.#context = context;
    this.#colour = isTerminal.stdout && !isDumb && !env.NO_COLOR;
    this.#animate = isTerminal.stderr && !isDumb;
    this.#columns = columns;
  }

  title(text: string): void {
    this.#print(this.bold(text));
  }

  chapter(text: string): void {
    this.#print(`\n${this.bold(`${++this.#chapters}. ${text}`)}`);
  }

  /** Lines of the story. */
  say(text: string): void {
    this.#print(indent(text));
  }

  /** What a person would type. @param where which cluster it goes to */
  command(command: string, where?: string): void {
    this.#print(indent(`${this.#paint(36, `$ ${command}`)}${where ? this.dim(`   # ${where}`) : ""}`));
  }

  /** What a program has printed. */
  quote(text: string): void {
    this.#print(indent(text.trimEnd(), "     "));
  }

  done(text: string, durationMs?: number): void {
    const duration = durationMs === undefined ? "" : this.dim(`  ${formatMs(durationMs)}`);
    this.#print(indent(`${this.#paint(32, "✓")} ${text}${duration}`));
  }

  failed(text: string): void {
    this.#print(indent(`${this.#paint(31, "✗")} ${text}`));
  }

  bold(text: string): string {
    return this.#paint(1, text);
  }

  dim(text: string): string {
    return this.#paint(2, text);
  }

  /** Shows what is going on while `work` lasts; it may `tell` how far it is. */
  async during<T>(what: string, work: (tell: (line: string) => void) => Promise<T>): Promise<T> {
    this.#show(what);
    try {
      return await work((line) => this.#show(line));
    } finally {
      this.#hide();
    }
  }

  [Symbol.dispose](): void {
    this.#hide();
  }

  #show(text: string): void {
    if (!this.#animate) return this.#context.writeError(`   … ${text}\n`);
    if (this.#status) {
      this.#status.text = text;
    } else {
      const timer = setInterval(() => this.#draw(), FRAME_MS);
      this.#status = { text, since: performance.now(), frame: 0, timer };
    }
    this.#draw();
  }

  #hide(): void {
    if (!this.#status) return;
    clearInterval(this.#status.timer);
    this.#status = undefined;
    this.#erase();
  }

  #draw(): void {
    const status = this.#status;
    if (!status) return;
    const seconds = Math.floor((performance.now() - status.since) / 1000);
    const frame = FRAMES[status.frame++ % FRAMES.length]!;
    const elapsed = seconds > 0 ? `  ${seconds} s` : "";
    const firstLine = status.text.split("\n", 1)[0]!;
    const room = Math.max(10, this.#columns() - 6 - elapsed.length);
    const shown = firstLine.length > room ? `${firstLine.slice(0, room - 1)}…` : firstLine;
    this.#context.writeError(`\r\x1b[K   ${frame} ${shown}${elapsed}`);
  }

  #erase(): void {
    this.#context.writeError("\r\x1b[K");
  }

  #print(text: string): void {
    if (this.#status) this.#erase();
    this.#context.writeOut(`${text}\n`);
    this.#draw();
  }

  #paint(code: number, text: string): string {
    return this.#colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}

const indent = (text: string, by = "   ") => text.replace(/^(?=.)/gm, by);

/** `84 ms`, `1.62 s`, `75 s`. */
export function formatMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 10_000 ? `${(ms / 1000).toFixed(2)} s` : `${Math.round(ms / 1000)} s`;
}
