import type { CookieKeys } from "./cookie_keys.ts";
import { type SealedClaims, Sealer } from "./sealer.ts";
import type { Session } from "./session.ts";

type Person = Pick<Session, "subject" | "issuer" | "email" | "emailVerified" | "groups">;

/** What a person chose for the client that waits for the outcome; says everything that is needed to answer it. */
export interface Choice extends Person, Pick<Session, "sessionId" | "clusterId"> {
  /** `<resource>.<group>` */
  apis: string[];
}

/** A choice as its code brings it back. */
export interface RedeemedChoice extends Choice {
  /** Of the code: whoever answers has to see to it that it is taken once. */
  codeId: string;
  expiresAt: Date;
}

const LIFETIME_MS = 5 * 60_000;
/** 50 APIs with long names stay below. */
const LONGEST_CODE = 8192;

/**
 * Codes that take the place of credentials on the way through the browser: each is worthless without the verifier of
 * the client that began the login (as in RFC 7636), and after five minutes.
 */
export class OneTimeCodes {
  readonly #sealer: Sealer;
  readonly #now: () => Date;

  constructor(keys: CookieKeys, { now = () => new Date() }: { now?: () => Date } = {}) {
    this.#sealer = new Sealer(keys, "one-time code", { now });
    this.#now = now;
  }

  /** @param codeChallenge of the client that may redeem the code */
  async issue(choice: Choice, codeChallenge: string): Promise<string> {
    const { subject, issuer, email, emailVerified, groups, sessionId, clusterId, apis } = choice;
    const now = this.#now().getTime();
    return await this.#sealer.seal({
      sub: subject,
      jti: crypto.randomUUID(),
      iat: Math.floor(now / 1000),
      exp: Math.floor((now + LIFETIME_MS) / 1000),
      oiss: issuer,
      email,
      emailv: emailVerified,
      groups,
      sid: sessionId,
      cid: clusterId,
      apis,
      chl: codeChallenge,
    });
  }

  /** Undefined when the code is not ours, has expired, or belongs to another verifier. */
  async open(code: string, verifier: string): Promise<RedeemedChoice | undefined> {
    if (code.length > LONGEST_CODE || !isCodeVerifier(verifier)) return undefined;
    const claims = await this.#sealer.open<CodeClaims>(code);
    // Nothing secret is compared: whoever began the login knows the challenge.
    if (!claims || claims.chl !== await codeChallengeOf(verifier)) return undefined;
    const { sub, oiss, email, emailv, groups, sid, cid, apis, jti, exp } = claims;
    return {
      subject: sub,
      issuer: oiss,
      ...(email !== undefined && { email }),
      ...(emailv !== undefined && { emailVerified: emailv }),
      ...(groups !== undefined && { groups }),
      sessionId: sid,
      clusterId: cid,
      apis,
      codeId: jti,
      expiresAt: new Date(exp * 1000),
    };
  }
}

interface CodeClaims extends SealedClaims {
  oiss: string;
  email?: string;
  emailv?: boolean;
  groups?: string[];
  sid: string;
  cid: string;
  apis: string[];
  chl: string;
}

const isCodeVerifier = (text: string): boolean => /^[\w.~-]{43,128}$/.test(text);

/** Whether a text can be the S256 challenge of a verifier. */
export const isCodeChallenge = (text: string): boolean => /^[\w-]{43}$/.test(text);

async function codeChallengeOf(verifier: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return new Uint8Array(digest).toBase64({ alphabet: "base64url", omitPadding: true });
}
