import { parse, stringify } from "yaml";

/**
 * A value as YAML 1.2 that YAML 1.1, as kubectl reads it, means the same by; with fields as they would be on the wire.
 * Integers that no double holds stay what they are.
 */
export const toYaml = (value: unknown): string =>
  stringify(parse(JSON.stringify(value), { intAsBigInt: true }), {
    aliasDuplicateObjects: false,
    compat: "yaml-1.1",
    lineWidth: 0,
  });

/** Several documents in one text. */
export const toYamlDocuments = (values: readonly unknown[]): string => values.map(toYaml).join("---\n");
