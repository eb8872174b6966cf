import * as oidc from "openid-client";
import { OidcError } from "./errors.ts";
import { checkIssuerUrl, configurationOf, discover, type Endpoint, httpClientOf } from "./issuer_client.ts";
import { issuerFetch } from "./issuer_fetch.ts";
import { toOidcError } from "./library_errors.ts";

/** A program that gets tokens from an issuer without a browser of its own. */
export interface TokenClient {
  issuerUrl: string;
  clientId: string;
  clientSecret?: string;
  /** PEM certificates trusted in addition to the system's. */
  caData?: string;
  /** For each request to the issuer. */
  timeoutMs?: number;
}

/** What a person has to do in a browser, on whatever device. */
export interface DeviceCode {
  /** Where to type the code. */
  url: string;
  /** The same with the code in it, if the issuer offers that. */
  completeUrl?: string;
  code: string;
  expiresInSeconds: number;
}

/**
 * Lets a person log in on another device (RFC 8628).
 *
 * @param scopes `openid` has to be among them
 * @param show called once with what the person has to do
 * @returns the ID token, which nobody has verified yet
 * @throws {OidcError}
 */
export async function deviceLogin(
  client: TokenClient,
  { scopes, show }: { scopes: readonly string[]; show: (code: DeviceCode) => void },
  signal: AbortSignal,
): Promise<string> {
  return await grant(client, ["token_endpoint", "device_authorization_endpoint"], async (configuration) => {
    const device = await oidc.initiateDeviceAuthorization(configuration, { scope: scopes.join(" ") });
    show({
      url: device.verification_uri,
      ...(device.verification_uri_complete && { completeUrl: device.verification_uri_complete }),
      code: device.user_code,
      expiresInSeconds: device.expires_in,
    });
    const limit = AbortSignal.any([signal, AbortSignal.timeout(device.expires_in * 1000)]);
    // The library looks at its signal between two pauses only.
    const aborted = Promise.withResolvers<never>();
    limit.addEventListener("abort", () => aborted.reject(limit.reason), { once: true });
    const poll = oidc.pollDeviceAuthorizationGrant(configuration, device, undefined, { signal: limit });
    const { id_token } = await Promise.race([poll, aborted.promise]);
    if (id_token) return id_token;
    throw new OidcError("issuer_misbehaved", `Cannot log in at issuer "${client.issuerUrl}": it sent no ID token`);
  }, signal);
}

/**
 * Logs a program in by its own id and secret (RFC 6749 4.4).
 *
 * @param audience whom the token is for; issuers that know no such parameter decide by themselves
 * @returns the access token
 * @throws {OidcError}
 */
export async function clientCredentials(
  client: TokenClient,
  { audience }: { audience?: string },
  signal: AbortSignal,
): Promise<string> {
  return await grant(client, ["token_endpoint"], async (configuration) => {
    const { access_token } = await oidc.clientCredentialsGrant(configuration, audience ? { audience } : {});
    return access_token;
  }, signal);
}

async function grant(
  { issuerUrl, clientId, clientSecret, caData, timeoutMs = 30_000 }: TokenClient,
  endpoints: readonly Endpoint[],
  ask: (configuration: oidc.Configuration) => Promise<string>,
  signal: AbortSignal,
): Promise<string> {
  const url = checkIssuerUrl(issuerUrl);
  const client = httpClientOf(caData);
  try {
    const fetch = issuerFetch({ issuerUrl, timeoutMs, client }, signal);
    const metadata = await discover({ issuerUrl: url, endpoints, timeoutMs, fetch }, signal);
    return await ask(configurationOf(metadata, { clientId, clientSecret, timeoutMs, fetch }));
  } catch (error) {
    signal.throwIfAborted();
    throw toOidcError(error, `Cannot log in at issuer "${issuerUrl}"`);
  } finally {
    client?.close();
  }
}
