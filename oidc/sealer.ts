import { EncryptJWT, jwtDecrypt, type JWTPayload } from "jose";
import { type CookieKeys, deriveKey } from "./cookie_keys.ts";

/** Claims of a sealed text: whose it is, its own id, and when it was made and ends, in whole seconds. */
export interface SealedClaims extends JWTPayload {
  sub: string;
  jti: string;
  iat: number;
  exp: number;
}

const ISSUER = "klutch";

/**
 * Turns claims into encrypted, authenticated and dated texts, and back; nothing is stored, so that they outlive
 * restarts and work on every replica with the same keys. What is sealed for one purpose does not open for another.
 */
export class Sealer {
  readonly #keys: CookieKeys;
  readonly #purpose: string;
  readonly #now: () => Date;
  #sealingKey?: Promise<Uint8Array>;

  constructor(keys: CookieKeys, purpose: string, { now = () => new Date() }: { now?: () => Date } = {}) {
    this.#keys = keys;
    this.#purpose = purpose;
    this.#now = now;
  }

  /** Letters, digits, `-`, `_` and `.` (a JWE, `dir` with A256GCM). */
  async seal({ sub, jti, iat, exp, ...claims }: SealedClaims): Promise<string> {
    return await new EncryptJWT(claims)
      .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
      .setIssuer(ISSUER)
      .setAudience(`klutch ${this.#purpose}`)
      .setSubject(sub)
      .setJti(jti)
      .setIssuedAt(iat)
      .setExpirationTime(exp)
      .encrypt(await this.#key());
  }

  /** Undefined when the text has expired, was tampered with, or was sealed with other keys or for another purpose. */
  async open<Claims extends SealedClaims>(text: string): Promise<Claims | undefined> {
    const key = await this.#key();
    try {
      const { payload } = await jwtDecrypt(text, key, {
        issuer: ISSUER,
        audience: `klutch ${this.#purpose}`,
        requiredClaims: ["sub", "jti", "iat", "exp"],
        currentDate: this.#now(),
        keyManagementAlgorithms: ["dir"],
        contentEncryptionAlgorithms: ["A256GCM"],
      });
      return payload as Claims;
    } catch {
      return undefined;
    }
  }

  #key(): Promise<Uint8Array> {
    return this.#sealingKey ??= deriveKey(this.#keys, this.#purpose);
  }
}
