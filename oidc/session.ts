import { EncryptJWT, jwtDecrypt, type JWTPayload } from "jose";
import { type CookieKeys, deriveKey } from "./cookie_keys.ts";
import { OidcError } from "./errors.ts";

/** One logged-in person in one browser, bound to what the login was for; holds no token of the issuer. */
export interface Session {
  subject: string;
  issuer: string;
  email?: string;
  name?: string;
  /** Only those that decide something later: hundreds of them do not fit into a cookie. */
  groups?: string[];
  redirectUrl: string;
  sessionId: string;
  clusterId: string;
  /** Whole seconds, as in JWT. */
  createdAt: Date;
  expiresAt: Date;
}

/** Cookie values; browsers take 4096 bytes for name, value and attributes together. */
const LARGEST_COOKIE_VALUE = 3800;
const ISSUER_OF_COOKIES = "klutch";
const AUDIENCE_OF_COOKIES = "klutch session";

/**
 * Turns a session into an encrypted, authenticated cookie value and back; nothing is stored on the server, so that
 * sessions outlive restarts and work on every replica with the same keys.
 */
export class SessionSealer {
  readonly #keys: CookieKeys;
  readonly #now: () => Date;
  #sealingKey?: Promise<Uint8Array>;

  constructor(keys: CookieKeys, { now = () => new Date() }: { now?: () => Date } = {}) {
    this.#keys = keys;
    this.#now = now;
  }

  /**
   * The cookie value of `session`: letters, digits, `-`, `_` and `.` (a JWE, `dir` with A256GCM).
   *
   * @throws {OidcError} `session_too_large`
   */
  async seal(session: Session): Promise<string> {
    const { subject, issuer, email, name, groups, redirectUrl, sessionId, clusterId, createdAt, expiresAt } = session;
    const text = await new EncryptJWT({ oiss: issuer, email, name, groups, url: redirectUrl, cid: clusterId })
      .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
      .setIssuer(ISSUER_OF_COOKIES)
      .setAudience(AUDIENCE_OF_COOKIES)
      .setSubject(subject)
      .setJti(sessionId)
      .setIssuedAt(createdAt)
      .setExpirationTime(expiresAt)
      .encrypt(await this.#key());
    if (text.length > LARGEST_COOKIE_VALUE) {
      throw new OidcError(
        "session_too_large",
        `Cannot keep the session of this login in a cookie: ${text.length} bytes, ${LARGEST_COOKIE_VALUE} are possible` +
          (groups?.length ? `; the issuer sent ${groups.length} groups, let it send fewer` : ""),
      );
    }
    return text;
  }

  /**
   * The session in a cookie value; undefined when there is none, it has expired, it was tampered with, it was sealed
   * with other keys, or it is that of another session id: in all these cases the person has to log in again.
   */
  async open(text: string | undefined, sessionId: string): Promise<Session | undefined> {
    if (!text || text.length > LARGEST_COOKIE_VALUE) return undefined;
    const key = await this.#key();
    try {
      const { payload } = await jwtDecrypt(text, key, {
        issuer: ISSUER_OF_COOKIES,
        audience: AUDIENCE_OF_COOKIES,
        requiredClaims: ["sub", "jti", "iat", "exp"],
        currentDate: this.#now(),
        keyManagementAlgorithms: ["dir"],
        contentEncryptionAlgorithms: ["A256GCM"],
      });
      return payload.jti === sessionId ? toSession(payload as SessionClaims) : undefined;
    } catch {
      return undefined;
    }
  }

  #key(): Promise<Uint8Array> {
    return this.#sealingKey ??= deriveKey(this.#keys, "session cookie");
  }
}

interface SessionClaims extends JWTPayload {
  sub: string;
  jti: string;
  iat: number;
  exp: number;
  /** Who vouches for `sub`; `iss` is the one who sealed the cookie. */
  oiss: string;
  email?: string;
  name?: string;
  groups?: string[];
  url: string;
  cid: string;
}

function toSession(claims: SessionClaims): Session {
  const { sub, oiss, email, name, groups, url, jti, cid, iat, exp } = claims;
  return {
    subject: sub,
    issuer: oiss,
    ...(email !== undefined && { email }),
    ...(name !== undefined && { name }),
    ...(groups !== undefined && { groups }),
    redirectUrl: url,
    sessionId: jti,
    clusterId: cid,
    createdAt: new Date(iat * 1000),
    expiresAt: new Date(exp * 1000),
  };
}
