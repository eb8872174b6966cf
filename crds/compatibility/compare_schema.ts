import { deepEqual } from "../../kube/json.ts";
import { shortened } from "../../kube/shortened.ts";
import type { Json } from "../../kube/types.ts";
import { type Change, verdictOf } from "./change.ts";
import { change, compareNodes, type Site } from "./compare_node.ts";
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
  const inner = {
    ...site,
    isRuled: site.isRuled || hasAny(RULES, before, after),
    isCounted: site.isCounted || hasAny(COUNTING, before, after),
  };
  const own = compareNodes(before, after, inner);
  // Keywords of another type say nothing about the values that were accepted.
  if (own.some(({ rule }) => rule === "type-changed")) return own;
  return [
    ...own,
    ...compareFields(before, after, inner),
    ...compareValues(before, after, inner),
    ...compareItems(before, after, inner),
  ];
}

const RULES = ["x-kubernetes-validations"];
const COUNTING = ["allOf", "anyOf", "oneOf", "not", "maxProperties"];
const hasAny = (keywords: readonly string[], ...nodes: SchemaNode[]): boolean =>
  nodes.some((node) => keywords.some((keyword) => Object.hasOwn(node, keyword)));

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
        ...compareDefaults(had[name]!, has[name]!, inner, requiredWithoutDefault(before, after, name)),
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
  const { [name]: field, ...properties } = before.properties!;
  const values = valuesOf(after);
  if (values) {
    const verdict = verdictOf(compareSchemas(field!, values, at)) === "breaking" ? "breaking" : "risky";
    const example = findExample(field!, values);
    const whole = example === undefined ? undefined : inField(before, name, example);
    return change(verdict, "field-removed", at, "the field is gone; its values are checked as any other key's", whole);
  }
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
  const wasFree = valuesOf(before) ?? (keepsUnknown(before) ? ANYTHING : undefined);
  const verdict = wasFree ? verdictOf(compareSchemas(wasFree, field, at)) : "safe";
  if (verdict !== "safe") {
    const example = findExample(wasFree!, field);
    const whole = example === undefined ? undefined : inField(before, name, example);
    return [change(verdict, "field-checked", at, "the field could be given before, and is checked now", whole)];
  }
  if ((site.isRuled || site.isCounted) && field.default !== undefined) {
    const message = "the field is new and filled with a default, which rules on the object around it may see";
    return [change("risky", "field-added", at, message)];
  }
  return [change("safe", "field-added", at, "the field is new")];
}

/** @param refusal of what is left out where there is no default any more; absent where that is accepted */
function compareDefaults(
  { default: was }: SchemaNode,
  { default: is }: SchemaNode,
  site: Site,
  refusal?: { words: string; example: Json | undefined },
): Change[] {
  if (deepEqual(was, is)) return [];
  const [from, to] = [was, is].map((value) => shortened(JSON.stringify(value) ?? "none"));
  const words = `the default became ${to}, before ${from}`;
  if (is === undefined && refusal) {
    return [change("breaking", "default-changed", site, `${words}, and ${refusal.words}`, refusal.example)];
  }
  return [change("risky", "default-changed", site, `${words}: objects that leave it out mean something else`)];
}

function requiredWithoutDefault(before: SchemaNode, after: SchemaNode, name: string) {
  if (!after.required?.includes(name)) return undefined;
  const { default: _, ...field } = before.properties![name]!;
  const only = { ...before, required: after.required, properties: { ...before.properties, [name]: field } };
  return { words: "it must be given", example: findExample(before, only) };
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
    const changes = [...compareDefaults(had, has, at), ...compareSchemas(had, has, at)];
    return wrapped(changes, at.path, (example) => inField(before, "key", example));
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
  const refusal = { words: "null is refused", example: inList(before, null) };
  const changes = [
    ...compareDefaults(had, has, at, had.nullable ? undefined : refusal),
    ...compareSchemas(had, has, at),
  ];
  return wrapped(changes, at.path, (example) => inList(before, example));
}
