import { join } from "node:path";
import { ConfigError, messageOf } from "../kube/errors.ts";
import { exists, makeOnce, sha256, userCacheDirectory } from "../user_cache.ts";
import type { BinarySearch } from "./binaries.ts";
import goMod from "./crossplane/go.mod" with { type: "text" };
import goSum from "./crossplane/go.sum" with { type: "text" };
import { buildGoProgram, type GoProgram, moduleVersion } from "./go_build.ts";

const MODULE = "github.com/crossplane/crossplane/v2";
const VERSION = moduleVersion(goMod, MODULE);

const CROSSPLANE: GoProgram = {
  title: "Crossplane",
  about: [
    `building Crossplane core ${VERSION} from Go modules`,
    "about 2 minutes and 400 MB of downloads the first time; kept in the cache afterwards",
  ],
  sources: { "go.mod": goMod, "go.sum": goSum },
  package: `${MODULE}/cmd/crossplane`,
  linkerFlags: `-X ${MODULE}/internal/version.version=${VERSION}`,
  output: "crossplane",
  files: { module: `${MODULE}@${VERSION}`, folder: "cluster/crds", output: "crds" },
};

/**
 * Finds Crossplane core in the user's cache, or builds it, which takes about two minutes, once.
 *
 * @returns a directory with the executable `crossplane`, and the CRDs of its own kinds in `crds/`
 * @throws {ConfigError} saying what it needs
 */
export async function findCrossplane(search: BinarySearch, signal: AbortSignal): Promise<string> {
  const cache = userCacheDirectory(search.env);
  const inputs = await sha256(JSON.stringify([Deno.build.os, Deno.build.arch, CROSSPLANE]));
  const built = join(cache, `crossplane-${inputs.slice(0, 16)}`);
  if (await exists(built)) return built;
  try {
    const making = { what: "Crossplane", progress: search.progress };
    await makeOnce(built, (draft) => buildGoProgram(CROSSPLANE, draft, cache, search, signal), making, signal);
    return built;
  } catch (cause) {
    signal.throwIfAborted();
    throw new ConfigError(
      `Cannot build Crossplane core: ${messageOf(cause)}\n` +
        "It needs Go 1.21 or newer, or Python with pip, and a Go module proxy (GOPROXY).",
      { cause },
    );
  }
}
