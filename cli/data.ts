import type { ProgramContext } from "../program.ts";

/** How results are printed; the last two for programs. */
export type DataFormat = "table" | "json" | "yaml";

/** Prints a result as the person or the program at the other end wants it. */
export async function printData(
  data: unknown,
  format: DataFormat,
  toTable: () => string,
  { writeOut }: Pick<ProgramContext, "writeOut">,
): Promise<void> {
  if (format === "table") return writeOut(toTable());
  const json = JSON.stringify(data, null, 2);
  if (format === "json") return writeOut(`${json}\n`);
  const { stringify } = await import("yaml");
  writeOut(stringify(JSON.parse(json), { aliasDuplicateObjects: false, lineWidth: 0 }));
}
