import { join } from "node:path";
import type { BinarySearch } from "./binaries.ts";
import goMod from "./controlplane/go.mod" with { type: "text" };
import goSum from "./controlplane/go.sum" with { type: "text" };
import mainGo from "./controlplane/main.go" with { type: "text" };
import { findGo } from "./go_toolchain.ts";
import { runGuarded } from "./run_guarded.ts";

/** The Go module, by file name; it travels inside the executable. */
export const CONTROL_PLANE_SOURCES = { "main.go": mainGo, "go.mod": goMod, "go.sum": goSum };

const TELL_EVERY_MS = 5_000;

/**
 * Builds the executable `controlplane` into `directory` from the Go module proxy.
 *
 * @param cache where a Go toolchain is kept when the machine has none
 * @throws {NoGoError} when there is no Go
 * @throws {Error} with the compiler's last lines
 */
export async function buildControlPlane(
  directory: string,
  cache: string,
  search: BinarySearch,
  signal: AbortSignal,
): Promise<void> {
  const progress = search.progress ?? (() => {});
  const go = await findGo(cache, search, signal);
  const source = join(directory, "source");
  await Deno.mkdir(source);
  for (const [name, text] of Object.entries(CONTROL_PLANE_SOURCES)) await Deno.writeTextFile(join(source, name), text);

  progress("control plane: building etcd, kube-apiserver, kube-controller-manager and kubectl from Go modules");
  progress("control plane: about 4 minutes and 1.5 GB of downloads the first time; kept in the cache afterwards");
  const startedAt = performance.now();
  const steps = { downloaded: 0, listed: 0, compiled: 0, packages: 0 };
  const tell = () => {
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const done = steps.packages === 0
      ? `${steps.downloaded} modules downloaded`
      : `${steps.compiled} of at most ${steps.packages} packages compiled`;
    (search.counter ?? progress)(`control plane: ${done}, ${seconds} s`);
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
    await run(["list", "-deps", "."], (line) => {
      if (line.startsWith("go: downloading ")) steps.downloaded++;
      else steps.listed++;
    });
    steps.packages = steps.listed;
    const version = /k8s\.io\/kubernetes (v\S+)/.exec(goMod)?.[1] ?? "unknown";
    const flags = `-s -w -X k8s.io/component-base/version.gitVersion=${version}`;
    const output = join(directory, "controlplane");
    await run(["build", "-v", "-trimpath", "-ldflags", flags, "-o", output, "."], (line) => {
      if (/^[a-z0-9.-]+(\/|$)/.test(line)) steps.compiled++;
    });
  } finally {
    clearInterval(timer);
  }
  for (const left of [source, temporary]) await Deno.remove(left, { recursive: true });
  progress(`control plane: built in ${Math.round((performance.now() - startedAt) / 1000)} s`);
}
