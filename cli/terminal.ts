import type { ProgramContext } from "../program.ts";
import { orAbort } from "./wait.ts";

/** What a command says, asks and prints. */
export interface Terminal {
  /** Whether lines can be changed after they were said. */
  readonly isLive: boolean;
  /** A line of progress, for people: goes to stderr. */
  say(line: string): void;
  /** A result, for scripts too: goes to stdout. */
  print(text: string): void;
  /**
   * Shows a question and waits for a line of input.
   *
   * @returns undefined when the input has ended
   */
  ask(question: string, signal: AbortSignal): Promise<string | undefined>;
}

/**
 * Questions go to stdout as those of the original do, unless results for a program are expected there.
 *
 * @param lines of the standard input; one reader for all questions, so that piped answers are not lost between them
 */
export function createTerminal(
  { writeOut, writeError, isTerminal, env }: Pick<ProgramContext, "writeOut" | "writeError" | "isTerminal" | "env">,
  lines: LineReader,
  questionsTo: "stdout" | "stderr" = "stdout",
): Terminal {
  return {
    isLive: isTerminal.stderr && env.TERM !== "dumb",
    say: (line) => writeError(`${line}\n`),
    print: writeOut,
    ask: (question, signal) => {
      (questionsTo === "stdout" ? writeOut : writeError)(question);
      return lines.next(signal);
    },
  };
}

/** No answer of a person is longer; whatever is, is not one. */
const MAX_LINE_CHARACTERS = 64 * 1024;

/** Reads text line by line, waiting no longer than its caller wants to. */
export class LineReader {
  readonly #open: () => ReadableStream<Uint8Array>;
  #chunks?: ReadableStreamDefaultReader<string>;
  #pending?: Promise<ReadableStreamReadResult<string>>;
  #rest = "";
  #ended = false;

  /** @param open is called with the first line asked for: a command that asks nothing leaves its input alone */
  constructor(open: () => ReadableStream<Uint8Array>) {
    this.#open = open;
  }

  /**
   * The next line without its end; the last one may lack the line break.
   *
   * @returns undefined when there is none
   */
  async next(signal: AbortSignal): Promise<string | undefined> {
    while (true) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return line.replace(/\r$/, "");
      }
      if (this.#ended) {
        const line = this.#rest;
        this.#rest = "";
        return line === "" ? undefined : line;
      }
      if (this.#rest.length > MAX_LINE_CHARACTERS) throw new Error("Cannot read the answer: the line is too long");
      await this.#readMore(signal);
    }
  }

  /** All that is left of the input, up to its end. */
  async rest(signal: AbortSignal): Promise<string> {
    while (!this.#ended) await this.#readMore(signal);
    const text = this.#rest;
    this.#rest = "";
    return text;
  }

  async #readMore(signal: AbortSignal): Promise<void> {
    this.#chunks ??= this.#open().pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
      .getReader();
    // A read that was given up on goes on in the background, and the next call takes up its result.
    this.#pending ??= this.#chunks.read();
    const { done, value } = await orAbort(this.#pending, signal);
    this.#pending = undefined;
    if (done) this.#ended = true;
    else this.#rest += value;
  }
}
