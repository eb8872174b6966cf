import { deepEqual, equal, rejects } from "node:assert/strict";
import { sha256 } from "../user_cache.ts";
import { cutRuntime, findRuntime } from "./denort.ts";

/** An ELF file of 100 bytes by its own account, with something appended. */
function compiledProgram(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(160).fill(7);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x7f454c46);
  view.setUint16(4, 0x0201);
  view.setBigUint64(40, 90n, true);
  view.setUint16(58, 5, true);
  view.setUint16(60, 2, true);
  return bytes;
}

Deno.test("cutRuntime() cuts off what was appended to the runtime", async () => {
  const program = compiledProgram();
  const runtime = await cutRuntime(program, await sha256(program.slice(0, 100)));
  deepEqual(runtime, program.slice(0, 100));
});

Deno.test("cutRuntime() refuses a runtime with a byte changed", async () => {
  const program = compiledProgram();
  const expected = await sha256(program.slice(0, 100));
  program[80] = 8;
  await rejects(cutRuntime(program, expected), /^Error: the runtime has SHA-256 [0-9a-f]{64}, expected /);
});

Deno.test("cutRuntime() takes any change of what was appended", async () => {
  const program = compiledProgram();
  const expected = await sha256(program.slice(0, 100));
  program[120] = 8;
  equal((await cutRuntime(program, expected)).length, 100);
});

const broken: [name: string, bytes: Uint8Array<ArrayBuffer>][] = [
  ["a script", new TextEncoder().encode("#!/bin/sh\n".repeat(20))],
  ["a file that was cut short", compiledProgram().slice(0, 99)],
];
for (const [name, bytes] of broken) {
  Deno.test(`cutRuntime() refuses ${name}`, () => rejects(cutRuntime(bytes, ""), /no ELF file/));
}

Deno.test("findRuntime() takes DENORT_BIN before all else", async () => {
  const search = { env: { DENORT_BIN: "/opt/denort" }, target: Deno.build.target };
  equal(await findRuntime(search, AbortSignal.timeout(1_000)), "/opt/denort");
});
