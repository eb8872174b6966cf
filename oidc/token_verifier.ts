import * as jose from "jose";
import { OidcError } from "./errors.ts";
import { type Identity, identityOf, SIGNING_ALGORITHMS, untrusted } from "./identity.ts";
import { checkIssuerUrl, discover, httpClientOf, LIBRARY_PATIENCE } from "./issuer_client.ts";
import { issuerFetch } from "./issuer_fetch.ts";
import { toOidcError } from "./library_errors.ts";

export interface TokenVerifierOptions {
  /** As in the tokens' `iss`; HTTP is taken on loopback only. */
  issuerUrl: string;
  /** Whom tokens have to be meant for: one of these has to be in `aud`. */
  audiences: readonly string[];
  /** Claim that lists a person's groups. */
  groupsClaim?: string;
  /** PEM certificates trusted in addition to the system's. */
  caData?: string;
  /** For each request to the issuer. */
  timeoutMs?: number;
  now?: () => Date;
}

/** Of the `typ` header; others, e.g. of logout tokens, say nothing about who calls. */
const TOKEN_TYPES = [undefined, "jwt", "at+jwt", "application/at+jwt"];
const CLOCK_TOLERANCE_SECONDS = 30;
/** Tokens come from strangers: one with an unknown key must not cost the issuer a request each time. */
const KEYS_COOLDOWN_MS = 30_000;
const RETRY_AFTER_MS = 5_000;

interface Issuer {
  /** As it writes itself, with a slash at the end or without. */
  issuer: string;
  keys: jose.JWTVerifyGetKey;
}

/**
 * Says whose token it is that somebody shows: an ID token or a JWT access token of one issuer. The issuer is asked for
 * its keys when the first token comes.
 */
export class TokenVerifier implements Disposable {
  readonly issuerUrl: string;
  readonly #options: TokenVerifierOptions;
  readonly #client: Deno.HttpClient | undefined;
  readonly #signal: AbortSignal;
  readonly #now: () => Date;
  #issuer?: Promise<Issuer>;
  #retryAt = 0;

  /**
   * @param signal ends requests to the issuer
   * @throws {OidcError} `configuration`
   */
  constructor(options: TokenVerifierOptions, signal: AbortSignal) {
    checkIssuerUrl(options.issuerUrl);
    this.issuerUrl = options.issuerUrl;
    this.#options = options;
    this.#client = httpClientOf(options.caData);
    this.#signal = signal;
    this.#now = options.now ?? (() => new Date());
  }

  /**
   * The verified identity behind a token: signature, `iss`, `aud`, `exp` and `nbf` are checked.
   *
   * @throws {OidcError} `id_token_invalid`, `issuer_unreachable`, `issuer_misbehaved`
   */
  async verify(token: string): Promise<Identity> {
    try {
      const { issuer, keys } = await this.#reach();
      const { payload, protectedHeader } = await jose.jwtVerify(token, keys, {
        issuer,
        audience: [...this.#options.audiences],
        algorithms: SIGNING_ALGORITHMS,
        requiredClaims: ["sub", "exp"],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: this.#now(),
      });
      if (!TOKEN_TYPES.includes(protectedHeader.typ?.toLowerCase())) throw untrusted("it is not for logging in (typ)");
      return identityOf(payload, this.#options.groupsClaim ?? "groups");
    } catch (error) {
      this.#signal.throwIfAborted();
      throw toOidcError(error, `Cannot trust the token of issuer "${this.issuerUrl}"`);
    }
  }

  #reach(): Promise<Issuer> {
    const isOver = this.#retryAt > 0 && this.#retryAt <= this.#now().getTime();
    if (!this.#issuer || isOver) {
      this.#retryAt = 0;
      this.#issuer = this.#discover();
      this.#issuer.catch(() => this.#retryAt = this.#now().getTime() + RETRY_AFTER_MS);
    }
    return this.#issuer;
  }

  async #discover(): Promise<Issuer> {
    const { issuerUrl, timeoutMs = 10_000 } = this.#options;
    const fetch = issuerFetch({ issuerUrl, timeoutMs, client: this.#client }, this.#signal);
    const wanted = { issuerUrl: checkIssuerUrl(issuerUrl), endpoints: ["jwks_uri"] as const, timeoutMs, fetch };
    const { issuer, jwks_uri } = await discover(wanted, this.#signal);
    const keys = jose.createRemoteJWKSet(new URL(jwks_uri!), {
      [jose.customFetch]: fetch,
      timeoutDuration: LIBRARY_PATIENCE * timeoutMs,
      cooldownDuration: KEYS_COOLDOWN_MS,
    });
    return { issuer, keys };
  }

  [Symbol.dispose](): void {
    this.#client?.close();
  }
}

/**
 * The issuer that a token names, before anybody has checked whether that is true.
 *
 * @throws {OidcError} `id_token_invalid` for what is no token
 */
export function claimedIssuerOf(token: string): string | undefined {
  try {
    return jose.decodeJwt(token).iss;
  } catch {
    throw new OidcError("id_token_invalid", "Cannot trust the token: it is not a JSON Web Token");
  }
}
