import { deepEqual, equal } from "node:assert/strict";
import { elfSize, HEADER_BYTES, type Machine, machineOf } from "./executable.ts";

function header(fill: (view: DataView) => void): Uint8Array {
  const view = new DataView(new ArrayBuffer(HEADER_BYTES));
  fill(view);
  return new Uint8Array(view.buffer);
}

const elf = (code: number) =>
  header((view) => {
    view.setUint32(0, 0x7f454c46); // \x7fELF
    view.setUint16(4, 0x0201); // 64 bit, little endian
    view.setUint16(18, code, true);
    view.setBigUint64(40, 5_000n, true);
    view.setUint16(58, 64, true);
    view.setUint16(60, 30, true);
  });
const machO = (code: number) =>
  header((view) => {
    view.setUint32(0, 0xfeedfacf, true);
    view.setUint32(4, code, true);
  });
const pe = (code: number) =>
  header((view) => {
    view.setUint16(0, 0x5a4d, true); // MZ
    view.setUint32(60, 128, true);
    view.setUint32(128, 0x4550, true); // PE
    view.setUint16(132, code, true);
  });

const cases: [name: string, bytes: Uint8Array, want: Machine | undefined][] = [
  ["Linux on x86-64", elf(0x3e), { system: "linux", architecture: "x86_64" }],
  ["Linux on ARM", elf(0xb7), { system: "linux", architecture: "aarch64" }],
  ["macOS on x86-64", machO(0x01000007), { system: "darwin", architecture: "x86_64" }],
  ["macOS on ARM", machO(0x0100000c), { system: "darwin", architecture: "aarch64" }],
  ["Windows", pe(0x8664), { system: "windows", architecture: "x86_64" }],
  ["Linux on a machine we do not build for", elf(0xf3), undefined],
  ["a script", new TextEncoder().encode("#!/bin/sh\n".repeat(20)), undefined],
  ["a file that ends too early", elf(0x3e).subarray(0, 20), undefined],
];
for (const [name, bytes, want] of cases) {
  Deno.test(`machineOf() knows ${name}`, () => deepEqual(machineOf(bytes), want));
}

Deno.test("machineOf() knows the program that runs this test", async () => {
  using file = await Deno.open(Deno.execPath());
  const bytes = new Uint8Array(HEADER_BYTES);
  await file.read(bytes);
  deepEqual(machineOf(bytes), { system: Deno.build.os as Machine["system"], architecture: Deno.build.arch });
});

Deno.test("elfSize() ends behind the section headers", () => {
  equal(elfSize(elf(0x3e)), 5_000 + 64 * 30);
  equal(elfSize(machO(0x01000007)), undefined);
});
