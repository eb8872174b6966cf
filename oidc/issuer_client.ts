import { X509Certificate } from "node:crypto";
import * as oidc from "openid-client";
import { OidcError } from "./errors.ts";
import { type IssuerFetch, requireSecure } from "./issuer_fetch.ts";
import { toOidcError } from "./library_errors.ts";

/** The libraries have time-outs of their own; ours, which says more, comes first. */
export const LIBRARY_PATIENCE = 2;

/** Addresses in an issuer's metadata that somebody cannot do without. */
export type Endpoint = "authorization_endpoint" | "token_endpoint" | "device_authorization_endpoint" | "jwks_uri";

interface Discovery {
  issuerUrl: URL;
  /** Checked to be there and to be safe to use. */
  endpoints: readonly Endpoint[];
  timeoutMs: number;
  fetch: IssuerFetch;
}

/**
 * Asks an issuer for its metadata.
 *
 * @throws {OidcError} `issuer_unreachable`, `issuer_misbehaved`
 */
export async function discover(
  { issuerUrl, endpoints, timeoutMs, fetch }: Discovery,
  signal: AbortSignal,
): Promise<oidc.ServerMetadata> {
  const action = `Cannot use issuer "${issuerUrl.href}"`;
  try {
    const configuration = await oidc.discovery(issuerUrl, "-", undefined, oidc.None(), {
      [oidc.customFetch]: fetch as oidc.CustomFetch,
      timeout: LIBRARY_PATIENCE * timeoutMs / 1000,
      ...(issuerUrl.protocol === "http:" && { execute: [oidc.allowInsecureRequests] }),
    });
    const metadata = configuration.serverMetadata();
    // The library makes exceptions for issuers that serve many tenants; there, everybody's tenant would be welcome.
    if (URL.parse(metadata.issuer)?.href !== issuerUrl.href) {
      throw new OidcError("issuer_misbehaved", `${action}: it says that it is "${metadata.issuer}"`);
    }
    for (const name of endpoints) {
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

interface Client {
  clientId: string;
  /** None for a public client. */
  clientSecret?: string;
  timeoutMs: number;
  fetch: IssuerFetch;
}

/** What the library needs to act as one client of an issuer. */
export function configurationOf(
  metadata: oidc.ServerMetadata,
  { clientId, clientSecret, timeoutMs, fetch }: Client,
): oidc.Configuration {
  const configuration = new oidc.Configuration(
    metadata,
    clientId,
    undefined,
    authenticationOf(metadata, clientSecret),
  );
  if (metadata.issuer.startsWith("http:")) oidc.allowInsecureRequests(configuration);
  configuration.timeout = LIBRARY_PATIENCE * timeoutMs / 1000;
  configuration[oidc.customFetch] = fetch as oidc.CustomFetch;
  return configuration;
}

/** RFC 6749 prefers the header; an issuer that says otherwise gets the secret in the form. */
function authenticationOf(metadata: oidc.ServerMetadata, clientSecret: string | undefined): oidc.ClientAuth {
  if (!clientSecret) return oidc.None();
  const methods = metadata.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
  const wantsForm = !methods.includes("client_secret_basic") && methods.includes("client_secret_post");
  return wantsForm ? oidc.ClientSecretPost(clientSecret) : oidc.ClientSecretBasic(clientSecret);
}

/** @throws {OidcError} `configuration` */
export function checkIssuerUrl(text: string): URL {
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

/**
 * Connections to an issuer with a CA of its own; undefined where the system's are enough.
 *
 * @param caData PEM
 * @throws {OidcError} `configuration`
 */
export const httpClientOf = (caData: string | undefined): Deno.HttpClient | undefined =>
  caData === undefined ? undefined : Deno.createHttpClient({ caCerts: checkCa(caData) });

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
