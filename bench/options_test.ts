import assert from "node:assert/strict";
import { UsageError } from "../program.ts";
import { readOptions, SECTIONS } from "./options.ts";

Deno.test("readOptions() without flags measures everything at full size", () => {
  const options = readOptions([]);
  assert.deepEqual(options.only, SECTIONS);
  assert.equal(options.objects, 2000);
  assert.equal(options.pairs, 10_000);
  assert.equal(options.konnector, undefined);
  assert.deepEqual(options.peers, []);
});

Deno.test("readOptions() takes sections, sizes, and a scope in any case", () => {
  const options = readOptions(["--only", "burst, latency", "--objects=20", "--gap", "0", "--scope=cluster", "-ojson"]);
  assert.deepEqual(options.only, ["burst", "latency"]);
  assert.equal(options.objects, 20);
  assert.equal(options.gapMs, 0);
  assert.equal(options.informerScope, "Cluster");
  assert.equal(options.output, "json");
});

Deno.test("readOptions() names peers, or numbers them, and keeps equals signs in their flags", () => {
  const { peers, konnector } = readOptions([
    "--peer",
    "original=/bin/konnector  -v=0 ",
    "--peer=/bin/other --a=b",
    "--konnector=dist/klutch konnector",
  ]);
  assert.deepEqual(peers, [
    { name: "original", command: ["/bin/konnector", "-v=0"] },
    { name: "peer 2", command: ["/bin/other", "--a=b"] },
  ]);
  assert.deepEqual(konnector, { name: "klutch", command: ["dist/klutch", "konnector"] });
});

const wrong: [args: string[], message: RegExp][] = [
  [["--objects", "many"], /'many' for '--objects'/],
  [["--samples", "0"], /'0' for '--samples'/],
  [["--only", "burst,speed"], /'speed' for '--only'/],
  [["--scope", "Pod"], /'--scope'/],
  [["--output", "xml"], /'--output'/],
  [["--peer", "original="], /'--peer' needs a command/],
  [["--peer", "klutch=x"], /'klutch' is taken/],
  [["--frobnicate"], /frobnicate/],
  [["burst"], /burst/],
];
for (const [args, message] of wrong) {
  Deno.test(`readOptions() refuses ${args.join(" ")}`, () => {
    assert.throws(() => readOptions(args), (error) => error instanceof UsageError && message.test(error.message));
  });
}
