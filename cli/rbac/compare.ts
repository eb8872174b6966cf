import type { PolicyRule } from "../../kube/resources.ts";

/** Rules that hold in one namespace, or everywhere when that is absent. */
export interface Grant {
  namespace?: string;
  rules: readonly PolicyRule[];
  /** `ClusterRole klutch-bind-konnector`; absent where nobody can tell. */
  by?: string;
}

/** A right that is there without need, or needed and not there. */
export interface RightFinding {
  finding: "excess" | "missing";
  /** Everywhere when absent. */
  namespace?: string;
  /** `mangodbs.mangodb.com/status`, or the path of a URL. */
  resource: string;
  verbs: string[];
  /** Of the objects that are called so; of all when absent. */
  names?: string[];
  by?: string;
}

/** The right to one verb. */
interface Atom {
  namespace?: string;
  group: string;
  resource: string;
  verb: string;
  name?: string;
}

/** Where what is granted and what is needed are not the same. */
export const compareRights = (granted: readonly Grant[], needed: readonly Grant[]): RightFinding[] => [
  ...granted.flatMap((grant) => uncovered("excess", grant, needed)),
  ...needed.flatMap((grant) => uncovered("missing", grant, granted)),
];

function uncovered(finding: RightFinding["finding"], grant: Grant, by: readonly Grant[]): RightFinding[] {
  const cover = by.flatMap((one) => [...atomsOf(one)]);
  const findings = new Map<string, RightFinding>();
  for (const atom of atomsOf(grant)) {
    if (cover.some((other) => covers(other, atom))) continue;
    const { namespace, group, resource, verb, name } = atom;
    const id = JSON.stringify([group, resource, name]);
    const known = findings.get(id);
    if (known) known.verbs.push(verb);
    else {
      const described = group && !resource.startsWith("/") ? withGroup(resource, group) : resource;
      findings.set(id, {
        finding,
        namespace,
        resource: described,
        verbs: [verb],
        ...(name && { names: [name] }),
        by: grant.by,
      });
    }
  }
  return [...findings.values()];
}

/** `mangodbs/status` of a group is `mangodbs.<group>/status`. */
function withGroup(path: string, group: string): string {
  const [resource, subresource] = path.split("/");
  return `${resource}.${group}${subresource ? `/${subresource}` : ""}`;
}

function* atomsOf({ namespace, rules }: Grant): Iterable<Atom> {
  for (const { apiGroups = [], resources = [], nonResourceURLs = [], resourceNames = [], verbs } of rules) {
    const names = resourceNames.length > 0 ? resourceNames : [undefined];
    for (const verb of verbs) {
      for (const path of nonResourceURLs) yield { namespace, group: "", resource: path, verb };
      for (const group of apiGroups) {
        for (const resource of resources) for (const name of names) yield { namespace, group, resource, verb, name };
      }
    }
  }
}

/** Whether the one right includes the other. */
const covers = (one: Atom, other: Atom): boolean =>
  (one.namespace === undefined || one.namespace === other.namespace) &&
  isAnyOr(one.group, other.group) &&
  (isAnyOr(one.resource, other.resource) ||
    (one.resource.startsWith("*/") && one.resource.slice(1) === subresourceOf(other.resource))) &&
  (one.verb === "*" || powerOf(one.verb) === powerOf(other.verb)) &&
  (one.name === undefined || one.name === other.name);

const isAnyOr = (pattern: string, value: string): boolean => pattern === "*" || pattern === value;
const subresourceOf = (path: string): string | undefined => /\/.*/.exec(path)?.[0];

/** Whoever may patch an object can do to it all that an update can. */
const powerOf = (verb: string): string => verb === "update" ? "patch" : verb;
