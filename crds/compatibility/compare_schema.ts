import { deepEqual } from "../../kube/json.ts";
import type { Json } from "../../kube/types.ts";
import type { Change } from "./change.ts";
import { change, compareNodes, shortened, type Site } from "./compare_node.ts";
import { ANYTHING, keepsUnknown, type SchemaNode, valuesOf } from "./node.ts";
import { findExample, inField, inList } from "./samples.ts";

/**
 * What changed between two structural schemas, and what that does to objects that exist and to programs that write or
 * read them. An example belongs to the place that is compared; `compare_crd.ts` starts at the whole object.
 *
 * @see https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api_changes.md
 */
export function compareSchemas(before: SchemaNode, after: SchemaNode, site: Site): Change[] {
  if (deepEqual(before, after)) return [];
  const own = compareNodes(before, after, site);
  // Keywords of another type say nothing about the values that were accepted.
  if (own.some(({ rule }) => rule === "type-changed")) return own;
  const inner = { ...site, isRuled: site.isRuled || isRuled(before) || isRuled(after) };
  return [
    ...own,
    ...compareFields(before, after, inner),
    ...compareValues(before, after, inner),
    ...compareItems(before, after, inner),
  ];
}

const isRuled = (node: SchemaNode): boolean =>
  ["x-kubernetes-validations", "allOf", "anyOf", "oneOf", "not", "maxProperties"].some((keyword) =>
    Object.hasOwn(node, keyword)
  );

function compareFields(before: SchemaNode, after: SchemaNode, site: Site): Change[] {
  const [had, has] = [before.properties ?? {}, after.properties ?? {}];
  const gone = Object.keys(had).filter((name) => !Object.hasOwn(has, name));
  const added = Object.keys(has).filter((name) => !Object.hasOwn(had, name));
  const kept = Object.keys(had).filter((name) => Object.hasOwn(has, name));
  const renamed = new Map(gone.flatMap((name) => {
    const twin = added.find((other) => !isPlain(has[other]!) && deepEqual(had[name], has[other]));
    return twin ? [[name, twin] as const] : [];
  }));
  return [
    ...gone.map((name) => fieldGone(before, after, name, renamed.get(name), site)),
    ...added.flatMap((name) => fieldAdded(before, after, name, site)),
    ...kept.flatMap((name) => {
      const inner = {
        ...site,
        path: joined(site.path, name),
        isStatus: site.isStatus || isStatusOf(site, name),
        dropsNull: !before.required?.includes(name),
      };
      const changes = [
        ...compareDefaults(before, after, name, inner),
        ...compareSchemas(had[name]!, has[name]!, inner),
      ];
      return wrapped(changes, inner.path, (example) => inField(before, name, example));
    }),
    ...compareRequired(before, after, new Set(added), site),
  ];
}

const joined = (path: string, name: string) => path ? `${path}.${name}` : name;
const isStatusOf = ({ path }: Site, name: string): boolean => path === "" && name === "status";
/** A schema that says nothing but a type is not enough to recognise a field by. */
const isPlain = ({ description: _, type: __, ...rest }: SchemaNode): boolean => Object.keys(rest).length === 0;

/** Examples of a part, made examples of the whole; changes of the field as such have whole ones already. */
function wrapped(changes: Change[], path: string, wrap: (example: Json) => Json | undefined): Change[] {
  return changes.map(({ example, ...rest }) => {
    if (example === undefined) return rest;
    const whole = rest.rule === "default-changed" && rest.path === path ? example : wrap(example);
    return whole === undefined ? rest : { ...rest, example: whole };
  });
}

function fieldGone(before: SchemaNode, after: SchemaNode, name: string, twin: string | undefined, site: Site): Change {
  const at = { ...site, path: joined(site.path, name) };
  if (keepsUnknown(after)) {
    return change("risky", "field-removed", at, "the field is gone; its values are kept, but not checked any more");
  }
  const { [name]: _, ...properties } = before.properties!;
  const example = findExample(before, { ...before, properties });
  if (twin) {
    const message = `the field is gone, ${joined(site.path, twin)} looks like its new name: values are dropped`;
    return change("breaking", "field-renamed", at, message, example);
  }
  return change("breaking", "field-removed", at, "the field is gone: its values are dropped", example);
}

function fieldAdded(before: SchemaNode, after: SchemaNode, name: string, site: Site): Change[] {
  const at = { ...site, path: joined(site.path, name) };
  const field = after.properties![name]!;
  const anything = valuesOf(before) ?? (keepsUnknown(before) ? ANYTHING : undefined);
  if (anything) {
    const example = findExample(anything, field);
    const whole = example === undefined ? undefined : inField(before, name, example);
    if (example !== undefined) {
      return [change("breaking", "field-checked", at, "the field could hold anything, and is checked now", whole)];
    }
  }
  if (site.isRuled && field.default !== undefined) {
    const message = "the field is new and filled with a default, which rules on the object around it may see";
    return [change("risky", "field-added", at, message)];
  }
  return [change("safe", "field-added", at, "the field is new")];
}

function compareDefaults(before: SchemaNode, after: SchemaNode, name: string, site: Site): Change[] {
  const [was, is] = [before, after].map(({ properties }) => properties![name]!.default);
  if (deepEqual(was, is)) return [];
  const words = `the default became ${shortened(JSON.stringify(is) ?? "none")}, before ${
    shortened(JSON.stringify(was) ?? "none")
  }`;
  if (is === undefined && after.required?.includes(name)) {
    const { default: _, ...field } = before.properties![name]!;
    const only = { ...before, required: after.required, properties: { ...before.properties, [name]: field } };
    return [change("breaking", "default-changed", site, `${words}, and it must be given`, findExample(before, only))];
  }
  return [change("risky", "default-changed", site, `${words}: objects that leave it out mean something else`)];
}

function compareRequired(before: SchemaNode, after: SchemaNode, added: ReadonlySet<string>, site: Site): Change[] {
  const [had, has] = [before.required ?? [], after.required ?? []];
  const { properties = {} } = after;
  const changes = has.filter((name) => !had.includes(name)).map((name) => {
    const at = { ...site, path: joined(site.path, name) };
    if (properties[name]?.default !== undefined) {
      return change("safe", "required-added", at, "the field must be given, and has a default");
    }
    const only = { ...before, required: [...had, name] };
    const message = added.has(name) ? "the field is new and must be given" : "the field must be given";
    return change("breaking", "required-added", at, message, findExample(before, only));
  });
  const relaxed = had.filter((name) => !has.includes(name) && Object.hasOwn(properties, name)).map((name) => {
    const at = { ...site, path: joined(site.path, name) };
    return change("safe", "required-removed", at, "the field may be left out");
  });
  return [...changes, ...relaxed];
}

function compareValues(before: SchemaNode, after: SchemaNode, site: Site): Change[] {
  const [had, has] = [valuesOf(before), valuesOf(after)];
  const at = { ...site, path: `${site.path}{}`, dropsNull: true };
  if (had && has) {
    return wrapped(compareSchemas(had, has, at), at.path, (example) => inField(before, "key", example));
  }
  if (had && !keepsUnknown(after)) {
    const example = findExample(before, { ...before, additionalProperties: undefined });
    return [change("breaking", "field-removed", at, "keys of one's own are dropped from now on", example)];
  }
  if (has && keepsUnknown(before)) {
    const example = findExample(ANYTHING, has);
    const whole = example === undefined ? undefined : inField(before, "key", example);
    return [change(whole === undefined ? "risky" : "breaking", "field-checked", at, "values are checked now", whole)];
  }
  return has ? [change("safe", "field-added", at, "keys of one's own are kept from now on")] : [];
}

function compareItems(before: SchemaNode, after: SchemaNode, site: Site): Change[] {
  const at = { ...site, path: `${site.path}[]`, dropsNull: false };
  const [had, has] = [before.items, after.items];
  if (!had || !has) return [];
  return wrapped(compareSchemas(had, has, at), at.path, (example) => inList(before, example));
}
