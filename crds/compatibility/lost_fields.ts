import { isJsonObject } from "../../kube/json.ts";
import type { DynamicObject, Json } from "../../kube/types.ts";
import type { SchemaNode } from "./node.ts";

type FieldSet = { [key: string]: FieldSet };

/**
 * Fields that somebody has written into an object, and that an API server does not show any more, since its schema of
 * today drops them. Nothing but `metadata.managedFields` remembers them.
 *
 * @param before schema of the whole object that still had them; what it does not know either was lost long ago
 * @returns paths like `spec.nodes[].size`
 */
export function lostFields({ metadata, ...object }: DynamicObject, before: SchemaNode): string[] {
  const paths = (metadata.managedFields ?? []).flatMap((entry) => {
    const { apiVersion, fieldsV1 } = entry as { apiVersion?: string; fieldsV1?: FieldSet };
    if (apiVersion !== object.apiVersion || !fieldsV1) return [];
    const { "f:metadata": _, ...fields } = fieldsV1;
    return [...lostIn(fields, object as Json, before, "")];
  });
  return [...new Set(paths)].sort();
}

function* lostIn(fields: FieldSet, value: Json, node: SchemaNode, path: string): Generator<string> {
  for (const [key, inner] of Object.entries(fields)) {
    if (key.startsWith("f:")) {
      const name = key.slice(2);
      const field = node.properties?.[name] ??
        (typeof node.additionalProperties === "object" ? node.additionalProperties : undefined);
      if (!field || !isJsonObject(value)) continue;
      const at = path ? `${path}.${name}` : name;
      if (Object.hasOwn(value, name)) yield* lostIn(inner, value[name]!, field, at);
      else yield at;
    } else if (key.startsWith("k:") && Array.isArray(value) && node.items) {
      const wanted = Object.entries(JSON.parse(key.slice(2)) as Record<string, Json>);
      const item = value.find((one) => isJsonObject(one) && wanted.every(([name, is]) => one[name] === is));
      if (item !== undefined) yield* lostIn(inner, item, node.items, `${path}[]`);
    }
  }
}
