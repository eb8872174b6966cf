import { join } from "node:path";
import type { BinarySearch } from "./binaries.ts";
import { findGo } from "./go_toolchain.ts";
import { runGuarded } from "./run_guarded.ts";

/** A program that is built from Go modules. */
export interface GoProgram {
  /** For messages, e.g. `control plane`. */
  title: string;
  /** Said before it begins: what is built, and how long that takes. */
  about: readonly string[];
  /** The Go module, by file name; it travels inside the executable. */
  sources: Readonly<Record<string, string>>;
  /** The package to build: `.`, or one of another module. */
  package: string;
  /** For the linker, besides those that make the executable small. */
  linkerFlags: string;
  /** Name of the executable. */
  output: string;
  /** A module some of whose files are needed as well, and the folder with them. */
  files?: { module: string; folder: string; output: string };
}

const TELL_EVERY_MS = 5_000;

/**
 * Builds a program into `directory` from the Go module proxy.
 *
 * @param cache where a Go toolchain is kept when the machine has none
 * @throws {NoGoError} when there is no Go
 * @throws {Error} with the compiler's last lines
 */
export async function buildGoProgram(
  program: GoProgram,
  directory: string,
  cache: string,
  search: BinarySearch,
  signal: AbortSignal,
): Promise<void> {
  const { title, about, sources, output, files } = program;
  const progress = search.progress ?? (() => {});
  const go = await findGo(cache, search, signal);
  const source = join(directory, "source");
  await Deno.mkdir(source);
  for (const [name, text] of Object.entries(sources)) await Deno.writeTextFile(join(source, name), text);

  for (const line of about) progress(`${title}: ${line}`);
  const startedAt = performance.now();
  const steps = { downloaded: 0, listed: 0, compiled: 0, packages: 0 };
  const tell = () => {
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const done = steps.packages === 0
      ? `${steps.downloaded} modules downloaded`
      : `${steps.compiled} of at most ${steps.packages} packages compiled`;
    (search.counter ?? progress)(`${title}: ${done}, ${seconds} s`);
  };
  const timer = setInterval(tell, TELL_EVERY_MS);
  const temporary = join(directory, "temporary"); // what an interrupted build leaves goes with the directory
  await Deno.mkdir(temporary);
  const run = (args: readonly string[], onLine: (line: string) => void) =>
    runGuarded({
      name: `go ${args[0]}`,
      command: [go, ...args],
      logPath: join(directory, `go-${args[0]}.log`),
      cwd: source,
      env: { GOFLAGS: "-mod=readonly", GOWORK: "off", TMPDIR: temporary },
      onLine,
    }, signal);
  try {
    await run(["list", "-deps", program.package], (line) => {
      if (line.startsWith("go: downloading ")) steps.downloaded++;
      else steps.listed++;
    });
    steps.packages = steps.listed;
    const flags = `-s -w ${program.linkerFlags}`;
    await run(
      ["build", "-v", "-trimpath", "-ldflags", flags, "-o", join(directory, output), program.package],
      (line) => {
        if (/^[a-z0-9.-]+(\/|$)/.test(line)) steps.compiled++;
      },
    );
    if (files) await copyFiles(files, directory, run);
  } finally {
    clearInterval(timer);
  }
  for (const left of [source, temporary]) await Deno.remove(left, { recursive: true });
  progress(`${title}: built in ${Math.round((performance.now() - startedAt) / 1000)} s`);
}

async function copyFiles(
  { module, folder, output }: NonNullable<GoProgram["files"]>,
  directory: string,
  run: (args: readonly string[], onLine: (line: string) => void) => Promise<void>,
): Promise<void> {
  let found = "";
  await run(["mod", "download", "-json", module], (line) => found ||= /^\s*"Dir": "(.+)",$/.exec(line)?.[1] ?? "");
  const from = join(found, folder);
  await Deno.mkdir(join(directory, output));
  for await (const { name, isFile } of Deno.readDir(from)) {
    // Read and written, as files of modules are read-only.
    if (isFile) await Deno.writeTextFile(join(directory, output, name), await Deno.readTextFile(join(from, name)));
  }
}

/** The version of a module that a `go.mod` asks for. */
export const moduleVersion = (goMod: string, module: string): string =>
  goMod.split("\n").map((line) => line.trim().replace(/^require /, "").split(" "))
    .find(([name]) => name === module)?.[1] ?? "unknown";
