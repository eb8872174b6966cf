import { join } from "node:path";
import { GO_ARCH } from "../platform.ts";
import type { BinarySearch } from "./binaries.ts";

/** The Kubernetes version that is downloaded. */
export const DOWNLOADED_VERSION = "v1.36.0";

/** Where the parts come from; tests put a server of their own here. */
export interface DownloadSources {
  /** Releases of controller-tools, with etcd, kube-apiserver and kubectl in one archive. */
  envtest: string;
  /** Kubernetes' own releases: that archive has no kube-controller-manager. */
  kubernetes: string;
}

const SOURCES: DownloadSources = {
  envtest: "https://github.com/kubernetes-sigs/controller-tools/releases/download",
  kubernetes: "https://dl.k8s.io/release",
};

/** How long a server may take to begin its answer: this is only a short cut, and many networks block it. */
const CONNECT_TIMEOUT_MS = 5_000;
const DOWNLOAD_TIMEOUT_MS = 10 * 60_000;

/**
 * Downloads all four programs into `directory`, checked against the checksums published beside them.
 *
 * @throws {Error} when one of them cannot be had, whatever the reason
 */
export async function downloadControlPlane(
  directory: string,
  { progress }: BinarySearch,
  signal: AbortSignal,
  sources: DownloadSources = SOURCES,
): Promise<void> {
  const platform = { os: Deno.build.os, arch: GO_ARCH[Deno.build.arch] };
  const release = `envtest-${DOWNLOADED_VERSION}`;
  const archiveUrl = `${sources.envtest}/${release}/${release}-${platform.os}-${platform.arch}.tar.gz`;
  const managerUrl = `${sources.kubernetes}/${DOWNLOADED_VERSION}/bin/${platform.os}/${platform.arch}/` +
    "kube-controller-manager";
  // The sums come first: they are small, and show whether both servers can be reached at all.
  const archiveSum = await downloadSum(`${archiveUrl}.sha512`, signal);
  const managerSum = await downloadSum(`${managerUrl}.sha256`, signal);

  progress?.(`control plane: downloading Kubernetes ${DOWNLOADED_VERSION}`);
  const archive = join(directory, "envtest.tar.gz");
  await Deno.writeFile(archive, await download(archiveUrl, "SHA-512", archiveSum, signal));
  await unpack(archive, directory, signal);
  await Deno.remove(archive);
  const manager = await download(managerUrl, "SHA-256", managerSum, signal);
  await Deno.writeFile(join(directory, "kube-controller-manager"), manager, { mode: 0o755 });
}

async function downloadSum(url: string, signal: AbortSignal): Promise<string> {
  const text = new TextDecoder().decode(await get(url, CONNECT_TIMEOUT_MS, signal));
  const sum = /^[0-9a-f]{64,128}\b/i.exec(text.trim())?.[0];
  if (!sum) throw new Error(`${url} holds no checksum`);
  return sum.toLowerCase();
}

async function download(url: string, algorithm: "SHA-256" | "SHA-512", sum: string, signal: AbortSignal) {
  const bytes = await get(url, DOWNLOAD_TIMEOUT_MS, signal);
  const actual = new Uint8Array(await crypto.subtle.digest(algorithm, bytes)).toHex();
  if (actual !== sum) throw new Error(`${url} has ${algorithm} ${actual}, expected ${sum}`);
  return bytes;
}

async function get(url: string, timeoutMs: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const { host } = new URL(url);
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) });
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw new Error(`${host} cannot be reached`, { cause });
  }
  await response.body?.cancel();
  throw new Error(`${host} answered ${response.status} for ${url.split("/").at(-1)}`);
}

/** The archive holds `controller-tools/envtest/<program>`. */
async function unpack(archive: string, directory: string, signal: AbortSignal): Promise<void> {
  const { success, stderr } = await new Deno.Command("tar", {
    args: ["-xzf", archive, "--strip-components=2", "-C", directory],
    signal,
  }).output();
  if (!success) throw new Error(`tar cannot unpack ${archive}: ${new TextDecoder().decode(stderr).trim()}`);
}
