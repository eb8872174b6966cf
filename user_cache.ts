import { basename, dirname, join } from "node:path";
import { ConfigError } from "./kube/errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * `$XDG_CACHE_HOME/klutch` or `~/.cache/klutch`: what took long to make and can be made again.
 *
 * @throws {ConfigError} when neither variable is set
 */
export function userCacheDirectory(env: Environment): string {
  const home = env.HOME ?? env.USERPROFILE;
  const root = env.XDG_CACHE_HOME || (home && join(home, ".cache"));
  if (!root) throw new ConfigError("Cannot find the cache directory: set HOME or XDG_CACHE_HOME");
  return join(root, "klutch");
}

export interface Making {
  /** Said while another process makes the same thing, e.g. `the control plane`. */
  what: string;
  progress?: (line: string) => void;
}

const TELL_AFTER_MS = 1_000;

/**
 * Makes a directory once, however many processes ask at the same time: under a lock, at another path, then renamed.
 *
 * @param path what to make; returned at once when it exists
 * @param make fills the empty directory it is given; when it throws, nothing is left behind
 */
export async function makeOnce(
  path: string,
  make: (draft: string) => Promise<void>,
  { what, progress }: Making,
  signal: AbortSignal,
): Promise<void> {
  if (await exists(path)) return;
  await Deno.mkdir(dirname(path), { recursive: true });
  using file = await Deno.open(`${path}.lock`, { create: true, write: true });
  await lock(file, () => progress?.(`waiting for another process that makes ${what}`), signal);
  if (await exists(path)) return;
  await removeDrafts(path);
  const draft = `${path}.draft-${Deno.pid}`;
  await Deno.mkdir(draft);
  try {
    await make(draft);
    await Deno.rename(draft, path);
  } catch (error) {
    await Deno.remove(draft, { recursive: true }).catch(() => {}); // the next one removes it
    throw error;
  }
}

/** The lock leaves with the file, and that with the process, so that a crash blocks nobody. */
async function lock(file: Deno.FsFile, tellThatWeWait: () => void, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const timer = setTimeout(tellThatWeWait, TELL_AFTER_MS);
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([file.lock(true), aborted.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

/** Of processes that were killed: whoever holds the lock is the only maker. */
async function removeDrafts(path: string): Promise<void> {
  for await (const { name } of Deno.readDir(dirname(path))) {
    if (name.startsWith(`${basename(path)}.draft-`)) await Deno.remove(join(dirname(path), name), { recursive: true });
  }
}

/** Whether there is anything at this path. */
export const exists = (path: string): Promise<boolean> => Deno.stat(path).then(() => true, () => false);

/** SHA-256 as hexadecimal digits. */
export async function sha256(bytes: Uint8Array<ArrayBuffer> | string): Promise<string> {
  const data = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data)).toHex();
}
