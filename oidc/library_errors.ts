import * as jose from "jose";
import * as oidc from "openid-client";
import { OidcError, type OidcErrorCode } from "./errors.ts";

/**
 * What openid-client and jose throw, in our words. Their errors are not kept as `cause`, because they carry whole
 * answers of the issuer, tokens included.
 *
 * @param action what failed, e.g. `Cannot exchange the login code at issuer "https://sso.example.com"`
 */
export function toOidcError(error: unknown, action: string): OidcError {
  const own = findOwn(error);
  if (own) return own;
  const [code, why] = explain(error);
  return new OidcError(code, `${action}: ${why}`);
}

/** Our own errors come back wrapped when they were thrown from within the libraries, e.g. by our fetch. */
function findOwn(error: unknown): OidcError | undefined {
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    if (inner instanceof OidcError) return inner;
  }
}

function explain(error: unknown): [OidcErrorCode, string] {
  if (error instanceof oidc.AuthorizationResponseError) {
    const code = DENIALS.includes(error.error) ? "login_denied" : "login_failed";
    return [code, describe(error.error, error.error_description)];
  }
  if (error instanceof oidc.ResponseBodyError) {
    return [TOKEN_ERRORS[error.error] ?? "login_failed", describe(error.error, error.error_description)];
  }
  if (error instanceof oidc.WWWAuthenticateChallengeError) {
    return ["client_rejected", "the issuer did not accept our client id and secret"];
  }
  if (error instanceof jose.errors.JOSEError) {
    return [JWKS_FAULTS.includes(error.code) ? "issuer_misbehaved" : "id_token_invalid", clean(error.message)];
  }
  if (error instanceof oidc.ClientError) return explainClientError(error);
  return ["issuer_misbehaved", error instanceof Error ? clean(error.message) : "unknown error"];
}

function explainClientError(error: oidc.ClientError): [OidcErrorCode, string] {
  if (error.cause instanceof Response) {
    const type = error.cause.headers.get("content-type") ?? "no content type";
    return ["issuer_misbehaved", clean(`the answer is not what OpenID Connect says (${error.cause.status}, ${type})`)];
  }
  const inner = error.cause instanceof Error ? error.cause : error;
  const subject = inner.cause;
  const about = (name: string) => typeof subject === "object" && subject !== null && name in subject;
  const why = clean(inner.message);
  if (about("parameters") || CALLBACK_FAULT.test(why)) return ["callback_invalid", why];
  if (about("claims") || about("header") || typeof subject === "string" || / JWT |ID Token/.test(` ${why} `)) {
    return ["id_token_invalid", why];
  }
  return ["issuer_misbehaved", why];
}

/** RFC 6749 4.1.2.1 and OpenID Connect Core 3.1.2.6: nobody is broken, the person or a policy did not want it. */
const DENIALS = [
  "access_denied",
  "account_selection_required",
  "consent_required",
  "interaction_required",
  "login_required",
];

/** RFC 6749 5.2. */
const TOKEN_ERRORS: Partial<Record<string, OidcErrorCode>> = {
  invalid_client: "client_rejected",
  unauthorized_client: "client_rejected",
  invalid_grant: "code_rejected",
};

/** These say what is wrong with the callback in words only. */
const CALLBACK_FAULT = /^no authorization code|parameter must be provided only once$|^implicit and hybrid flows/;

/** The key set itself is unusable; all other errors of jose are about the token. */
const JWKS_FAULTS = ["ERR_JOSE_GENERIC", "ERR_JWKS_INVALID", "ERR_JWKS_TIMEOUT", "ERR_JWK_INVALID"];

const describe = (error: string, description?: string) =>
  description ? `${clean(error)} (${clean(description)})` : clean(error);

/** Texts of others, shown to people and in logs: one line of bounded length. */
function clean(text: string): string {
  // deno-lint-ignore no-control-regex
  const line = text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, " ").trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
