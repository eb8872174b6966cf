import { deepEqual, equal, rejects } from "node:assert/strict";
import { join } from "node:path";
import { GO_ARCH } from "../platform.ts";
import { downloadControlPlane, DOWNLOADED_VERSION } from "./download_control_plane.ts";

const PLATFORM = `${Deno.build.os}-${GO_ARCH[Deno.build.arch]}`;
const ARCHIVE = `/envtest/envtest-${DOWNLOADED_VERSION}/envtest-${DOWNLOADED_VERSION}-${PLATFORM}.tar.gz`;
const MANAGER = `/kubernetes/${DOWNLOADED_VERSION}/bin/${PLATFORM.replace("-", "/")}/kube-controller-manager`;

const bytesOf = (text: string) => new TextEncoder().encode(text);
const sumOf = async (algorithm: string, bytes: Uint8Array<ArrayBuffer>) =>
  new Uint8Array(await crypto.subtle.digest(algorithm, bytes)).toHex();

/** An archive in the shape of envtest's releases. */
async function archive(): Promise<Uint8Array<ArrayBuffer>> {
  const directory = await Deno.makeTempDir();
  const programs = join(directory, "controller-tools", "envtest");
  await Deno.mkdir(programs, { recursive: true });
  for (const name of ["etcd", "kube-apiserver", "kubectl"]) {
    await Deno.writeTextFile(join(programs, name), `#!/bin/sh\necho ${name}\n`, { mode: 0o755 });
  }
  const { stdout } = await new Deno.Command("tar", { args: ["-czC", directory, "controller-tools"] }).output();
  await Deno.remove(directory, { recursive: true });
  return stdout;
}

/** Runs a test against a server with these files and an empty directory to download to. */
async function withServer(
  change: (files: Map<string, Uint8Array<ArrayBuffer>>) => void,
  test: (download: () => Promise<void>, directory: string) => Promise<void>,
): Promise<void> {
  const envtest = await archive();
  const manager = bytesOf("#!/bin/sh\necho manager\n");
  const files = new Map([
    [ARCHIVE, envtest],
    [`${ARCHIVE}.sha512`, bytesOf(`${await sumOf("SHA-512", envtest)}  envtest.tar.gz\n`)],
    [MANAGER, manager],
    [`${MANAGER}.sha256`, bytesOf(await sumOf("SHA-256", manager))],
  ]);
  change(files);
  const directory = await Deno.makeTempDir();
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const file = files.get(new URL(request.url).pathname);
    return file ? new Response(file) : new Response("no such file", { status: 404 });
  });
  const base = `http://127.0.0.1:${server.addr.port}`;
  const sources = { envtest: `${base}/envtest`, kubernetes: `${base}/kubernetes` };
  try {
    await test(() => downloadControlPlane(directory, { env: {} }, AbortSignal.timeout(10_000), sources), directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("downloadControlPlane() fetches all four programs, ready to run", () =>
  withServer(() => {}, async (download, directory) => {
    await download();
    const names = await Array.fromAsync(Deno.readDir(directory), ({ name }) => name);
    deepEqual(names.toSorted(), ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"]);
    for (const [name, says] of [["etcd", "etcd\n"], ["kube-controller-manager", "manager\n"]] as const) {
      const { stdout } = await new Deno.Command(join(directory, name)).output();
      equal(new TextDecoder().decode(stdout), says);
    }
  }));

const broken: [name: string, change: (files: Map<string, Uint8Array<ArrayBuffer>>) => void, want: RegExp][] = [
  ["a release that does not exist", (files) => files.clear(), /127\.0\.0\.1:\d+ answered 404 for envtest-v/],
  ["an archive that was changed", (files) => files.set(ARCHIVE, bytesOf("changed")), /has SHA-512 .*, expected/],
  ["a program that was changed", (files) => files.set(MANAGER, bytesOf("changed")), /has SHA-256 .*, expected/],
  ["a login page instead of a checksum", (files) => files.set(`${MANAGER}.sha256`, bytesOf("<html>")), /no checksum/],
];
for (const [name, change, want] of broken) {
  Deno.test(`downloadControlPlane() refuses ${name}`, () =>
    withServer(change, async (download) => {
      await rejects(download(), want);
    }));
}

Deno.test("downloadControlPlane() says which server cannot be reached", async () => {
  const sources = { envtest: "http://127.0.0.1:1/envtest", kubernetes: "http://127.0.0.1:1/kubernetes" };
  const download = downloadControlPlane("/nowhere", { env: {} }, AbortSignal.timeout(10_000), sources);
  await rejects(download, /^Error: 127\.0\.0\.1:1 cannot be reached$/);
});
