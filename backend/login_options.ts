import type { Command } from "commander";
import { formatListenAddress, type ListenAddress } from "../kube/address.ts";
import { type CookieKeys, parseCookieKeys } from "../oidc/cookie_keys.ts";
import { OidcError } from "../oidc/errors.ts";
import { isLoopback } from "../oidc/issuer_fetch.ts";
import { type ProgramContext, UsageError } from "../program.ts";
import type { Admission } from "./admission.ts";
import { notEmpty, readList, readUrl } from "./option_values.ts";

export interface OidcOptions {
  issuerUrl: string;
  clientId: string;
  /** None for a public client. */
  clientSecret?: string;
  /** Our public address, and `/callback`. */
  callbackUrl: string;
  /** PEM file of a private issuer's CA. */
  caFile?: string;
  /** What to ask the issuer for, if not the usual. */
  scopes?: string[];
  /** Claim of the ID token that lists a person's groups. */
  groupsClaim?: string;
  tokens: TokenOptions;
}

/** How command lines may log in without a browser. */
export interface TokenOptions {
  /** Public client at the issuer that people log in with by device code; without it, they cannot. */
  cliClientId?: string;
  /** Whom tokens of programs have to be meant for; none of them means that programs cannot log in. */
  audiences: string[];
  /** Issuers besides ours whose tokens programs may show. */
  otherIssuers: string[];
  /** `<issuer>/<subject>` of those that may, each perhaps with `*` at its end. */
  programs: string[];
}

/** Who may log in, and how they are remembered. */
export interface LoginOptions {
  /** `embedded`: an issuer in this process, for demos and tests. Absent where nobody logs in. */
  oidc?: OidcOptions | "embedded";
  /** Who may use this provider at all. */
  admission: Admission;
  /** What `/export` advertises, if not the neighbour of the callback URL. */
  authorizeUrl?: string;
  /** Made up at start when absent, which the embedded issuer alone allows. */
  cookieKeys?: CookieKeys;
}

/** The flags as commander hands them over. */
export interface LoginFlags {
  oidcIssuerUrl?: string;
  oidcIssuerClientId?: string;
  oidcIssuerClientSecret?: string;
  oidcCallbackUrl?: string;
  oidcAuthorizeUrl?: string;
  oidcCaFile?: string;
  oidcScopes?: string;
  oidcGroupsClaim?: string;
  oidcAllowedGroups?: string;
  oidcAllowedUsers?: string;
  oidcCliClientId?: string;
  oidcTokenAudiences?: string;
  oidcTokenIssuers?: string;
  oidcAllowedPrograms?: string;
  oidcEmbedded?: boolean;
  cookieSigningKey?: string;
  cookieEncryptionKey?: string;
}

/** Where secrets can come from as well: whoever is on the machine sees flags in the list of processes. */
const SECRET_VARIABLES = {
  oidcIssuerClientSecret: "KLUTCH_OIDC_CLIENT_SECRET",
  cookieSigningKey: "KLUTCH_COOKIE_SIGNING_KEY",
  cookieEncryptionKey: "KLUTCH_COOKIE_ENCRYPTION_KEY",
} as const satisfies Partial<Record<keyof LoginFlags, string>>;

/** For the help of the command. */
export const SECRETS_HELP = `
Secrets can be given as environment variables, too, which the list of processes
does not show:
  ${Object.values(SECRET_VARIABLES).join("\n  ")}
`;

export const addLoginFlags = (command: Command): Command =>
  command
    .optionsGroup("Login:")
    .option("--oidc-issuer-url <url>", "OpenID Connect issuer that users log in at")
    .option("--oidc-issuer-client-id <id>", "our client there")
    .option("--oidc-issuer-client-secret <secret>", "the client's secret; leave it out for a public client")
    .option("--oidc-callback-url <url>", "our public host and /callback, as registered at the issuer")
    .option("--oidc-authorize-url <url>", "our public URL that ends in /authorize; otherwise next to the callback URL")
    .option("--oidc-ca-file <file>", "CA of a private issuer, trusted in addition to the system's")
    .option("--oidc-scopes <list>", "what to ask the issuer for; otherwise openid,profile,email")
    .option("--oidc-groups-claim <claim>", "claim of the ID token with a person's groups", "groups")
    .option("--oidc-allowed-groups <list>", "only members of one of these groups may log in, and allowed users")
    .option("--oidc-allowed-users <list>", "only these may log in, by subject or verified e-mail, and allowed groups")
    .option("--oidc-cli-client-id <id>", "public client at the issuer for `bind --non-interactive`, by device code")
    .option("--oidc-token-audiences <list>", "let programs in by tokens for one of these: client credentials, CI")
    .option("--oidc-token-issuers <list>", "other issuers that such tokens may come from, e.g. that of a CI system")
    .option("--oidc-allowed-programs <list>", "who of other issuers may log in: issuer/subject, or its start and *")
    .option("--oidc-embedded", "start an issuer in this process that lets everybody in: for demos and tests only")
    .option("--cookie-signing-key <base64>", "32 or 64 bytes; the same on every replica")
    .option("--cookie-encryption-key <base64>", "16, 24 or 32 bytes, optional");

/** What flags and variables are read beside. */
interface LoginSurroundings {
  /** The public listener. */
  listen: ListenAddress;
  env: ProgramContext["env"];
  /** Whether it works without a login, too; some of the flags are a mistake all the same. */
  isOptional: boolean;
}

/** @throws {UsageError} naming the flag and what it takes */
export function readLoginOptions(given: LoginFlags, { listen, env, isOptional }: LoginSurroundings): LoginOptions {
  const flags = { ...secretsIn(env), ...given };
  return {
    oidc: isOptional && !isAnyGiven(flags) ? undefined : readOidc(flags, listen),
    admission: { groups: readList(flags.oidcAllowedGroups), users: readList(flags.oidcAllowedUsers) },
    authorizeUrl: flags.oidcAuthorizeUrl && readUrl(flags.oidcAuthorizeUrl, "--oidc-authorize-url").href,
    cookieKeys: readCookieKeys(flags),
  };
}

const secretsIn = (env: ProgramContext["env"]): LoginFlags =>
  Object.fromEntries(Object.entries(SECRET_VARIABLES).map(([flag, variable]) => [flag, env[variable]]));

/** The groups claim has a default, so that it says nothing. */
const isAnyGiven = ({ oidcGroupsClaim: _, ...flags }: LoginFlags): boolean =>
  Object.entries(flags).some(([flag, value]) => /^(oidc|cookie)/.test(flag) && value);

function readOidc(flags: LoginFlags, listen: ListenAddress): OidcOptions | "embedded" {
  const required = {
    "--oidc-issuer-url": flags.oidcIssuerUrl,
    "--oidc-issuer-client-id": flags.oidcIssuerClientId,
    "--oidc-callback-url": flags.oidcCallbackUrl,
  };
  const { oidcIssuerClientSecret: clientSecret } = flags;
  if (flags.oidcEmbedded) {
    const given = Object.entries({ ...required, "--oidc-issuer-client-secret": clientSecret });
    const surplus = given.find(([, value]) => value);
    if (surplus) throw new UsageError(`'--oidc-embedded' excludes '${surplus[0]}': one issuer has to do`);
    if (!isLoopback(URL.parse(`http://${formatListenAddress(listen)}`)?.hostname ?? "")) {
      throw new UsageError(
        "'--oidc-embedded' lets everybody in, so '--listen-address' has to be on loopback, e.g. 127.0.0.1:8080",
      );
    }
    return "embedded";
  }
  const missing = Object.entries({ ...required, "--cookie-signing-key": flags.cookieSigningKey })
    .flatMap(([flag, value]) => value ? [] : [`'${flag}'`]);
  if (missing.length > 0) {
    throw new UsageError(`missing ${missing.join(", ")}; to try things out, '--oidc-embedded' replaces them all`);
  }
  const callback = readUrl(flags.oidcCallbackUrl!, "--oidc-callback-url");
  if (callback.pathname !== "/callback") {
    throw new UsageError(
      `invalid value '${callback.href}' for '--oidc-callback-url': its path has to be /callback, as the pages need a ` +
        "host of their own, e.g. https://klutch.example.com/callback",
    );
  }
  readUrl(flags.oidcIssuerUrl!, "--oidc-issuer-url");
  return {
    issuerUrl: flags.oidcIssuerUrl!, // as written, since it is compared with what the issuer says
    clientId: flags.oidcIssuerClientId!,
    // An empty one is a variable that nobody has set, rather than a public client.
    clientSecret: clientSecret === undefined ? undefined : notEmpty(clientSecret, "--oidc-issuer-client-secret"),
    callbackUrl: callback.href,
    caFile: flags.oidcCaFile,
    scopes: flags.oidcScopes === undefined ? undefined : readScopes(flags.oidcScopes),
    groupsClaim: flags.oidcGroupsClaim,
    tokens: readTokens(flags),
  };
}

function readTokens(flags: LoginFlags): TokenOptions {
  const { oidcCliClientId, oidcTokenAudiences, oidcTokenIssuers, oidcAllowedPrograms } = flags;
  const audiences = readList(oidcTokenAudiences);
  const otherIssuers = readList(oidcTokenIssuers);
  for (const url of otherIssuers) readUrl(url, "--oidc-token-issuers");
  const programs = readList(oidcAllowedPrograms);
  if (otherIssuers.length > 0 && (audiences.length === 0 || programs.length === 0)) {
    throw new UsageError(
      "'--oidc-token-issuers' needs '--oidc-token-audiences' and '--oidc-allowed-programs', too: " +
        "whom their tokens are meant for, and whose tokens",
    );
  }
  return {
    cliClientId: oidcCliClientId && notEmpty(oidcCliClientId, "--oidc-cli-client-id"),
    audiences,
    otherIssuers,
    programs,
  };
}

function readScopes(text: string): string[] {
  const scopes = readList(text);
  if (scopes.includes("openid")) return scopes;
  throw new UsageError(`invalid value '${text}' for '--oidc-scopes': openid has to be among them`);
}

function readCookieKeys({ cookieSigningKey, cookieEncryptionKey }: LoginFlags): CookieKeys | undefined {
  if (!cookieSigningKey) {
    if (cookieEncryptionKey) throw new UsageError("'--cookie-encryption-key' needs '--cookie-signing-key', too");
    return undefined;
  }
  try {
    return parseCookieKeys({ signingKey: cookieSigningKey, encryptionKey: cookieEncryptionKey });
  } catch (error) {
    if (error instanceof OidcError) throw new UsageError(error.message);
    throw error;
  }
}
