import type { JWTPayload } from "jose";
import { OidcError } from "./errors.ts";

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

/** Signatures that only the issuer can make; not `none`, nor HMAC, whose key would be the client secret. */
export const SIGNING_ALGORITHMS = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519".split(" ");

/**
 * What verified claims say about a person or a program.
 *
 * @throws {OidcError} `id_token_invalid`
 */
export function identityOf(claims: JWTPayload, groupsClaim: string): Identity {
  const { sub, iss, email, email_verified, name, preferred_username } = claims;
  const groups = claims[groupsClaim];
  if (!sub || sub.length > 255) throw untrusted("its subject is empty or longer than 255 characters");
  const displayName = [name, preferred_username].find((value) => typeof value === "string" && value);
  return {
    subject: sub,
    issuer: iss!,
    ...(typeof email === "string" && email && { email }),
    ...(typeof email_verified === "boolean" && { emailVerified: email_verified }),
    ...(typeof displayName === "string" && { name: displayName }),
    ...(Array.isArray(groups) && { groups: groups.filter((group) => typeof group === "string") }),
  };
}

export const untrusted = (why: string): OidcError =>
  new OidcError("id_token_invalid", `Cannot trust the ID token of the issuer: ${why}`);
