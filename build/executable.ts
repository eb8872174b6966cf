/** What kind of machine an executable is for, as in the names of compile targets. */
export interface Machine {
  system: "linux" | "darwin" | "windows";
  architecture: "x86_64" | "aarch64";
}

/** What a target of `deno compile` is for, e.g. `aarch64-apple-darwin`. @throws {RangeError} when there is no such target */
export function machineOfTarget(target: string): Machine {
  const system = (["linux", "darwin", "windows"] as const).find((name) => target.includes(`-${name}`));
  const architecture = (["x86_64", "aarch64"] as const).find((name) => target.startsWith(`${name}-`));
  if (!system || !architecture) throw new RangeError(`Cannot compile for "${target}": not a target of deno compile`);
  return { system, architecture };
}

const ARCHITECTURES: Record<string, Record<number, Machine["architecture"]>> = {
  linux: { 0x3e: "x86_64", 0xb7: "aarch64" },
  darwin: { 0x01000007: "x86_64", 0x0100000c: "aarch64" },
  windows: { 0x8664: "x86_64", 0xaa64: "aarch64" },
};

/** As many of a file's first bytes as `machineOf` needs. */
export const HEADER_BYTES = 4096;

/** Reads it from the first bytes of an ELF, Mach-O or PE file; undefined when it is none of these. */
export function machineOf(header: Uint8Array): Machine | undefined {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (view.byteLength < 64) return undefined;
  if (isElf(view)) return machine("linux", view.getUint16(18, true));
  if (view.getUint32(0, true) === 0xfeedfacf) return machine("darwin", view.getUint32(4, true));
  if (view.getUint16(0, true) !== 0x5a4d) return undefined;
  const offset = view.getUint32(60, true);
  const isPe = offset + 6 <= view.byteLength && view.getUint32(offset, true) === 0x4550;
  return isPe ? machine("windows", view.getUint16(offset + 4, true)) : undefined;
}

/**
 * Where a 64-bit little-endian ELF file ends by its own account: behind its section headers. What follows was appended.
 *
 * @returns bytes; undefined when it is no such file
 */
export function elfSize(header: Uint8Array): number | undefined {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (view.byteLength < 64 || !isElf(view)) return undefined;
  const sectionHeaders = Number(view.getBigUint64(40, true));
  return sectionHeaders + view.getUint16(58, true) * view.getUint16(60, true);
}

const isElf = (view: DataView) => view.getUint32(0) === 0x7f454c46 && view.getUint16(4) === 0x0201;

function machine(system: Machine["system"], code: number): Machine | undefined {
  const architecture = ARCHITECTURES[system]?.[code];
  return architecture && { system, architecture };
}
