import { followLines } from "./follow_lines.ts";
import { type GuardedCommand, startGuarded } from "./guardian.ts";

export interface GuardedRun extends GuardedCommand {
  /** Told each line that the program writes. */
  onLine?: (line: string) => void;
}

/**
 * Runs a program to its end. Neither it nor its children outlive this process, or the signal.
 *
 * @throws {Error} with its last lines when it fails
 */
export async function runGuarded({ onLine, ...command }: GuardedRun, signal: AbortSignal): Promise<void> {
  await using program = startGuarded(command);
  for await (const line of followLines(program, signal)) onLine?.(line);
  const { code } = await program.exited;
  if (code !== 0) throw new Error(`${command.name} ended with exit code ${code}:\n${await program.logTail()}`);
}
