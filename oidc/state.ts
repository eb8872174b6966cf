import { base64url } from "jose";
import { type CookieKeys, deriveKey } from "./cookie_keys.ts";
import { OidcError } from "./errors.ts";
import { decodePortableBase64, encodePortableBase64 } from "./portable_base64.ts";

/** What a login is for; travels through the issuer and back. */
export interface LoginTarget {
  /** Where the client waits for the outcome; the caller has checked that it may be sent there. */
  redirectUrl: string;
  sessionId: string;
  clusterId: string;
  /** PKCE between the client and us: base64url of the SHA-256 of what only that client knows. */
  codeChallenge?: string;
}

/** What the relying party needs on both legs of one login. */
export interface LoginSecrets {
  /** The text that travels as query parameter `state`. */
  state: string;
  nonce: string;
  /** PKCE: its hash goes to the issuer first, the verifier itself only with the code. */
  codeVerifier: string;
}

export interface StartedLogin extends LoginSecrets {
  /** For an HttpOnly, SameSite=Lax cookie that lives until `expiresAt`; Strict would not come back from the issuer. */
  browserSecret: string;
  expiresAt: Date;
}

export interface FinishedLogin extends LoginTarget, LoginSecrets {}

export interface LoginStatesOptions {
  now?: () => Date;
  lifetimeMs?: number;
  /** How many finished logins are remembered at most; the oldest is forgotten first. */
  remembered?: number;
}

/** More is no login of ours; a limit, because it comes from anybody. */
const LONGEST_STATE = 8192;

/**
 * Begins logins and finishes each at most once, in the browser that began it, without a server-side store.
 *
 * The state is signed but readable, as issuers and their logs see it anyway. Nonce and PKCE verifier are not in it: they
 * are derived from the secret in the browser's cookie, so that one who sees the state, or steals the code on its way, has
 * neither. A state that was finished is remembered by this process until it expires; other replicas are kept from taking
 * it by the cookie, which the caller clears on the callback, and by the issuer, which takes a code once.
 */
export class LoginStates {
  readonly #keys: CookieKeys;
  readonly #now: () => Date;
  readonly #lifetimeMs: number;
  readonly #remembered: number;
  readonly #finished = new Map<string, number>();
  #signingKey?: Promise<CryptoKey>;

  constructor(keys: CookieKeys, options: LoginStatesOptions = {}) {
    const { now = () => new Date(), lifetimeMs = 10 * 60_000, remembered = 100_000 } = options;
    this.#keys = keys;
    this.#now = now;
    this.#lifetimeMs = lifetimeMs;
    this.#remembered = remembered;
  }

  /** A new login of this browser: `state` goes to the issuer, `browserSecret` into a cookie. */
  async begin(target: LoginTarget): Promise<StartedLogin> {
    const browserSecret = toText(crypto.getRandomValues(new Uint8Array(32)));
    const expiresAtSeconds = Math.floor((this.#now().getTime() + this.#lifetimeMs) / 1000);
    const browser = await digest(browserSecret, "browser");
    const fields: StateFields = {
      redirectURL: target.redirectUrl,
      sid: target.sessionId,
      cid: target.clusterId,
      chl: target.codeChallenge,
      exp: expiresAtSeconds,
      browser,
    };
    const state = encodePortableBase64({ ...fields, sig: await this.#sign(fields) });
    if (state.length > LONGEST_STATE) {
      throw new OidcError("state_invalid", "Cannot begin the login: the redirect URL is too long");
    }
    return { state, browserSecret, expiresAt: new Date(expiresAtSeconds * 1000), ...(await secretsOf(browserSecret)) };
  }

  /**
   * The login that `state` belongs to; from here on it counts as finished, whatever comes of it.
   *
   * @param browserSecret value of the cookie that `begin` asked for, if the browser sent one
   * @throws {OidcError} `state_invalid`, `state_expired`, `state_foreign`, `state_replayed`
   */
  async finish(state: string | undefined, browserSecret: string | undefined): Promise<FinishedLogin> {
    const fields = await this.#read(state);
    const nowSeconds = this.#now().getTime() / 1000;
    if (fields.exp <= nowSeconds) {
      throw new OidcError("state_expired", "This login took too long and has expired: start it again");
    }
    // No secret is compared here: the expected value stands readable in the state.
    const isSameBrowser = browserSecret && (await digest(browserSecret, "browser")) === fields.browser;
    // Nothing is awaited between asking and remembering, so that two requests at once cannot both pass.
    if (this.#finished.has(fields.browser)) {
      throw new OidcError("state_replayed", "This login has been finished already: start a new one");
    }
    if (!isSameBrowser) {
      throw new OidcError(
        "state_foreign",
        "This login was not begun in this browser, was finished already, or cookies are blocked: start it again",
      );
    }
    this.#remember(fields, nowSeconds);
    return {
      state: state!,
      redirectUrl: fields.redirectURL,
      sessionId: fields.sid,
      clusterId: fields.cid,
      ...(fields.chl !== undefined && { codeChallenge: fields.chl }),
      ...(await secretsOf(browserSecret)),
    };
  }

  async #read(state: string | undefined): Promise<StateFields> {
    const invalid = (why: string) => new OidcError("state_invalid", `Cannot finish the login: ${why}; start it again`);
    if (!state) throw invalid("the state parameter is missing");
    if (state.length > LONGEST_STATE) throw invalid("the state parameter is too long");
    const value = decodeState(state);
    if (!value) throw invalid("the state parameter is not one of ours");
    if (!await crypto.subtle.verify("HMAC", await this.#key(), value.signature, signedBytes(value))) {
      throw invalid("the signature of the state parameter does not match");
    }
    return value;
  }

  #remember({ browser, exp }: StateFields, nowSeconds: number): void {
    for (const [finished, expiresAtSeconds] of this.#finished) {
      if (expiresAtSeconds > nowSeconds && this.#finished.size < this.#remembered) break;
      this.#finished.delete(finished);
    }
    this.#finished.set(browser, exp);
  }

  async #sign(fields: StateFields): Promise<string> {
    return toText(new Uint8Array(await crypto.subtle.sign("HMAC", await this.#key(), signedBytes(fields))));
  }

  #key(): Promise<CryptoKey> {
    return this.#signingKey ??= deriveKey(this.#keys, "login state").then(hmacKey);
  }
}

/** As in the original, which has the first three. */
interface StateFields {
  redirectURL: string;
  sid: string;
  cid: string;
  /** The client's code challenge. */
  chl?: string;
  /** Seconds since 1970. */
  exp: number;
  /** Digest of the browser's secret. */
  browser: string;
}

function decodeState(text: string): StateFields & { signature: Uint8Array<ArrayBuffer> } | undefined {
  try {
    const { redirectURL, sid, cid, chl, exp, browser, sig } = decodePortableBase64(text) as Record<string, unknown>;
    if (typeof redirectURL !== "string" || typeof sid !== "string" || typeof cid !== "string") return undefined;
    if (chl !== undefined && typeof chl !== "string") return undefined;
    if (typeof exp !== "number" || typeof browser !== "string" || typeof sig !== "string") return undefined;
    return { redirectURL, sid, cid, chl, exp, browser, signature: new Uint8Array(base64url.decode(sig)) };
  } catch {
    return undefined;
  }
}

const signedBytes = ({ redirectURL, sid, cid, chl = "", exp, browser }: StateFields) =>
  new TextEncoder().encode(JSON.stringify([redirectURL, sid, cid, chl, exp, browser]));

async function secretsOf(browserSecret: string): Promise<{ nonce: string; codeVerifier: string }> {
  return { nonce: await digest(browserSecret, "nonce"), codeVerifier: await digest(browserSecret, "code verifier") };
}

/** 43 characters of the URL alphabet, as RFC 7636 wants a code verifier. */
async function digest(secret: string, purpose: string): Promise<string> {
  const key = await hmacKey(new TextEncoder().encode(secret));
  return toText(new Uint8Array(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(purpose))));
}

const hmacKey = (bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);

const toText = (bytes: Uint8Array<ArrayBuffer>) => base64url.encode(bytes);
