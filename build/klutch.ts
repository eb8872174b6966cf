import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../deno.json" with { type: "json" };
import { bundle } from "./bundle.ts";
import { compile } from "./compile.ts";

export interface BuildOptions {
  env: Readonly<Record<string, string | undefined>>;
  /** A target of `deno compile`; this machine by default. */
  target?: string;
  progress?: (line: string) => void;
}

/** Names under which the executable is a kubectl plugin, and completes one. */
const PLUGIN_NAMES = ["kubectl-klutch", "kubectl_complete-klutch", "kubectl-bind"];

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/**
 * Builds `dist/klutch` and its plugin names; for another machine than this one into a directory of its own below
 * `dist`. Does nothing when the sources are unchanged.
 *
 * @returns path of the executable
 */
export async function buildKlutch(options: BuildOptions, signal: AbortSignal): Promise<string> {
  const { env, target = Deno.build.target, progress } = options;
  const startedAt = performance.now();
  const version = await versionOf(signal);
  const directory = join(ROOT, "dist", ...(target === Deno.build.target ? [] : [target]));
  const suffix = target.includes("windows") ? ".exe" : "";
  const output = join(directory, `klutch${suffix}`);

  const bundled = await bundle(join(ROOT, "main.ts"), { KLUTCH_VERSION: version });
  const changed = await compile(bundled, { env, target, progress, output }, signal);
  for (const name of PLUGIN_NAMES) await linkBeside(output, `${name}${suffix}`);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  progress?.(
    `build: ${output.slice(ROOT.length)} ${changed ? "compiled" : "is up to date"}, ${version} (${seconds} s)`,
  );
  return output;
}

/**
 * `v0.1.0` for a commit with that tag, otherwise with the commit as build metadata: `v0.1.0+1a2b3c4`. Without git, as
 * in a source archive, the version of `deno.json` alone.
 */
export async function versionOf(signal: AbortSignal): Promise<string> {
  const version = `v${config.version}`;
  const git = new Deno.Command("git", {
    args: ["describe", "--tags", "--always", "--abbrev=7", "--exclude=*", "HEAD"],
    cwd: ROOT,
    signal,
  });
  const tag = new Deno.Command("git", { args: ["describe", "--tags", "--exact-match", "HEAD"], cwd: ROOT, signal });
  try {
    if (text(await tag.output()) === version) return version;
    const commit = text(await git.output());
    return commit ? `${version}+${commit}` : version;
  } catch {
    signal.throwIfAborted();
    return version;
  }
}

const text = ({ stdout }: Deno.CommandOutput) => new TextDecoder().decode(stdout).trim();

/** A hard link costs nothing; file systems without any get a copy. */
async function linkBeside(path: string, name: string): Promise<void> {
  const draft = join(dirname(path), `.${name}.draft-${Deno.pid}`);
  await Deno.link(path, draft).catch(() => Deno.copyFile(path, draft));
  await Deno.rename(draft, join(dirname(path), name));
  await Deno.remove(draft).catch(() => {}); // rename does nothing when both are the same file already
}
