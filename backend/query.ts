import type { Context } from "hono";
import { InvalidObjectError } from "../crds/check.ts";
import { API_NAME, groupResourceName } from "../crds/shared.ts";
import { isCodeChallenge } from "../oidc/one_time_code.ts";
import { Refusal } from "./refusal.ts";

/** Of a session id: it becomes a part of a cookie's name. */
const SESSION_ID = /^[0-9A-Za-z_-]{1,64}$/;
/** Of a cluster id: it becomes a part of an annotation, behind a `#`. */
const CLUSTER_ID = /^[0-9A-Za-z]{1,64}$/;
const API = new RegExp(API_NAME);

/** Of an address, in characters. */
export const LONGEST_URL = 16_384;
/** Of a body, in bytes. */
export const LONGEST_BODY = 32_768;

/** Query parameters that the routes read, each at most once. */
export function readQuery<Name extends string>(c: Context, ...names: Name[]): Partial<Record<Name, string>> {
  return pick(new URL(c.req.url).searchParams, names);
}

function pick<Name extends string>(parameters: URLSearchParams, names: Name[]): Partial<Record<Name, string>> {
  const picked: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const values = parameters.getAll(name);
    if (values.length > 1) throw invalid(`The parameter "${name}" is there ${values.length} times.`);
    if (values[0]) picked[name] = values[0];
  }
  return picked;
}

/** It comes in one piece; who sends it slower only holds a connection. */
const BODY_TIMEOUT_MS = 5_000;

/** Fields of a form that was sent with POST, each at most once. */
export async function readForm<Name extends string>(
  c: Context,
  ...names: Name[]
): Promise<Partial<Record<Name, string>>> {
  return pick(new URLSearchParams(await readBody(c, "application/x-www-form-urlencoded")), names);
}

/** The text that was sent, if it is of this content type. */
export async function readBody(c: Context, wanted: string): Promise<string> {
  const type = c.req.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== wanted) throw new Refusal(415, "This cannot be read", `It has to come as ${wanted}.`);
  const late = AbortSignal.timeout(BODY_TIMEOUT_MS);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of c.req.raw.body?.pipeThrough(new TransformStream(), { signal: late }) ?? []) {
      sizeBytes += chunk.length;
      if (sizeBytes > LONGEST_BODY) throw new Refusal(413, "This is too large", "Start again.");
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof Refusal) throw cause;
    if (late.aborted) throw new Refusal(408, "This takes too long", "Start again.");
    throw new Refusal(400, "This did not arrive", "Start again.", { cause });
  }
  return await new Blob(chunks).text();
}

/**
 * What a body says, if it is what its schema demands.
 *
 * @param decode throws InvalidObjectError otherwise
 * @throws {Refusal}
 */
export function readValid<Content>(decode: () => Content): Content {
  try {
    return decode();
  } catch (error) {
    if (error instanceof InvalidObjectError) throw new Refusal(400, "This request is not valid", `${error.message}.`);
    throw error;
  }
}

export const readSessionId = (text: string | undefined): string => matching(SESSION_ID, text, "session id");
export const readClusterId = (text: string | undefined): string => matching(CLUSTER_ID, text, "cluster id");

/** PKCE of the command line; older ones have none. */
export function readCodeChallenge(text: string | undefined): string | undefined {
  if (text === undefined || isCodeChallenge(text)) return text;
  throw invalid("The code challenge has an unexpected form.");
}

const MOST_APIS = 50;

/** Names of APIs, `<resource>.<group>`, in a parameter that is there any number of times. */
export function readApis(c: Context, parameter = "api"): string[] {
  const names = new URL(c.req.url).searchParams.getAll(parameter);
  if (names.length > MOST_APIS) throw invalid(`More than ${MOST_APIS} APIs cannot be bound in one go.`);
  return readApiNames(names);
}

/** Each once, if all are names of APIs. */
export const readApiNames = (names: readonly string[]): string[] => [
  ...new Set(names.map((name) => matching(API, name, "name of the API"))),
];

/** What a person chose: the API of a link (`resource`, `group`), or those of a form (`api`). */
export function readChoice(c: Context): string[] {
  const chosen = readApis(c);
  if (chosen.length > 0) return chosen;
  const { resource, group = "" } = readQuery(c, "resource", "group");
  if (resource !== undefined) return readApiNames([groupResourceName({ group, resource })]);
  throw new Refusal(400, "Nothing is chosen", "Go back to the page and choose at least one API.");
}

function matching(pattern: RegExp, text: string | undefined, what: string): string {
  if (text !== undefined && pattern.test(text)) return text;
  throw invalid(text === undefined ? `The ${what} is missing.` : `The ${what} has an unexpected form.`);
}

const invalid = (message: string) =>
  new Refusal(400, "This link is broken", `${message} Start again on the command line.`);
