import {
  type AuthenticationMethod,
  BEARER_TOKEN,
  BindingProvider,
  OAUTH2_CODE_GRANT,
} from "../crds/binding_provider.ts";
import { decode } from "../crds/check.ts";
import { VERSION } from "../crds/names.ts";
import { messageOf } from "../kube/errors.ts";
import { isJsonObject, parseJson } from "../kube/json.ts";
import { download } from "./download.ts";
import { compareVersions, parseVersion } from "./semver.ts";
import { printable } from "../printable.ts";

/** What a command needs to know about a provider before anybody logs in. */
export interface ProviderInfo {
  /** Cleaned of anything a terminal would act upon. */
  name: string;
  version: string;
  /** Where the browser starts; `p`, `s` and `c` come on top of its query. */
  loginUrl: URL;
  /** Where a one-time code is exchanged for the credential; earlier providers send the credential by the browser. */
  responseUrl?: URL;
  /** Page on which a person sees what is bound; `s` comes on top of its query. */
  clustersUrl?: URL;
  /** How to log in without a browser of ours. */
  tokenWay?: TokenWay;
}

/** What a provider says about logins by token. */
export interface TokenWay {
  /** Takes the token, and says what to bind. */
  bindUrl: URL;
  /** Tells what is on offer; earlier providers do so on their page only. */
  apisUrl?: URL;
  issuerUrl: string;
  /** People log in with it by device code. */
  deviceClientId?: string;
  scopes: string[];
  /** Whom tokens of programs have to be meant for; none where programs are not let in. */
  audiences: string[];
}

/** Earlier providers hand out what later command lines do not understand. */
const OLDEST_VERSION = "0.3.0";
/** What a provider says that was built without a version. */
const DEVELOPMENT_VERSIONS = ["v0.0.0", "v0.0.0-master+$Format:%H$"];

/**
 * Asks a provider who it is and how to log in.
 *
 * @param url of the provider's export page, e.g. `https://HOST/export`
 * @param certificates trusted besides the usual authorities; PEM
 */
export async function fetchProviderInfo(
  url: URL,
  { certificates }: { certificates?: string },
  signal: AbortSignal,
): Promise<ProviderInfo> {
  const what = "a provider, usually one that ends in /export";
  const text = await download(url, { what, accept: "application/json", certificates }, signal);
  try {
    return readProviderInfo(text);
  } catch (error) {
    throw new Error(`Cannot bind to ${url.origin}${url.pathname}: ${messageOf(error)}`);
  }
}

/** @throws {Error} when the text is not what a provider of a known version says about itself */
export function readProviderInfo(text: string): ProviderInfo {
  let document: unknown;
  try {
    document = parseJson(text);
  } catch {
    throw new Error("the answer is not JSON; is this the URL of a provider?");
  }
  if (!isJsonObject(document)) throw new Error("the answer is not a JSON object");
  const { apiVersion, version } = document;
  if (apiVersion !== VERSION) {
    throw new Error(
      `unsupported binding provider version: ${JSON.stringify(printable(String(apiVersion ?? ""), 100))}`,
    );
  }
  checkProviderVersion(typeof version === "string" ? version : "");
  const provider = decode(BindingProvider, document);
  const grant = grantOf(provider.authenticationMethods);
  const tokens = provider.authenticationMethods.find(({ method }) => method === BEARER_TOKEN)?.bearerToken;
  return {
    name: printable(provider.providerPrettyName, 100),
    version: printable(provider.version, 100),
    loginUrl: readUrl(grant.authenticatedURL, "login URL"),
    ...(grant.responseURL !== undefined && { responseUrl: readUrl(grant.responseURL, "response URL") }),
    ...(grant.clustersURL !== undefined && { clustersUrl: readUrl(grant.clustersURL, "URL of clusters") }),
    ...(tokens && { tokenWay: readTokenWay(tokens) }),
  };
}

/** @throws {Error} when a provider of that version cannot be talked to */
export function checkProviderVersion(version: string): void {
  if (version === "") {
    throw new Error(`provider version "" is empty, please update the backend to v${OLDEST_VERSION}+`);
  }
  if (DEVELOPMENT_VERSIONS.includes(version)) return;
  const parsed = parseVersion(version);
  if (!parsed) throw new Error(`provider version ${JSON.stringify(printable(version, 100))} cannot be parsed`);
  if (compareVersions(parsed, parseVersion(OLDEST_VERSION)!) < 0) {
    throw new Error(`provider version ${version} is not supported, must be at least v${OLDEST_VERSION}`);
  }
}

function readTokenWay(tokens: NonNullable<AuthenticationMethod["bearerToken"]>): TokenWay {
  readUrl(tokens.issuerURL, "issuer");
  return {
    bindUrl: readUrl(tokens.bindURL, "URL for tokens"),
    ...(tokens.apisURL !== undefined && { apisUrl: readUrl(tokens.apisURL, "URL of APIs") }),
    issuerUrl: printable(tokens.issuerURL), // as written, since it is compared with what the issuer says
    ...(tokens.deviceClientID && { deviceClientId: tokens.deviceClientID }),
    scopes: tokens.scopes ?? ["openid"],
    audiences: tokens.audiences ?? [],
  };
}

function grantOf(methods: readonly AuthenticationMethod[]) {
  const grant = methods.find(({ method }) => method === OAUTH2_CODE_GRANT)?.oauth2CodeGrant;
  if (!grant) throw new Error("server does not support OAuth2 code grant flow");
  return grant;
}

function readUrl(text: string, what: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // It is handed to the browser, which would do as it is told with file: and javascript:, too.
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new Error(`its ${what} ${JSON.stringify(printable(text, 200))} is not an http or https URL`);
  }
  return url;
}
