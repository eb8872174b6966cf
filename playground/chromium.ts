import { ConfigError } from "../kube/errors.ts";

export interface ChromiumSearch {
  /** `CHROME` and `PATH` count. */
  env: Readonly<Record<string, string | undefined>>;
  progress?: (line: string) => void;
  /** Installs a Debian package; replaced in tests. */
  install?: (packageName: string, signal: AbortSignal) => Promise<string | undefined>;
}

const PROGRAMS = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
const PACKAGE = "chromium-headless-shell";

/**
 * The path of a Chromium for browser tests: `CHROME`, one in `PATH`, or Debian's package, installed on the spot where
 * this process may do so.
 *
 * @throws {ConfigError} saying what to install
 */
export async function findChromium(search: ChromiumSearch, signal: AbortSignal): Promise<string> {
  const { env, progress, install = installPackage } = search;
  if (env.CHROME) {
    if (await isFile(env.CHROME)) return env.CHROME;
    throw new ConfigError(`Cannot use CHROME="${env.CHROME}": no such file`);
  }
  const found = await inPath(env.PATH);
  if (found) return found;
  let reason = "it can be installed from here only as root";
  if (Deno.uid() === 0) {
    progress?.(`chromium: installing the package ${PACKAGE} for browser tests, about 110 MB, once`);
    reason = await install(PACKAGE, signal) ?? "";
    const installed = await inPath(env.PATH);
    if (installed) return installed;
  }
  throw new ConfigError(
    `Cannot find Chromium for browser tests: none of ${PROGRAMS.join(", ")} is in PATH, and ` +
      `${reason || `the package ${PACKAGE} brought none`}. Install one of them, or set CHROME to its path.`,
  );
}

async function inPath(path = ""): Promise<string | undefined> {
  for (const program of PROGRAMS) {
    for (const directory of path.split(":").filter(Boolean)) {
      if (await isFile(`${directory}/${program}`)) return `${directory}/${program}`;
    }
  }
}

const isFile = (path: string) => Deno.stat(path).then(({ isFile }) => isFile, () => false);

/** @returns why it failed; undefined when it did not */
async function installPackage(name: string, signal: AbortSignal): Promise<string | undefined> {
  const aptGet = async (...args: string[]) => {
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    const { success, stderr } = await new Deno.Command("apt-get", { args, env, stdin: "null", signal }).output();
    return success ? undefined : new TextDecoder().decode(stderr).trim().split("\n").at(-1) || "apt-get failed";
  };
  try {
    await aptGet("update", "-qq"); // lists that cannot be refreshed may still do
    return await aptGet("install", "-qq", "--no-install-recommends", name);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Deno.errors.NotFound) return "there is no apt-get";
    throw error;
  }
}
