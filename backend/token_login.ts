import { OidcError } from "../oidc/errors.ts";
import type { Identity } from "../oidc/identity.ts";
import { claimedIssuerOf, TokenVerifier } from "../oidc/token_verifier.ts";
import type { OidcOptions } from "./login_options.ts";
import { Refusal } from "./refusal.ts";

/** Who shows a token. */
export interface TokenBearer {
  identity: Identity;
  /** Whether `--oidc-allowed-programs` names it; others are judged like people who log in by browser. */
  isNamed: boolean;
}

/** Finds out who shows a token, if it is of one of our issuers and meant for us. */
export class TokenLogin implements Disposable {
  readonly #open: (caData: string | undefined) => TokenVerifier[];
  #verifiers: TokenVerifier[];
  readonly #ownIssuer: string;
  readonly #programs: readonly string[];

  /**
   * @param caData PEM of a private issuer's CA
   * @param signal ends requests to issuers
   */
  constructor(
    { issuerUrl, groupsClaim, tokens }: Pick<OidcOptions, "issuerUrl" | "groupsClaim" | "tokens">,
    { caData }: { caData?: string },
    signal: AbortSignal,
  ) {
    const { cliClientId, audiences, otherIssuers, programs } = tokens;
    this.#ownIssuer = issuerUrl;
    this.#programs = programs;
    const own = [...(cliClientId ? [cliClientId] : []), ...audiences];
    const issuers = [
      ...(own.length > 0 ? [{ issuerUrl, audiences: own }] : []),
      ...otherIssuers.map((other) => ({ issuerUrl: other, audiences })),
    ];
    this.#open = (caData) => issuers.map((issuer) => new TokenVerifier({ ...issuer, groupsClaim, caData }, signal));
    this.#verifiers = this.#open(caData);
  }

  /** Trusts another CA from now on. */
  trust(caData: string): void {
    const former = this.#verifiers;
    this.#verifiers = this.#open(caData);
    for (const verifier of former) verifier[Symbol.dispose]();
  }

  /** False when nobody can log in this way. */
  get isOpen(): boolean {
    return this.#verifiers.length > 0;
  }

  /**
   * The verified identity behind a token. Subjects of other issuers get the issuer's URL in front, since what two issuers
   * call `jane` need not be one person; and as everybody may have a token of a public CI system, they have to be named.
   *
   * @throws {OidcError}
   * @throws {Refusal} for programs that nobody has named
   */
  async identify(token: string): Promise<TokenBearer> {
    const claimed = claimedIssuerOf(token);
    const verifier = this.#verifiers.find(({ issuerUrl }) => isSame(issuerUrl, claimed));
    if (!verifier) {
      throw new OidcError("id_token_invalid", "Cannot trust the token: it is of an issuer that is not accepted here");
    }
    const identity = await verifier.verify(token);
    if (isSame(verifier.issuerUrl, this.#ownIssuer)) return { identity, isNamed: false };
    const subject = `${identity.issuer.replace(/\/$/, "")}/${identity.subject}`;
    if (!this.#programs.some((pattern) => isMatch(pattern, subject))) {
      const message = "Your token is good, but whoever runs this provider has not named your program as one that may.";
      throw new Refusal(403, "You may not use this provider", message);
    }
    // What another issuer says about groups and addresses means nothing here.
    return { identity: { issuer: identity.issuer, subject }, isNamed: true };
  }

  [Symbol.dispose](): void {
    for (const verifier of this.#verifiers) verifier[Symbol.dispose]();
  }
}

/** Issuers write themselves with a slash at the end or without. */
const isSame = (one: string, other: string | undefined): boolean =>
  other !== undefined && URL.parse(one)?.href === URL.parse(other)?.href;

/** @param pattern a subject, or the beginning of some with `*` behind it */
const isMatch = (pattern: string, subject: string): boolean =>
  pattern.endsWith("*") ? subject.startsWith(pattern.slice(0, -1)) : subject === pattern;
