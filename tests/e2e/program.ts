import { join } from "node:path";
import { kill } from "node:process";
import { type GuardedProcess, startGuarded } from "../../playground/guardian.ts";
import { eventually } from "../clusters.ts";

/** One line of a server's log. */
export interface LogLine {
  level: string;
  msg: string;
  [field: string]: unknown;
}

export interface ProgramOptions {
  /** For messages, e.g. `konnector`. */
  name: string;
  command: readonly string[];
  /** Where its own directory is made. */
  directory: string;
  /** All it can read; its input ends there. */
  stdin?: string;
  /** In addition to what this process has. */
  env?: Readonly<Record<string, string>>;
}

/** What a program has left when it has ended. */
export interface ProgramResult {
  code: number;
  stdout: string;
  stderr: string;
}

let started = 0;

// `exec` keeps the process id that was written down: signals reach the program itself.
const LAUNCH = 'cd "$1" && shift && echo $$ >pid && exec "$@" <stdin >stdout 2>stderr';

/** Starts a program that cannot outlive this process; what it writes is kept until the directory goes. */
export async function startProgram({ name, command, directory, stdin = "", env = {} }: ProgramOptions) {
  const own = join(directory, `${++started}-${name}`);
  await Deno.mkdir(own);
  await Deno.writeTextFile(join(own, "stdin"), stdin);
  const process = startGuarded({
    name,
    command: ["/bin/sh", "-c", LAUNCH, name, own, ...command],
    logPath: join(own, "guardian"),
    env: { ...env },
  });
  return new Program(name, own, process);
}

/** A running program, or one that has ended. */
export class Program implements AsyncDisposable {
  readonly name: string;
  readonly #directory: string;
  readonly #process: GuardedProcess;
  #exitCode: number | undefined;

  constructor(name: string, directory: string, process: GuardedProcess) {
    this.name = name;
    this.#directory = directory;
    this.#process = process;
    void process.exited.then(({ code }) => this.#exitCode = code);
  }

  get stdout(): Promise<string> {
    return this.#read("stdout");
  }

  get stderr(): Promise<string> {
    return this.#read("stderr");
  }

  get isRunning(): boolean {
    return this.#exitCode === undefined;
  }

  /** The lines of a server's log so far; others are left out. */
  async log(): Promise<LogLine[]> {
    const whole = (await this.stderr).split("\n").slice(0, -1); // the last one may be but half written
    return whole.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  }

  /** Waits for a line of a server's log; fails as soon as the program has ended without it. */
  async logged(message: string, timeoutMs?: number): Promise<LogLine> {
    return await this.#meanwhile(
      `${this.name} logs "${message}"`,
      timeoutMs,
      async () => (await this.log()).find(({ msg }) => msg === message),
    );
  }

  /** Waits until something it has written to stderr matches. */
  async says(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray> {
    return await this.#meanwhile(
      `${this.name} says ${pattern}`,
      timeoutMs,
      async () => pattern.exec(await this.stderr) ?? undefined,
    );
  }

  /** Waits for the exit code. */
  async ended(): Promise<number> {
    return (await eventually(`${this.name} ends`, () => this.isRunning ? undefined : { code: this.#exitCode! })).code;
  }

  /** Waits for its end. */
  async result(): Promise<ProgramResult> {
    const code = await this.ended();
    return { code, stdout: await this.stdout, stderr: await this.stderr };
  }

  /** Sends a signal to the program alone. */
  async signal(name: Deno.Signal): Promise<void> {
    kill(await this.pid(), name);
  }

  async pid(): Promise<number> {
    return await eventually(`${this.name} has a process id`, async () => Number(await this.#read("pid")) || undefined);
  }

  /** Ends it as `kill -9` does. */
  async kill(): Promise<void> {
    await this.#process.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  /** What it wrote last, for people who look for the reason of a failure. */
  async describe(lines = 40): Promise<string> {
    const tail = (text: string) => text.trimEnd().split("\n").slice(-lines).join("\n");
    const state = this.isRunning ? "running" : `ended with exit code ${this.#exitCode}`;
    return `--- ${this.name} (${state})\n${tail(await this.stdout)}\n${tail(await this.stderr)}`;
  }

  async #meanwhile<T>(what: string, timeoutMs: number | undefined, probe: () => Promise<T | undefined>): Promise<T> {
    const answer = await eventually(what, async () => {
      const wasRunning = this.isRunning; // before the look: its last words count
      const found = await probe();
      return found !== undefined ? { found } : wasRunning ? undefined : { ended: true as const };
    }, { timeoutMs });
    if ("ended" in answer) throw new Error(`${what}: it ended before\n${await this.describe()}`);
    return answer.found;
  }

  async #read(file: string): Promise<string> {
    try {
      return await Deno.readTextFile(join(this.#directory, file));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return ""; // it is about to start
      throw error;
    }
  }
}
