import { UsageError } from "../program.ts";

/** Reads `KIND NAME` or `KIND/NAME`; undefined when there is nothing to read. */
export function readObject(
  [first, second]: readonly (string | undefined)[],
): { kind: string; name: string } | undefined {
  if (first === undefined) return undefined;
  const [kind, name, ...more] = second === undefined ? first.split("/") : [first, second];
  if (!kind || !name || more.length > 0) throw new UsageError("name the object: KIND NAME, or KIND/NAME");
  return { kind, name };
}
