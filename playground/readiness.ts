import { messageOf } from "../kube/errors.ts";
import type { GuardedProcess } from "./guardian.ts";

const POLL_MS = 100;
const TELL_EVERY_MS = 5_000;

export interface Readiness {
  /** For messages, e.g. `provider`. */
  name: string;
  /** Ends early: waiting is over at once. */
  processes: readonly GuardedProcess[];
  /** Answers whether everything serves; may throw, which counts as no. */
  isReady(signal: AbortSignal): Promise<boolean>;
  timeoutMs: number;
  progress?: (line: string) => void;
}

/** A program ended although it should serve. */
export class EarlyExit extends Error {
  override readonly name = "EarlyExit";
  readonly log: string;
  constructor(message: string, log: string) {
    super(`${message}; its last lines:\n${log}`);
    this.log = log;
  }
}

/**
 * Waits until everything serves, telling now and then what is still missing.
 *
 * @throws {EarlyExit} when one of the programs ends
 * @throws {Error} after `timeoutMs`, with the last lines of the programs' logs
 */
export async function waitUntilReady(readiness: Readiness, signal: AbortSignal): Promise<void> {
  const { name, processes, isReady, timeoutMs, progress } = readiness;
  const names = processes.map((process) => process.name).join(" and ");
  const startedAt = performance.now();
  let told = startedAt;
  let last = "no answer";
  let ended: { process: GuardedProcess; code: number } | undefined;
  for (const process of processes) void process.exited.then(({ code }) => ended ??= { process, code });

  while (true) {
    signal.throwIfAborted();
    if (ended) {
      const { process, code } = ended;
      throw new EarlyExit(
        `Cannot start ${name}: ${process.name} ended with exit code ${code}`,
        await process.logTail(),
      );
    }
    try {
      if (await isReady(AbortSignal.any([signal, AbortSignal.timeout(5_000)]))) return;
      last = "not ready yet";
    } catch (error) {
      last = messageOf(error);
    }
    const now = performance.now();
    if (now - startedAt > timeoutMs) {
      const logs = await Promise.all(processes.map(async (process) => `${process.name}:\n${await process.logTail()}`));
      throw new Error(
        `Cannot start ${name}: ${names} not ready within ${timeoutMs / 1000} s (${last}); last lines of\n${
          logs.join("\n")
        }`,
      );
    }
    if (now - told > TELL_EVERY_MS) {
      told = now;
      progress?.(`${name}: waiting for ${names}, ${Math.round((now - startedAt) / 1000)} s (${last})`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
