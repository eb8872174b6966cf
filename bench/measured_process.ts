import { join } from "node:path";
import { systemClock } from "../kube/clock.ts";
import { followLines } from "../playground/follow_lines.ts";
import { type GuardedProcess, startGuarded } from "../playground/guardian.ts";
import { type Usage, usageOf } from "./proc.ts";

export interface MeasuredCommand {
  /** For messages and the names of files: `konnector`, `backend`. */
  name: string;
  /** Program and arguments. */
  command: readonly string[];
  /** For its log and its process id. */
  directory: string;
  /** Called when it ends without being asked to. */
  onEnd: (error: Error) => void;
}

/** Less CPU time than this in a second is what a program at rest needs for leases and timers. */
const QUIET_CPU_SECONDS = 0.05;
const QUIET_SECONDS = 3;
const STOP_PATIENCE_MS = 20_000;

// exec keeps the process id, so that what is measured and stopped is the program itself.
const REMEMBER_PID = 'echo $$ >"$0.draft" && mv "$0.draft" "$0" && exec "$@"';

/** A program under test; it cannot outlive this process. */
export class MeasuredProcess implements AsyncDisposable {
  readonly startedAtMs: number;
  readonly pid: number;
  readonly #process: GuardedProcess;
  /** Says why, if it was not asked to. */
  readonly #ended: Promise<Error>;
  #stopping = false;

  private constructor(process: GuardedProcess, pid: number, startedAtMs: number) {
    this.#process = process;
    this.pid = pid;
    this.startedAtMs = startedAtMs;
    this.#ended = process.exited.then(async ({ code }) =>
      new Error(`The ${process.name} ended with exit code ${code}; its last lines:\n${await process.logTail()}`)
    );
  }

  static async start(
    { name, command, directory, onEnd }: MeasuredCommand,
    signal: AbortSignal,
  ): Promise<MeasuredProcess> {
    const pidPath = join(directory, `${name}.pid`);
    await Deno.remove(pidPath).catch(() => {});
    const startedAtMs = performance.now();
    const process = startGuarded({
      name,
      command: ["/bin/sh", "-c", REMEMBER_PID, pidPath, ...command],
      logPath: join(directory, `${name}.log`),
    });
    try {
      const measured = new MeasuredProcess(process, await readPid(pidPath, signal), startedAtMs);
      void measured.#ended.then((error) => {
        if (!measured.#stopping) onEnd(error);
      });
      return measured;
    } catch (error) {
      await process.stop();
      throw error;
    }
  }

  /**
   * Waits for a line of its log, e.g. `backend ready`.
   *
   * @returns its fields
   * @throws {Error} with its last words when it ends without
   */
  async logged(message: string, signal: AbortSignal): Promise<Record<string, unknown>> {
    for await (const line of followLines(this.#process, signal)) {
      const fields = line.startsWith("{") ? JSON.parse(line) : {};
      if (fields.msg === message) return fields;
    }
    throw await this.#ended;
  }

  /** @throws {Error} with its last words when it has ended */
  async usage(): Promise<Usage> {
    try {
      return await usageOf(this.pid);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw await this.#ended;
    }
  }

  /** Waits until it has been at rest for some seconds, but not longer than that. @returns whether it is */
  async untilQuiet(timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const end = performance.now() + timeoutMs;
    let { cpuSeconds: before } = await this.usage();
    for (let quiet = 0; quiet < QUIET_SECONDS;) {
      if (performance.now() > end) return false;
      await systemClock.sleep(1000, signal);
      const { cpuSeconds } = await this.usage();
      quiet = cpuSeconds - before < QUIET_CPU_SECONDS ? quiet + 1 : 0;
      before = cpuSeconds;
    }
    return true;
  }

  /** Asks it to end, as a Deployment would, and waits until it has. */
  async stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      try {
        Deno.kill(this.pid, "SIGTERM");
      } catch {
        // has ended already
      }
    }
    const patience = new AbortController();
    await Promise.race([
      this.#process.exited,
      systemClock.sleep(STOP_PATIENCE_MS, patience.signal).catch(() => {}),
    ]);
    patience.abort();
    await this.#process.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

async function readPid(path: string, signal: AbortSignal): Promise<number> {
  while (true) {
    const text = await Deno.readTextFile(path).catch(() => "");
    if (text.trim()) return Number(text);
    await systemClock.sleep(5, signal);
  }
}
