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
  if (format === "json") return writeOut(`${JSON.stringify(data, null, 2)}\n`);
  writeOut((await import("./yaml.ts")).toYaml(data));
}
