import { parse, stringify } from "yaml";

/** A value as YAML, with fields as they would be on the wire; integers that no double holds stay what they are. */
export const toYaml = (value: unknown): string =>
  stringify(parse(JSON.stringify(value), { intAsBigInt: true }), { aliasDuplicateObjects: false, lineWidth: 0 });
