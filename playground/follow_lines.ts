import { messageOf } from "../kube/errors.ts";
import type { GuardedProcess } from "./guardian.ts";

const POLL_MS = 50;

/** The lines that a process writes to its log, as they come, until it has ended and all are told. */
export async function* followLines(
  { logPath, exited }: Pick<GuardedProcess, "logPath" | "exited">,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  let ended = false;
  void exited.then(() => ended = true);
  let file: Deno.FsFile | undefined;
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  let rest = "";
  try {
    while (true) {
      signal.throwIfAborted();
      const isLast = ended; // asked before reading: what comes with the end is read after it
      file ??= await openIfThere(logPath);
      for (let length: number | null | undefined; (length = await file?.read(buffer));) {
        const lines = (rest + decoder.decode(buffer.subarray(0, length), { stream: true })).split("\n");
        rest = lines.pop()!;
        yield* lines;
      }
      if (isLast) {
        if (rest) yield rest;
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    file?.close();
  }
}

async function openIfThere(path: string): Promise<Deno.FsFile | undefined> {
  try {
    return await Deno.open(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new Error(`Cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}
