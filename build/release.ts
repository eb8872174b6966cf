import { dirname, join } from "node:path";
import { sha256 } from "../user_cache.ts";
import { archiveName, krewManifest, pluginFile } from "./krew.ts";
import { buildKlutch, type BuildOptions, ROOT, versionOf } from "./klutch.ts";
import { tarGz } from "./tar.ts";

export interface ReleaseOptions extends Omit<BuildOptions, "target"> {
  /** Targets of `deno compile`. */
  targets: readonly string[];
  /** Where the archives will be downloaded from. */
  baseUrl: URL;
}

/** Builds for all targets, packs what krew installs into `dist/krew`, and writes the manifest for it beside. */
export async function releasePlugin(
  { targets, baseUrl, ...options }: ReleaseOptions,
  signal: AbortSignal,
): Promise<void> {
  const directory = join(ROOT, "dist", "krew");
  await Deno.mkdir(directory, { recursive: true });
  const license = { name: "LICENSE", mode: 0o644, bytes: await Deno.readFile(join(ROOT, "LICENSE")) };
  const archives = [];
  const version = await versionOf(signal);
  for (const target of targets) {
    const path = await buildKlutch({ ...options, target }, signal);
    const file = pluginFile(target);
    const executable = { name: file, mode: 0o755, bytes: await Deno.readFile(join(dirname(path), file)) };
    const packed = await tarGz([executable, license]);
    await Deno.writeFile(join(directory, archiveName(version, target)), packed);
    archives.push({ target, sha256: await sha256(packed) });
    options.progress?.(`build: dist/krew/${archiveName(version, target)}`);
  }
  await Deno.writeTextFile(join(directory, "klutch.yaml"), krewManifest({ version, archives, baseUrl }));
  options.progress?.("build: dist/krew/klutch.yaml");
}
