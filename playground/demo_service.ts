import { join } from "node:path";
import { type GuardedProcess, startGuarded } from "./guardian.ts";
import { waitUntilReady } from "./readiness.ts";

export interface ServiceOptions {
  /** Subcommand of klutch. */
  name: "backend" | "konnector";
  /** The program's own command line, see `ProgramContext.self`. */
  self: readonly string[];
  args: readonly string[];
  /** Where its log goes. */
  directory: string;
  /** Told if it ends although nobody stopped it. */
  onEnd: (exit: { code: number; lastLines: string }) => void;
}

/** A server of ours as a process of its own. */
export interface Service extends GuardedProcess {
  /** What its first log line told, e.g. the address it found to listen on. */
  started: Record<string, string | undefined>;
}

const READY_TIMEOUT_MS = 60_000;
const LAST_LINES = 8;

/**
 * Starts `klutch backend` or `klutch konnector` on ports of its choice and waits until it says that it is ready.
 *
 * @throws {Error} with the last lines of its log
 */
export async function startService(options: ServiceOptions, signal: AbortSignal): Promise<Service> {
  const { name, self, args, directory, onEnd } = options;
  const logPath = join(directory, `${name}.log`);
  const command = [...self, name, "--health-address", "127.0.0.1:0", "--log-format", "text", ...args];
  const offset = await Deno.readTextFile(logPath).then((text) => text.length, () => 0); // of one before
  const guarded = startGuarded({ name, command, logPath });
  try {
    let started: Service["started"] | undefined;
    const isReady = async (signal: AbortSignal) => {
      started ??= await findLogLine(logPath, `${name} started`, offset);
      if (!started) return false;
      const response = await fetch(`http://127.0.0.1:${started.healthPort}/readyz`, { signal });
      const text = await response.text();
      if (!response.ok) throw new Error(text.trim() || `/readyz answers ${response.status}`);
      return true;
    };
    await waitUntilReady({ name, processes: [guarded], isReady, timeoutMs: READY_TIMEOUT_MS }, signal);
    void guarded.exited.then(async ({ code }) => {
      if (!guarded.stopped) onEnd({ code, lastLines: await guarded.logTail(LAST_LINES) });
    });
    return Object.assign(guarded, { started: started! });
  } catch (error) {
    await guarded.stop();
    throw error;
  }
}

/** The fields of the first line with this message behind `offset`, e.g. `… INFO  backend started pid=1 healthPort=2`. */
async function findLogLine(
  path: string,
  message: string,
  offset: number,
): Promise<Record<string, string | undefined> | undefined> {
  const text = await Deno.readTextFile(path).catch(() => ""); // not there before the process is
  const line = text.slice(offset).split("\n").slice(0, -1).find((line) => line.includes(` ${message} `));
  return line && Object.fromEntries(Array.from(line.matchAll(/(\w+)=(\S+)/g), ([, name, value]) => [name, value]));
}
