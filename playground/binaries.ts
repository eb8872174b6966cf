import { join } from "node:path";
import { ConfigError, messageOf } from "../kube/errors.ts";
import { exists, makeOnce, sha256, userCacheDirectory } from "../user_cache.ts";
import { CONTROL_PLANE } from "./control_plane_program.ts";
import { downloadControlPlane, DOWNLOADED_VERSION } from "./download_control_plane.ts";
import { buildGoProgram } from "./go_build.ts";
import { NoGoError } from "./go_toolchain.ts";

/** How to call each program: an executable and its first arguments. */
export interface ControlPlaneBinaries {
  etcd: readonly string[];
  kubeApiServer: readonly string[];
  kubeControllerManager: readonly string[];
  kubectl: readonly string[];
}

export interface BinarySearch {
  /** `KUBEBUILDER_ASSETS`, `XDG_CACHE_HOME` and `HOME` count, `PATH` for Go. */
  env: Readonly<Record<string, string | undefined>>;
  /** Gets a line for each thing that takes time, and for what did not work on the way. */
  progress?: (line: string) => void;
  /** Gets what is only of interest until the next such line comes; `progress` does otherwise. */
  counter?: (line: string) => void;
}

/**
 * Finds a control plane's programs: in `KUBEBUILDER_ASSETS`, in the user's cache, by download, and else builds them,
 * which takes about four minutes, once.
 *
 * @throws {ConfigError} saying what to install when all of that fails
 */
export async function findBinaries(search: BinarySearch, signal: AbortSignal): Promise<ControlPlaneBinaries> {
  const { env, progress } = search;
  const assets = env.KUBEBUILDER_ASSETS;
  if (assets) {
    const missing = await missingIn(assets);
    if (missing.length === 0) return separate(assets);
    progress?.(`KUBEBUILDER_ASSETS is not used: "${assets}" lacks ${missing.join(", ")}`);
  }

  const cache = userCacheDirectory(env);
  const platform = `${Deno.build.os}-${Deno.build.arch}`;
  const inputs = await sha256(JSON.stringify([platform, ...Object.values(CONTROL_PLANE.sources)]));
  const built = join(cache, `controlplane-${inputs.slice(0, 16)}`);
  if (await exists(built)) return allInOne(join(built, "controlplane"));
  const downloaded = join(cache, `kubernetes-${DOWNLOADED_VERSION}-${platform}`);
  if (await exists(downloaded)) return separate(downloaded);

  const making = { what: "the control plane", progress };
  try {
    await makeOnce(downloaded, (draft) => downloadControlPlane(draft, search, signal), making, signal);
    return separate(downloaded);
  } catch (error) {
    signal.throwIfAborted();
    progress?.(`control plane: no download, ${error instanceof Error ? error.message : error}; building it instead`);
  }
  try {
    await makeOnce(built, (draft) => buildGoProgram(CONTROL_PLANE, draft, cache, search, signal), making, signal);
    return allInOne(join(built, "controlplane"));
  } catch (error) {
    signal.throwIfAborted();
    const help = error instanceof NoGoError
      ? "install Go 1.21 or newer (https://go.dev/dl, or any package manager) and have `go` in PATH"
      : "see the message above; it needs a Go module proxy (GOPROXY) and 4 GB of disk";
    throw new ConfigError(
      `Cannot get a Kubernetes control plane for demo and tests: ${messageOf(error)}\n` +
        `Either ${help}, or set KUBEBUILDER_ASSETS to a directory with ${PROGRAMS.join(", ")}.`,
      { cause: error },
    );
  }
}

const PROGRAMS = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];

async function missingIn(directory: string): Promise<string[]> {
  const found = await Promise.all(PROGRAMS.map((name) => exists(join(directory, name))));
  return PROGRAMS.filter((_, index) => !found[index]);
}

const separate = (directory: string): ControlPlaneBinaries => ({
  etcd: [join(directory, "etcd")],
  kubeApiServer: [join(directory, "kube-apiserver")],
  kubeControllerManager: [join(directory, "kube-controller-manager")],
  kubectl: [join(directory, "kubectl")],
});

/** One executable that is all four programs, chosen by its first argument. */
export const allInOne = (path: string): ControlPlaneBinaries => ({
  etcd: [path, "etcd"],
  kubeApiServer: [path, "kube-apiserver"],
  kubeControllerManager: [path, "kube-controller-manager"],
  kubectl: [path, "kubectl"],
});
