/** What went wrong in a login; decides the HTTP status and who has to act. */
export type OidcErrorCode =
  /** Issuer URL, client, callback URL or cookie keys are wrong: only the operator can mend it. */
  | "configuration"
  /** No answer from the issuer: refused, reset, too slow, certificate not trusted. Trying again may help. */
  | "issuer_unreachable"
  /** The issuer answered, but not with what OpenID Connect says: HTML, 500, metadata of somebody else. */
  | "issuer_misbehaved"
  /** The issuer or the person said no (`access_denied` and the like). */
  | "login_denied"
  /** The issuer reported another error, on the callback or from its token endpoint. */
  | "login_failed"
  /** The issuer does not know our client id and secret. */
  | "client_rejected"
  /** The issuer does not take the login code: used before, too old, or of another login. */
  | "code_rejected"
  /** The callback request carries no code, or parameters that contradict each other. */
  | "callback_invalid"
  /** The state is missing, garbled, or not of our making. */
  | "state_invalid"
  | "state_expired"
  /** The state belongs to a login begun in another browser, or one whose cookie is gone. */
  | "state_foreign"
  /** This login has been finished already. */
  | "state_replayed"
  /** The ID token is forged, expired, or meant for somebody else. */
  | "id_token_invalid"
  /** The session does not fit into a cookie. */
  | "session_too_large";

/**
 * A login, or the preparation of one, that failed. The message may be shown to the person in the browser: it holds no
 * token, code or secret, and neither does `cause`, which is set for transport errors only.
 */
export class OidcError extends Error {
  override readonly name = "OidcError";
  readonly code: OidcErrorCode;

  constructor(code: OidcErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
