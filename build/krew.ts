import { stringify } from "yaml";
import { GO_ARCH } from "../platform.ts";
import { machineOfTarget } from "./executable.ts";

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
export const pluginFile = (target: string): string =>
  `kubectl-klutch${platformOf(target).os === "windows" ? ".exe" : ""}`;

/** `kubectl-klutch_v0.1.0_linux_amd64.tar.gz` */
export function archiveName(version: string, target: string): string {
  const { os, arch } = platformOf(target);
  return `kubectl-klutch_${version}_${os}_${arch}.tar.gz`;
}

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
        selector: { matchLabels: platformOf(target) },
        uri: `${baseUrl.href.replace(/\/$/, "")}/${encodeURIComponent(archiveName(version, target))}`,
        sha256,
        files: [pluginFile(target), "LICENSE"].map((from) => ({ from, to: "." })),
        bin: pluginFile(target),
      })),
    },
  }, { lineWidth: 0 });
}

/** In the words of Go. */
function platformOf(target: string): { os: string; arch: string } {
  const { system, architecture } = machineOfTarget(target);
  return { os: system, arch: GO_ARCH[architecture] };
}
