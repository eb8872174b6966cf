import { X509Certificate } from "node:crypto";
import * as jose from "jose";
import * as oidc from "openid-client";
import { OidcError } from "./errors.ts";
import { type IssuerFetch, issuerFetch, requireSecure } from "./issuer_fetch.ts";
import { toOidcError } from "./library_errors.ts";
import type { LoginSecrets } from "./state.ts";

export interface RelyingPartyOptions {
  /** As in the ID tokens' `iss`; HTTP is taken on loopback only. */
  issuerUrl: string;
  clientId: string;
  /** None for public clients, which PKCE protects. */
  clientSecret?: string;
  /** Where the issuer sends the browser back to; registered there, so without query and fragment. */
  callbackUrl: string;
  /** `openid` has to be among them. */
  scopes?: string[];
  /** Claim that lists a person's groups. */
  groupsClaim?: string;
  /** PEM certificates trusted in addition to the system's. */
  caData?: string;
  /** For each request to the issuer. */
  timeoutMs?: number;
}

/** Who logged in, as the issuer vouches for it; only `subject` and `issuer` are fit to identify somebody. */
export interface Identity {
  /** Not empty, at most 255 characters; may hold any character. */
  subject: string;
  issuer: string;
  email?: string;
  emailVerified?: boolean;
  name?: string;
  groups?: string[];
}

/** One client of one issuer. Safe to use concurrently; disposing it closes its connections. */
export interface RelyingParty extends Disposable {
  readonly issuer: string;
  /** Where a person logs out of the issuer itself, if it says. */
  readonly logoutUrl?: URL;
  /** Where to send the browser to log in. */
  authorizationUrl(login: LoginSecrets): Promise<URL>;
  /**
   * Turns the query of the issuer's callback into a verified identity. Tokens do not leave this function.
   *
   * @param callback all parameters, unchanged: doubled ones are refused
   * @param login what `LoginStates.finish` returned for `callback`'s state
   * @throws {OidcError} every code but `configuration` and `state_…`
   */
  exchange(callback: URLSearchParams, login: LoginSecrets, signal: AbortSignal): Promise<Identity>;
}

/** Nothing happens in a person's name once they have gone, so no `offline_access`. */
export const DEFAULT_SCOPES = ["openid", "profile", "email"];

/** Signatures that only the issuer can make; not `none`, nor HMAC, whose key would be the client secret. */
const SIGNING_ALGORITHMS = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519".split(" ");

/** The libraries have time-outs of their own; ours, which says more, comes first. */
const LIBRARY_PATIENCE = 2;

/**
 * Discovers the issuer and returns its relying party. Made once; whoever calls decides when to try again.
 *
 * @param signal aborts this call, and later requests for the issuer's keys
 * @throws {OidcError} `configuration` (pointless to try again), `issuer_unreachable`, `issuer_misbehaved`
 */
export async function openRelyingParty(options: RelyingPartyOptions, signal: AbortSignal): Promise<RelyingParty> {
  const { clientId, clientSecret, callbackUrl, scopes = DEFAULT_SCOPES, groupsClaim = "groups" } = options;
  const { caData, timeoutMs = 10_000 } = options;
  const issuerUrl = checkIssuerUrl(options.issuerUrl);
  checkClient(options);
  const client = caData === undefined ? undefined : Deno.createHttpClient({ caCerts: checkCa(caData) });
  try {
    const fetchOf = (signal: AbortSignal) => issuerFetch({ issuerUrl: options.issuerUrl, timeoutMs, client }, signal);
    const metadata = await discover({ issuerUrl, clientId, timeoutMs, fetch: fetchOf(signal) }, signal);
    const keys = jose.createRemoteJWKSet(new URL(metadata.jwks_uri!), {
      [jose.customFetch]: fetchOf(signal),
      timeoutDuration: LIBRARY_PATIENCE * timeoutMs,
      // Only the issuer itself hands us tokens, so an unknown key means rotation rather than somebody fishing.
      cooldownDuration: 1000,
    });
    // One per call, because the library takes the fetch, and with it the caller's signal, from its configuration.
    const configure = (signal: AbortSignal) => {
      const auth = authenticationOf(metadata, clientSecret);
      const configuration = new oidc.Configuration(metadata, clientId, undefined, auth);
      if (issuerUrl.protocol === "http:") oidc.allowInsecureRequests(configuration);
      configuration.timeout = LIBRARY_PATIENCE * timeoutMs / 1000;
      configuration[oidc.customFetch] = fetchOf(signal) as oidc.CustomFetch;
      return configuration;
    };
    return {
      issuer: metadata.issuer,
      logoutUrl: logoutUrlOf(metadata, clientId),
      async authorizationUrl({ state, nonce, codeVerifier }) {
        return oidc.buildAuthorizationUrl(configure(signal), {
          redirect_uri: callbackUrl,
          scope: scopes.join(" "),
          state,
          nonce,
          code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
          code_challenge_method: "S256",
        });
      },
      async exchange(callback, { state, nonce, codeVerifier }, signal) {
        const currentUrl = new URL(callbackUrl);
        currentUrl.search = callback.toString();
        try {
          const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: codeVerifier };
          const tokens = await oidc.authorizationCodeGrant(configure(signal), currentUrl, checks);
          // The library trusts TLS instead of the signature, and `azp` unless there are several audiences.
          await jose.compactVerify(tokens.id_token!, keys, { algorithms: SIGNING_ALGORITHMS });
          return identityOf(tokens.claims()!, { clientId, groupsClaim });
        } catch (error) {
          signal.throwIfAborted();
          throw toOidcError(error, `Cannot log in at issuer "${metadata.issuer}"`);
        }
      },
      [Symbol.dispose]: () => client?.close(),
    };
  } catch (error) {
    client?.close();
    throw error;
  }
}

interface Discovery {
  issuerUrl: URL;
  clientId: string;
  timeoutMs: number;
  fetch: IssuerFetch;
}

async function discover({ issuerUrl, clientId, timeoutMs, fetch }: Discovery, signal: AbortSignal) {
  const action = `Cannot use issuer "${issuerUrl.href}"`;
  try {
    const configuration = await oidc.discovery(issuerUrl, clientId, undefined, oidc.None(), {
      [oidc.customFetch]: fetch as oidc.CustomFetch,
      timeout: LIBRARY_PATIENCE * timeoutMs / 1000,
      ...(issuerUrl.protocol === "http:" && { execute: [oidc.allowInsecureRequests] }),
    });
    const metadata = configuration.serverMetadata();
    // The library makes exceptions for issuers that serve many tenants; there, everybody's tenant would be welcome.
    if (URL.parse(metadata.issuer)?.href !== issuerUrl.href) {
      throw new OidcError("issuer_misbehaved", `${action}: it says that it is "${metadata.issuer}"`);
    }
    for (const name of ["authorization_endpoint", "token_endpoint", "jwks_uri"] as const) {
      if (typeof metadata[name] !== "string") {
        throw new OidcError("issuer_misbehaved", `${action}: its metadata lacks ${name}`);
      }
      requireSecure(metadata[name], `the ${name} of issuer "${issuerUrl.href}"`, "issuer_misbehaved");
    }
    return metadata;
  } catch (error) {
    signal.throwIfAborted();
    throw toOidcError(error, action);
  }
}

function checkIssuerUrl(text: string): URL {
  const url = requireSecure(text, "the OIDC issuer", "configuration");
  if (url.search || url.hash || url.username || url.pathname.includes("/.well-known/")) {
    const wanted = 'only scheme, host and path, without "/.well-known/…", query, fragment and user';
    throw new OidcError(
      "configuration",
      `The URL of the OIDC issuer has to have ${wanted}: "${url.origin}${url.pathname}"`,
    );
  }
  return url;
}

function checkClient({ clientId, callbackUrl, scopes }: RelyingPartyOptions): void {
  if (!clientId) throw new OidcError("configuration", "The OIDC client id is missing");
  const callback = URL.parse(callbackUrl);
  if (!callback || !["http:", "https:"].includes(callback.protocol) || callback.search || callback.hash) {
    const wanted = "an http or https URL without query and fragment";
    throw new OidcError("configuration", `The OIDC callback URL has to be ${wanted}: "${callbackUrl}"`);
  }
  if (callback.href !== callbackUrl) {
    // One half of the login sends it as it is here, the other as URLs are written; issuers compare letter by letter.
    throw new OidcError("configuration", `The OIDC callback URL "${callbackUrl}" has to be written "${callback.href}"`);
  }
  if (scopes && !scopes.includes("openid")) {
    throw new OidcError("configuration", `The OIDC scopes have to include "openid": "${scopes.join(" ")}"`);
  }
}

/** Deno takes any text, and only says that it trusts nobody once it is used. */
function checkCa(pem: string): string[] {
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    for (const certificate of certificates) new X509Certificate(certificate);
  } catch {
    certificates.length = 0;
  }
  if (certificates.length > 0) return certificates;
  throw new OidcError("configuration", "The CA data of the OIDC issuer has to be certificates in PEM form");
}

/** We keep no ID token that could say who it is; the issuer then asks. */
function logoutUrlOf({ end_session_endpoint: endpoint }: oidc.ServerMetadata, clientId: string): URL | undefined {
  const url = typeof endpoint === "string" ? URL.parse(endpoint) : null;
  if (!url || !/^https?:$/.test(url.protocol)) return undefined;
  url.searchParams.set("client_id", clientId);
  return url;
}

/** RFC 6749 prefers the header; an issuer that says otherwise gets the secret in the form. */
function authenticationOf(metadata: oidc.ServerMetadata, clientSecret: string | undefined): oidc.ClientAuth {
  if (!clientSecret) return oidc.None();
  const methods = metadata.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
  const wantsForm = !methods.includes("client_secret_basic") && methods.includes("client_secret_post");
  return wantsForm ? oidc.ClientSecretPost(clientSecret) : oidc.ClientSecretBasic(clientSecret);
}

function identityOf(claims: oidc.IDToken, wanted: { clientId: string; groupsClaim: string }): Identity {
  const invalid = (why: string) => new OidcError("id_token_invalid", `Cannot trust the ID token of the issuer: ${why}`);
  const { sub, iss, azp, email, email_verified, name, preferred_username } = claims;
  const groups = claims[wanted.groupsClaim];
  if (azp !== undefined && azp !== wanted.clientId) throw invalid("it was made for another client (azp)");
  if (!sub || sub.length > 255) throw invalid("its subject is empty or longer than 255 characters");
  const displayName = [name, preferred_username].find((value) => typeof value === "string" && value);
  return {
    subject: sub,
    issuer: iss,
    ...(typeof email === "string" && email && { email }),
    ...(typeof email_verified === "boolean" && { emailVerified: email_verified }),
    ...(typeof displayName === "string" && { name: displayName }),
    ...(Array.isArray(groups) && { groups: groups.filter((group) => typeof group === "string") }),
  };
}
