import { dirname, join } from "node:path";
import { sha256 } from "../user_cache.ts";
import type { Bundle } from "./bundle.ts";
import { findRuntime, type RuntimeSearch } from "./denort.ts";
import { HEADER_BYTES, machineOf, machineOfTarget } from "./executable.ts";

/**
 * What all subcommands together need: no foreign libraries, no code from the network, no prompts. What lives shortly here
 * is small, JSON on its way: with V8's own 16 MiB for each half of the young generation, a konnector of 10,000 pairs
 * would take 30 MiB more; with its own freedom to let the old one grow to four times its size, 50 MiB more at its peak.
 * Neither makes it faster. `gc` is for collectWhenIdle(). A code cache would be a file of a known name in the directory
 * for temporary files, where anybody may have put another one before.
 */
const RUNTIME_FLAGS = [
  "--allow-env",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-run",
  "--allow-sys",
  "--no-prompt",
  "--no-code-cache",
  "--v8-flags=--max-semi-space-size=2,--heap-growing-percent=80,--expose-gc",
];

export interface CompileOptions extends RuntimeSearch {
  /** Path of the executable; replaced in one step, so that running ones go on. */
  output: string;
}

/**
 * Compiles a bundle into one executable, unless `output` was made from just this bundle already.
 *
 * @returns whether anything had to be done
 * @throws {Error} when the executable came out for another machine than `target`
 */
export async function compile(bundle: Bundle, options: CompileOptions, signal: AbortSignal): Promise<boolean> {
  const { output, target } = options;
  const stamp = join(dirname(output), `.${output.split("/").at(-1)}.inputs`);
  const inputs = await inputsOf(bundle, target);
  if (await isMadeFrom(output, stamp, inputs)) return false;

  const runtime = await findRuntime(options, signal);
  await Deno.mkdir(dirname(output), { recursive: true });
  // Outside the repository, so that neither its configuration nor its packages get into the executable.
  const work = await Deno.makeTempDir({ prefix: "klutch-build-" });
  const draft = `${output}.draft-${Deno.pid}`;
  try {
    for (const [name, bytes] of bundle.files) await Deno.writeFile(join(work, name), bytes);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["compile", "--quiet", "--no-config", "--no-lock", "--no-check", "--no-remote", "--cached-only"],
        ...RUNTIME_FLAGS,
        ...["--target", target, "--output", draft, join(work, bundle.entry)],
      ],
      cwd: work,
      env: runtime ? { DENORT_BIN: runtime } : {},
      signal,
    }).output();
    signal.throwIfAborted();
    if (!success) throw new Error(`Cannot compile ${output}: ${new TextDecoder().decode(stderr).trim()}`);
    await checkMachine(draft, target);
    await Deno.rename(draft, output);
    await Deno.writeTextFile(stamp, inputs);
  } finally {
    await Deno.remove(work, { recursive: true });
    await Deno.remove(draft).catch(() => {}); // renamed, or never written
  }
  return true;
}

async function inputsOf({ entry, files }: Bundle, target: string): Promise<string> {
  const sums = await Promise.all([...files].map(async ([name, bytes]) => [name, await sha256(bytes)]));
  return await sha256(JSON.stringify([Deno.version.deno, target, RUNTIME_FLAGS, entry, sums.toSorted()]));
}

const isMadeFrom = async (output: string, stamp: string, inputs: string): Promise<boolean> =>
  await Deno.stat(output).then(({ isFile }) => isFile, () => false) &&
  await Deno.readTextFile(stamp).catch(() => "") === inputs;

/** With `DENORT_BIN` set, Deno writes that runtime whatever the target says. */
export async function checkMachine(path: string, target: string): Promise<void> {
  using file = await Deno.open(path);
  const header = new Uint8Array(HEADER_BYTES);
  const length = await file.read(header) ?? 0;
  const actual = machineOf(header.subarray(0, length));
  const wanted = machineOfTarget(target);
  if (actual?.system === wanted.system && actual.architecture === wanted.architecture) return;
  const found = actual ? `${actual.system} ${actual.architecture}` : "no executable of a known kind";
  throw new Error(
    `Cannot compile for ${target}: the result is ${found}; DENORT_BIN has to name the runtime of that target`,
  );
}
