import { stringify } from "yaml";

/** An archive with the plugin for one platform. */
export interface PluginArchive {
  /** e.g. `x86_64-unknown-linux-gnu`, a target of `deno compile`. */
  target: string;
  sha256: string;
}

export interface KrewOptions {
  version: string;
  archives: readonly PluginArchive[];
  /** Where the archives can be downloaded from. */
  baseUrl: URL;
}

/** Of the executable in the archive, which the plugin knows itself by. */
export const pluginFile = (target: string): string => `kubectl-klutch${osOf(target) === "windows" ? ".exe" : ""}`;

/** `kubectl-klutch_v0.1.0_linux_amd64.tar.gz` */
export const archiveName = (version: string, target: string): string =>
  `kubectl-klutch_${version}_${osOf(target)}_${archOf(target)}.tar.gz`;

/**
 * The manifest by which krew installs `kubectl klutch`.
 *
 * @see https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/
 */
export function krewManifest({ version, archives, baseUrl }: KrewOptions): string {
  return stringify({
    apiVersion: "krew.googlecontainertools.github.com/v1alpha2",
    kind: "Plugin",
    metadata: { name: "klutch" },
    spec: {
      version,
      shortDescription: "Bind APIs of a control plane, see how they fare, and leave safely",
      description:
        "Klutch binds APIs of a control plane into app clusters and keeps their objects in sync. The plugin binds " +
        "(`kubectl klutch bind URL`), shows what is bound and why something does not sync (`status`, `explain`, `diff`), " +
        "and unbinds.\n",
      caveats: "`kubectl klutch completion` tells how to complete the plugin in your shell.\n",
      platforms: archives.map(({ target, sha256 }) => ({
        selector: { matchLabels: { os: osOf(target), arch: archOf(target) } },
        uri: `${baseUrl.href.replace(/\/$/, "")}/${encodeURIComponent(archiveName(version, target))}`,
        sha256,
        files: [pluginFile(target), "LICENSE"].map((from) => ({ from, to: "." })),
        bin: pluginFile(target),
      })),
    },
  }, { lineWidth: 0 });
}

const OPERATING_SYSTEMS = ["linux", "darwin", "windows"] as const;

/** In the words of Go. */
const osOf = (target: string): string => OPERATING_SYSTEMS.find((name) => target.includes(`-${name}`)) ?? target;
const archOf = (target: string): string => target.startsWith("aarch64") ? "arm64" : "amd64";
