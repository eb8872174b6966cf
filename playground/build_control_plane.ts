import { join } from "node:path";
import { readLines } from "../kube/lines.ts";
import type { BinarySearch } from "./binaries.ts";
import goMod from "./controlplane/go.mod" with { type: "text" };
import goSum from "./controlplane/go.sum" with { type: "text" };
import mainGo from "./controlplane/main.go" with { type: "text" };
import { findGo } from "./go_toolchain.ts";

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
  const steps = { downloaded: 0, compiled: 0, packages: 0 };
  const tell = () => {
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const done = steps.packages === 0
      ? `${steps.downloaded} modules downloaded`
      : `${steps.compiled} of at most ${steps.packages} packages compiled`;
    progress(`control plane: ${done}, ${seconds} s`);
  };
  const timer = setInterval(tell, TELL_EVERY_MS);
  try {
    const packages = await run(go, ["list", "-deps", "."], source, (line) => {
      if (line.startsWith("go: downloading ")) steps.downloaded++;
    }, signal);
    steps.packages = packages.trim().split("\n").length;
    const version = /k8s\.io\/kubernetes (v\S+)/.exec(goMod)?.[1] ?? "unknown";
    const flags = `-s -w -X k8s.io/component-base/version.gitVersion=${version}`;
    const output = join(directory, "controlplane");
    await run(go, ["build", "-v", "-trimpath", "-ldflags", flags, "-o", output, "."], source, (line) => {
      if (/^[a-z0-9.-]+(\/|$)/.test(line)) steps.compiled++;
    }, signal);
  } finally {
    clearInterval(timer);
  }
  await Deno.remove(source, { recursive: true });
  progress(`control plane: built in ${Math.round((performance.now() - startedAt) / 1000)} s`);
}

/** Runs go; its stderr goes line by line to `onLine`, and its end into the error when it fails. */
async function run(
  go: string,
  args: readonly string[],
  cwd: string,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const child = new Deno.Command(go, {
    args: [...args],
    cwd,
    env: { GOFLAGS: "-mod=readonly", GOWORK: "off" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal,
  }).spawn();
  const tail: string[] = [];
  const reading = (async () => {
    for await (const line of readLines(child.stderr, () => {})) {
      onLine(line);
      tail.push(line);
      if (tail.length > 20) tail.shift();
    }
  })();
  const [stdout, { success, code }] = await Promise.all([new Response(child.stdout).text(), child.status, reading]);
  signal.throwIfAborted();
  if (!success) throw new Error(`go ${args[0]} ended with exit code ${code}:\n${tail.join("\n")}`);
  return stdout;
}
