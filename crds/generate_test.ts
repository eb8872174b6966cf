import assert from "node:assert/strict";
import { crdFileName, crdYaml } from "./generate.ts";
import { KINDS } from "./kinds.ts";

for (const kind of KINDS) {
  Deno.test(`${crdFileName(kind)} is what the definition gives; otherwise run "deno task crds"`, async () => {
    assert.equal(await Deno.readTextFile(new URL(crdFileName(kind), import.meta.url)), crdYaml(kind));
  });
}

Deno.test("crds/ publishes one file per kind and nothing else", async () => {
  const published = (await Array.fromAsync(Deno.readDir(new URL(".", import.meta.url))))
    .map(({ name }) => name)
    .filter((name) => name.endsWith(".yaml"));
  assert.deepEqual(published.sort(), KINDS.map(crdFileName).sort());
});
