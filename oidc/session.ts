import type { CookieKeys } from "./cookie_keys.ts";
import { OidcError } from "./errors.ts";
import type { Identity } from "./identity.ts";
import { type SealedClaims, Sealer } from "./sealer.ts";

/** One logged-in person in one browser, bound to what the login was for; holds no token of the issuer. */
export interface Session extends Identity {
  /** Only those that decide something later: hundreds of them do not fit into a cookie. */
  groups?: string[];
  redirectUrl: string;
  sessionId: string;
  clusterId: string;
  /** Of the client that waits at `redirectUrl`, see `LoginTarget`. */
  codeChallenge?: string;
  /** Whole seconds, as in JWT. */
  createdAt: Date;
  expiresAt: Date;
}

/** Cookie values; browsers take 4096 bytes for name, value and attributes together. */
const LARGEST_COOKIE_VALUE = 3800;
/** Of sessions that were opened: a few megabytes. */
const MOST_KEPT = 1000;

/**
 * Turns a session into an encrypted, authenticated cookie value and back; nothing is stored on the server, so that
 * sessions outlive restarts and work on every replica with the same keys.
 */
export class SessionSealer {
  readonly #sealer: Sealer;
  readonly #now: () => Date;
  /** By cookie value; the oldest first. */
  readonly #opened = new Map<string, Session>();

  constructor(keys: CookieKeys, { now = () => new Date() }: { now?: () => Date } = {}) {
    this.#sealer = new Sealer(keys, "session cookie", { now });
    this.#now = now;
  }

  /**
   * The cookie value of `session`: letters, digits, `-`, `_` and `.`
   *
   * @throws {OidcError} `session_too_large`
   */
  async seal(session: Session): Promise<string> {
    const { groups } = session;
    const text = await this.#sealer.seal(toClaims(session));
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
    const session = this.#opened.get(text) ?? await this.#open(text);
    return session?.sessionId === sessionId && session.expiresAt > this.#now() ? session : undefined;
  }

  /** Decrypting takes longer than all else that a page needs, so that what it gave is kept. */
  async #open(text: string): Promise<Session | undefined> {
    const claims = await this.#sealer.open<SessionClaims>(text);
    const session = claims && toSession(claims);
    if (!session) return undefined;
    if (this.#opened.size >= MOST_KEPT) this.#opened.delete(this.#opened.keys().next().value!);
    this.#opened.set(text, session);
    return session;
  }
}

interface SessionClaims extends SealedClaims {
  /** Who vouches for `sub`; `iss` is the one who sealed the cookie. */
  oiss: string;
  email?: string;
  emailv?: boolean;
  name?: string;
  groups?: string[];
  url: string;
  cid: string;
  chl?: string;
}

function toClaims(session: Session): SessionClaims {
  const { subject, issuer, email, emailVerified, name, groups } = session;
  const { redirectUrl, sessionId, clusterId, codeChallenge } = session;
  return {
    sub: subject,
    jti: sessionId,
    iat: toSeconds(session.createdAt),
    exp: toSeconds(session.expiresAt),
    oiss: issuer,
    email,
    emailv: emailVerified,
    name,
    groups,
    url: redirectUrl,
    cid: clusterId,
    chl: codeChallenge,
  };
}

function toSession(claims: SessionClaims): Session {
  const { sub, oiss, email, emailv, name, groups, url, jti, cid, chl, iat, exp } = claims;
  return {
    subject: sub,
    issuer: oiss,
    ...(email !== undefined && { email }),
    ...(emailv !== undefined && { emailVerified: emailv }),
    ...(name !== undefined && { name }),
    ...(groups !== undefined && { groups }),
    redirectUrl: url,
    sessionId: jti,
    clusterId: cid,
    ...(chl !== undefined && { codeChallenge: chl }),
    createdAt: new Date(iat * 1000),
    expiresAt: new Date(exp * 1000),
  };
}

const toSeconds = (date: Date) => Math.floor(date.getTime() / 1000);
