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
  /** Told once if it ends although nobody stopped it. */
  onEnd: (error: Error) => void;
}

/** A server of ours as a process of its own. */
export interface Service extends GuardedProcess {
  /** What its first log line told, e.g. the address it found to listen on. */
  started: Record<string, unknown>;
}

const READY_TIMEOUT_MS = 60_000;

/**
 * Starts `klutch backend` or `klutch konnector` on ports of its choice and waits until it says that it is ready.
 *
 * @throws {Error} with the last lines of its log
 */
export async function startService(options: ServiceOptions, signal: AbortSignal): Promise<Service> {
  const { name, self, args, directory, onEnd } = options;
  const logPath = join(directory, `${name}.log`);
  const command = [...self, name, "--health-address", "127.0.0.1:0", ...args];
  const guarded = startGuarded({ name, command, logPath });
  try {
    let started: Record<string, unknown> | undefined;
    const isReady = async (signal: AbortSignal) => {
      started ??= await findLogLine(logPath, `${name} started`);
      if (!started) return false;
      const response = await fetch(`http://127.0.0.1:${started.healthPort}/readyz`, { signal });
      const text = await response.text();
      if (!response.ok) throw new Error(text.trim() || `/readyz answers ${response.status}`);
      return true;
    };
    await waitUntilReady({ name, processes: [guarded], isReady, timeoutMs: READY_TIMEOUT_MS }, signal);
    void guarded.exited.then(async ({ code }) => {
      if (guarded.stopped) return;
      onEnd(new Error(`The ${name} ended with exit code ${code}; its last lines:\n${await guarded.logTail()}`));
    });
    return Object.assign(guarded, { started: started! });
  } catch (error) {
    await guarded.stop();
    throw error;
  }
}

/** The fields of the first JSON line with this message. */
async function findLogLine(path: string, message: string): Promise<Record<string, unknown> | undefined> {
  const text = await Deno.readTextFile(path).catch(() => ""); // not there before the process is
  for (const line of text.split("\n")) {
    if (!line.includes(message)) continue;
    try {
      const fields = JSON.parse(line);
      if (fields.msg === message) return fields;
    } catch {
      // half a line: the next look finds it whole
    }
  }
  return undefined;
}
