import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "yaml";
import { makeOwnedDirectory } from "../playground/owned_directory.ts";
import { archiveName, krewManifest, pluginFile } from "./krew.ts";
import { tarGz } from "./tar.ts";

const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
];
const VERSION = "v0.1.0+1a2b3c4";

Deno.test("krewManifest() keeps the rules of krew, for every target there is", () => {
  const archives = TARGETS.map((target, at) => ({ target, sha256: String(at).repeat(64) }));
  const baseUrl = new URL("https://klutch.example.com/releases/");
  const { apiVersion, kind, metadata, spec } = parse(krewManifest({ version: VERSION, archives, baseUrl }));
  assert.deepEqual([apiVersion, kind], ["krew.googlecontainertools.github.com/v1alpha2", "Plugin"]);
  assert.match(metadata.name, /^[\w-]+$/);
  assert.match(spec.version, /^v\d+\.\d+\.\d+(\+[\w.]+)?$/);
  assert.match(spec.shortDescription, /^[^\r\n]{1,80}$/);
  const platforms = spec.platforms.map(({ selector: { matchLabels: { os, arch } } }: Platform) => `${os}/${arch}`);
  assert.deepEqual(platforms, ["linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64"]);
  for (const [at, { uri, sha256, bin, files, selector }] of (spec.platforms as Platform[]).entries()) {
    assert.equal(uri, `https://klutch.example.com/releases/${encodeURIComponent(archiveName(VERSION, TARGETS[at]!))}`);
    assert.match(sha256, /^[a-f0-9]{64}$/);
    assert.deepEqual(Object.keys(selector), ["matchLabels"]);
    assert.equal(bin, pluginFile(TARGETS[at]!));
    assert.deepEqual(files.map(({ from, to }) => [from, to]), [[bin, "."], ["LICENSE", "."]]);
  }
});

interface Platform {
  selector: { matchLabels: Record<string, string> };
  uri: string;
  sha256: string;
  bin: string;
  files: { from: string; to: string }[];
}

Deno.test("tarGz() packs what tar unpacks, always into the same bytes", async () => {
  await using directory = await makeOwnedDirectory();
  const files = [
    { name: "kubectl-klutch", mode: 0o755, bytes: new Uint8Array(1_000_000).fill(7) },
    { name: "LICENSE", mode: 0o644, bytes: new TextEncoder().encode("Apache") },
    { name: "empty", mode: 0o644, bytes: new Uint8Array() },
  ];
  const archive = await tarGz(files);
  assert.deepEqual(archive, await tarGz(files));
  const path = join(directory.path, "a.tar.gz");
  await Deno.writeFile(path, archive);
  const { success } = await new Deno.Command("tar", { args: ["-xzf", path, "-C", directory.path] }).output();
  assert.ok(success);
  for (const { name, mode, bytes } of files) {
    const unpacked = join(directory.path, name);
    assert.deepEqual(await Deno.readFile(unpacked), bytes);
    assert.equal((await Deno.stat(unpacked)).mode! & 0o777, mode);
  }
});
