import type { Context } from "hono";
import { Refusal } from "./refusal.ts";

/** Of a session id: it becomes a part of a cookie's name. */
const SESSION_ID = /^[0-9A-Za-z_-]{1,64}$/;
/** Of a cluster id: it becomes a part of an annotation, behind a `#`. */
const CLUSTER_ID = /^[0-9A-Za-z]{1,64}$/;
const RESOURCE = /^[a-z][-a-z0-9]{1,252}$/;
const GROUP = /^([a-z0-9][-a-z0-9.]{0,252})?$/;

/** Query parameters that the routes read, each at most once. */
export function readQuery<Name extends string>(c: Context, ...names: Name[]): Partial<Record<Name, string>> {
  const parameters = new URL(c.req.url).searchParams;
  const query: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const values = parameters.getAll(name);
    if (values.length > 1) throw invalid(`The parameter "${name}" is there ${values.length} times.`);
    if (values[0]) query[name] = values[0];
  }
  return query;
}

export const readSessionId = (text: string | undefined): string => matching(SESSION_ID, text, "session id");
export const readClusterId = (text: string | undefined): string => matching(CLUSTER_ID, text, "cluster id");

/** `<resource>.<group>`, the name of a CRD. */
export function readApiName(resource: string | undefined, group = ""): string {
  const plural = matching(RESOURCE, resource, "resource");
  if (!GROUP.test(group)) throw invalid("The group is not one of an API.");
  return group ? `${plural}.${group}` : plural;
}

function matching(pattern: RegExp, text: string | undefined, what: string): string {
  if (text !== undefined && pattern.test(text)) return text;
  throw invalid(text === undefined ? `The ${what} is missing.` : `The ${what} has an unexpected form.`);
}

const invalid = (message: string) =>
  new Refusal(400, "This link is broken", `${message} Start again on the command line.`);
