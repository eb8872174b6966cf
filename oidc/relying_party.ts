import * as jose from "jose";
import * as oidc from "openid-client";
import { OidcError } from "./errors.ts";
import { type Identity, identityOf, SIGNING_ALGORITHMS, untrusted } from "./identity.ts";
import { checkIssuerUrl, configurationOf, discover, httpClientOf, LIBRARY_PATIENCE } from "./issuer_client.ts";
import { issuerFetch } from "./issuer_fetch.ts";
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

const ENDPOINTS = ["authorization_endpoint", "token_endpoint", "jwks_uri"] as const;

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
  const client = httpClientOf(caData);
  try {
    const fetchOf = (signal: AbortSignal) => issuerFetch({ issuerUrl: options.issuerUrl, timeoutMs, client }, signal);
    const metadata = await discover({ issuerUrl, endpoints: ENDPOINTS, timeoutMs, fetch: fetchOf(signal) }, signal);
    const keys = jose.createRemoteJWKSet(new URL(metadata.jwks_uri!), {
      [jose.customFetch]: fetchOf(signal),
      timeoutDuration: LIBRARY_PATIENCE * timeoutMs,
      // Only the issuer itself hands us tokens, so an unknown key means rotation rather than somebody fishing.
      cooldownDuration: 1000,
    });
    // One per call, because the library takes the fetch, and with it the caller's signal, from its configuration.
    const configure = (signal: AbortSignal) =>
      configurationOf(metadata, { clientId, clientSecret, timeoutMs, fetch: fetchOf(signal) });
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
          const claims = tokens.claims()!;
          if (claims.azp !== undefined && claims.azp !== clientId) {
            throw untrusted("it was made for another client (azp)");
          }
          return identityOf(claims, groupsClaim);
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

/** We keep no ID token that could say who it is; the issuer then asks. */
function logoutUrlOf({ end_session_endpoint: endpoint }: oidc.ServerMetadata, clientId: string): URL | undefined {
  const url = typeof endpoint === "string" ? URL.parse(endpoint) : null;
  if (!url || !/^https?:$/.test(url.protocol)) return undefined;
  url.searchParams.set("client_id", clientId);
  return url;
}
