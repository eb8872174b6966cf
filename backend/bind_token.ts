import { type CookieKeys, deriveKey } from "../oidc/cookie_keys.ts";

/**
 * Tokens in the links that change something: whoever has not seen the page of a session cannot know its token, so that
 * no other site can make a browser bind.
 */
export class BindTokens {
  readonly #keys: CookieKeys;
  #key?: Promise<CryptoKey>;

  constructor(keys: CookieKeys) {
    this.#keys = keys;
  }

  /** @param session the sealed session, as the cookie holds it */
  async issue(session: string): Promise<string> {
    const signature = await crypto.subtle.sign("HMAC", await this.#hmacKey(), new TextEncoder().encode(session));
    return new Uint8Array(signature).toBase64({ alphabet: "base64url", omitPadding: true });
  }

  /** Takes the same time whatever the token. */
  async isValid(token: string, session: string): Promise<boolean> {
    if (!/^[\w-]{43}$/.test(token)) return false;
    const signature = Uint8Array.fromBase64(token, { alphabet: "base64url" });
    return await crypto.subtle.verify("HMAC", await this.#hmacKey(), signature, new TextEncoder().encode(session));
  }

  #hmacKey(): Promise<CryptoKey> {
    return this.#key ??= deriveKey(this.#keys, "bind link").then((key) =>
      crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"])
    );
  }
}
