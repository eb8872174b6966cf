import type { APIServiceExportRequestResponse } from "../crds/api_service_export_request.ts";
import { BindingResponse } from "../crds/binding_response.ts";
import { decode } from "../crds/check.ts";
import { API_VERSION } from "../crds/names.ts";
import { groupResourceName } from "../crds/shared.ts";
import { messageOf } from "../kube/errors.ts";
import { isJsonObject, parseJson } from "../kube/json.ts";
import { protectedIn } from "./export_requests.ts";
import { readReceivedKubeconfig, type ReceivedKubeconfig } from "./remote_kubeconfig.ts";
import { printable } from "../printable.ts";

/** What a provider hands out after login, checked and reduced to what we use of it. */
export interface BoundIdentity {
  /** Who has logged in: `<issuer>/<subject>`. */
  identity: string;
  /** Absent from the answer to a dry run, unless the provider knows none. */
  kubeconfig?: ReceivedKubeconfig;
  requests: APIServiceExportRequestResponse[];
}

/** Base64 in either alphabet: providers encode with one and expect the other. */
function decodeBase64(text: string): string {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

/**
 * The document inside the callback's `response` parameter: base64 of JSON, or of YAML.
 *
 * @throws {SyntaxError} that does not quote the text, since it may hold credentials
 */
export async function decodeResponse(parameter: string): Promise<unknown> {
  try {
    const text = decodeBase64(parameter);
    if (/^\s*\{/.test(text)) return parseJson(text);
    const { parse } = await import("yaml");
    return parse(text, { maxAliasCount: 0, logLevel: "error" });
  } catch {
    throw new SyntaxError("the response is not base64 of a JSON or YAML document");
  }
}

/**
 * Checks a decoded response, that it answers the login of this session, and that it binds what was asked for.
 *
 * @param apis `<resource>.<group>` of each; absent when the person chooses on the provider's page
 * @throws {Error} "unexpected response…", or why its kubeconfig is refused; nothing of it has been used then
 */
export function readBindingResponse(
  document: unknown,
  sessionId: string,
  { isDryRun = false, apis }: { isDryRun?: boolean; apis?: readonly string[] } = {},
): BoundIdentity {
  const { kind, apiVersion, authentication, requests } = isJsonObject(document) ? document : {};
  if (kind !== "BindingResponse" || apiVersion !== API_VERSION) {
    throw new Error(
      `unexpected response type ${quote(apiVersion)}, Kind=${quote(kind)}, ` +
        `only supporting ${API_VERSION}, Kind=BindingResponse`,
    );
  }
  const grant = isJsonObject(authentication) ? authentication.oauth2CodeGrant : undefined;
  if (!isJsonObject(grant)) throw new Error("unexpected response: authentication.oauth2CodeGrant is nil");
  if (grant.sid !== sessionId) {
    throw new Error(
      "unexpected response: sessionID does not match; it answers another login, so run the command again",
    );
  }
  for (const [index, request] of (Array.isArray(requests) ? requests : []).entries()) {
    const got = isJsonObject(request) ? request.apiVersion : undefined;
    if (got !== API_VERSION) {
      throw new Error(`unexpected response: request #${index} is not ${API_VERSION}, got ${quote(got)}`);
    }
  }
  let response: BindingResponse;
  try {
    response = decode(BindingResponse, document);
  } catch (error) {
    throw new Error(`unexpected response: ${messageOf(error)}`);
  }
  const requested = response.requests.flatMap(({ spec }) => spec.resources);
  const refused = protectedIn(requested);
  if (refused) throw new Error(`unexpected response: a request for ${quote(refused)}, which may never be bound`);
  if (apis) checkAnswered(apis, requested.map(groupResourceName));
  if (response.kubeconfig === undefined && !isDryRun) throw new Error("unexpected response: kubeconfig is missing");
  return {
    identity: printable(response.authentication.oauth2CodeGrant?.id ?? ""),
    ...(response.kubeconfig !== undefined && { kubeconfig: decodeKubeconfig(response.kubeconfig) }),
    requests: response.requests,
  };
}

function checkAnswered(asked: readonly string[], answered: readonly string[]): void {
  const stranger = answered.find((name) => !asked.includes(name));
  if (stranger) throw new Error(`unexpected response: a request for ${quote(stranger)}, which was not asked for`);
  const missing = asked.find((name) => !answered.includes(name));
  if (missing) throw new Error(`unexpected response: no request for ${quote(missing)}, which was asked for`);
}

function decodeKubeconfig(base64: string): ReceivedKubeconfig {
  let text: string;
  try {
    text = decodeBase64(base64);
  } catch {
    throw new Error("unexpected response: the kubeconfig is not base64 of text");
  }
  return readReceivedKubeconfig(text);
}

const quote = (value: unknown) => JSON.stringify(printable(String(value ?? ""), 100));
